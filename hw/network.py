"""A lowered network: populations of neurons, and the projections and shortcuts between them.

Neurons are numbered site by site: neuron = site * channels + channel. A population without a grid
is one site; so a dense layer, a convolution and a sparse convolution are one thing: pairs of sites
(``wiring``), and a weight for each (input channel, tap, output channel).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.neuron_models import NeuronModel
from neurospike.hw.wiring import Level, Shape3, Wiring
from neurospike.sparse import ActiveSet

Kind = Literal["dense", "sparse", "conv"]
Layout = Literal["voxels", "sequence", "static"]


@dataclass(frozen=True)
class Space:
    """Where the neurons of a population sit.

    Attributes
    ----------
    channels
        Neurons of a site.
    shape
        Edges of the grid of sites; () is one site.
    level
        Index into ``Network.levels`` where only occupied voxels of the grid have neurons; None
        where every site has.
    """

    channels: int
    shape: tuple[int, ...] = ()
    level: int | None = None

    @property
    def grid_sites(self) -> int:
        """Sites of the whole grid, occupied or not."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind.

    Attributes
    ----------
    name
        Path of the layer in the model; unique in the network.
    space
        Where they sit.
    neuron
        What they do with their current at every integer step.
    bias
        Current of every step, (channels,) or (sites, channels), or None: biases and folded norms.
    extra_steps
        Integer steps that it runs longer than the input: the tails of the delays before it.
    """

    name: str
    space: Space
    neuron: NeuronModel
    bias: NDArray[Any] | None = None
    extra_steps: int = 0


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population to another.

    Attributes
    ----------
    name
        Path of the layer; unique in the network.
    source, target
        Names of populations; the same where recurrent.
    wiring
        Which site meets which, at which tap.
    weight
        (C_in, taps, C_out / groups), float64, or integers in a quantised network. Input channel c
        reaches the output channels of its group, c * groups // C_in.
    groups
        Groups of channels, as in a convolution.
    delay
        Whole steps, the shape of ``weight``, or None. Delay 0 arrives in the step of the spike.
    kind
        What chips price it as: "conv" where weights are shared between sites.
    once
        Whether the source speaks in the first step only and its current is held ever after.
    shift
        In a quantised network where the source sends real numbers: the projection's own sum of
        products, of one step and target, comes to the target's unit by rounding half up,
        ``(sum + half) >> shift`` with half = (1 << shift) >> 1, before anything else is added.
    """

    name: str
    source: str
    target: str
    wiring: Wiring
    weight: NDArray[Any]
    groups: int = 1
    delay: NDArray[np.int32] | None = None
    kind: Kind = "dense"
    once: bool = False
    shift: int = 0

    @property
    def max_delay(self) -> int:
        """The longest delay, in steps."""
        return 0 if self.delay is None or self.delay.size == 0 else int(self.delay.max())


@dataclass(frozen=True)
class Shortcut:
    """Add the current of one population, as of the same step, to that of another.

    No spike: one addition a neuron and step, and one message of many bits where the two neurons
    sit in different cores. Both populations have the same sites and channels.
    """

    name: str
    source: str
    target: str


@dataclass(frozen=True)
class Output:
    """What the host reads.

    Attributes
    ----------
    population
        Whose values are read: its membranes, or its spikes where it fires.
    over_sites, over_time
        "mean", "sum", or None to keep the axis.
    empty
        (channels,) what stands for the mean of no sites, in real units; () for zeros.
    """

    population: str
    over_sites: Literal["mean", "sum"] | None = None
    over_time: Literal["mean", "sum"] | None = None
    empty: tuple[float, ...] = ()


@dataclass(frozen=True)
class WeightError:
    """What integers cost the weights of a projection.

    Attributes
    ----------
    scale
        Value of one unit of weight; a power of two.
    clipped
        Share of the weights that lie beyond the width and were brought to its end.
    rms
        Root of the mean squared error, in the weights' own real unit.
    relative
        The same as a share of the weights' root mean square.
    """

    scale: float
    clipped: float
    rms: float
    relative: float


@dataclass(frozen=True)
class Quantisation:
    """Widths and scales of a network whose numbers are integers.

    Attributes
    ----------
    weight_bits, membrane_bits
        Signed widths. Membranes beyond saturate, which is counted.
    scale
        Value of one unit of current and membrane of each population; a power of two.
    input_scale
        Value of one unit of each real input; a power of two.
    errors
        Projection -> how well its integers meet its weights.
    """

    weight_bits: int
    membrane_bits: int
    scale: dict[str, float]
    input_scale: dict[str, float] = field(default_factory=dict)
    errors: dict[str, WeightError] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Network:
    """Populations in an order in which every source but a recurrent one comes first.

    Attributes
    ----------
    populations, projections, shortcuts
        The network.
    output
        What the host reads, or None.
    levels
        Sets of occupied voxels, the input's first; empty without voxels.
    layout
        What ``emulate`` takes: "voxels" (a VoxelTensor), "sequence" (T, B, ...), or "static"
        (B, ...).
    steps
        Integer steps of a sample where the model itself makes time; None where a sequence does.
    quantised
        None, or how its numbers were made integers.
    input_shape
        Edges of the grid that samples come on, where that is smaller than the first level's: the
        model pads it.
    example
        The voxels of the sample that it was lowered with, one set a level; empty without voxels.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    shortcuts: tuple[Shortcut, ...] = ()
    output: Output | None = None
    levels: tuple[Level, ...] = ()
    layout: Layout = "sequence"
    steps: int | None = None
    quantised: Quantisation | None = None
    input_shape: Shape3 | None = None
    example: tuple[ActiveSet, ...] = ()

    def population(self, name: str) -> Population:
        """The population of that name."""
        for found in self.populations:
            if found.name == name:
                return found
        names = ", ".join(p.name for p in self.populations)
        raise ArgumentError(f"Network.population.name: must be one of {names}; got {name!r}.")

    def into(self, name: str) -> tuple[Projection, ...]:
        """The projections that end in a population, in their order."""
        return tuple(p for p in self.projections if p.target == name)

    def out_of(self, name: str) -> tuple[Projection, ...]:
        """The projections that start from a population, in their order."""
        return tuple(p for p in self.projections if p.source == name)
