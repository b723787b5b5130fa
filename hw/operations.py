"""What a rule says of one call of a layer: plain operations, or synapses that carried a tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from neurospike.hw.accesses import Accesses
from neurospike.hw.origins import tensors_in
from neurospike.sparse import VoxelTensor

Emits = Literal["real", "spikes", "same", "sums"]


@dataclass(frozen=True)
class Call:
    """One call of a layer, as a rule sees it.

    Attributes
    ----------
    layer
        The module that was called.
    args, kwargs
        What it was called with.
    output
        What it returned; for ``step``, without the state.
    spikes
        Whether its first input came from spiking neurons.
    trail
        What its first input came straight out of; see ``origins.Trail``.
    biased
        Whether the layer has a bias that was not blanked for this call.
    """

    layer: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any
    spikes: bool
    trail: int = 0
    biased: bool = False

    @property
    def input(self) -> Any:
        """The first input, a tensor, a VoxelTensor or a tuple."""
        return self.args[0] if self.args else next(iter(self.kwargs.values()))

    @property
    def values(self) -> Tensor:
        """The numbers of the first input."""
        return next(tensors_in(self.input))

    @property
    def out_values(self) -> Tensor:
        """The numbers of the first output."""
        return next(tensors_in(self.output))


@dataclass(frozen=True)
class Operations:
    """What a layer did, summed over the whole batch.

    Attributes
    ----------
    macs
        Multiply-accumulates on real numbers.
    acs
        Additions that no event triggers: biases, shortcuts, pooling.
    synops
        Accumulations that an event triggers at a synapse; a spike of value v counts v.
    updates
        Neuron-steps.
    emits
        What the output is: "real", "spikes", "same" as the first input, or real "sums" of the
        events that came in.
    note
        One or two words for the table.
    memory_pj
        Energy of memory accesses, for conventions that price them.
    delay_writes, delay_reads
        Numbers added into delay lines, and taken out of them.
    accesses
        What is read and written, for conventions that price memory. None: a product reads a number
        of the input and a weight, an event its weights and sums, and results are written.
    """

    macs: float = 0.0
    acs: float = 0.0
    synops: float = 0.0
    updates: float = 0.0
    emits: Emits = "real"
    note: str = ""
    memory_pj: float = 0.0
    delay_writes: float = 0.0
    delay_reads: float = 0.0
    accesses: Accesses | None = None


@dataclass(frozen=True)
class Synapses:
    """A layer of weights under one input: all that any convention needs.

    Attributes
    ----------
    values
        The input's numbers, virtual steps unfolded.
    spikes
        Whether they came from spiking neurons.
    dense_macs
        Products if every input were non-zero, over the batch and every step of ``values``.
    synops
        Counts the events through the connections that exist.
    effective
        Counts the pairs of a non-zero input and a non-zero weight; with True, of any input and
        any weight.
    fan_out
        Targets of an input away from the border: taps times output channels.
    weights
        Stored weights.
    bias_adds
        Additions of the bias, over the batch and every integer step.
    outputs
        Outputs, over the batch and every integer step.
    spatial
        Whether targets are found by coordinates, as in convolutions.
    steps
        Integer time steps, where the layer can tell; else None.
    virtual_steps
        Steps of ``values`` per integer step, where the layer can tell; else 1.
    biases
        Stored biases.
    delay_writes, delay_reads
        As in ``Operations``.
    """

    values: Tensor
    spikes: bool
    dense_macs: float
    synops: Callable[[], float]
    effective: Callable[[bool], float]
    fan_out: float
    weights: int
    bias_adds: float
    outputs: float
    spatial: bool
    steps: int | None = None
    virtual_steps: int = 1
    note: str = ""
    delay_writes: float = 0.0
    delay_reads: float = 0.0
    biases: int = 0
    events: float = field(init=False)
    nonzero: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "events", total(self.values))
        object.__setattr__(self, "nonzero", int(torch.count_nonzero(self.values)))


def added(parts: Iterable[Operations]) -> Operations:
    """Products, events, additions and accesses of all parts of one layer."""
    every = tuple(parts)
    return Operations(
        macs=sum(part.macs for part in every),
        acs=sum(part.acs for part in every),
        synops=sum(part.synops for part in every),
        accesses=tuple(access for part in every for access in part.accesses or ()),
    )


def total(values: Tensor) -> float:
    """Sum of magnitudes, in float64: events of a tensor of spikes."""
    sizes = values if values.dtype == torch.bool else values.abs()
    return float(sizes.sum(dtype=torch.float64))


def voxel_steps(x: VoxelTensor) -> int:
    """Time steps of a VoxelTensor, virtual ones included."""
    return 1 if x.features.ndim == 2 else x.features.shape[0]
