"""The conventions of counting, each by name and never mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from neurospike.hw.operations import Operations, Synapses
from neurospike.hw.prices import memory_access_pj


@dataclass(frozen=True)
class Place:
    """Where a layer of synapses stands: whether it is the first, and the batch it sees."""

    first: bool
    batch_size: int
    steps: int


@dataclass(frozen=True)
class Convention:
    """How one convention counts synapses, and what it keeps of everything else."""

    name: str
    synapses: Callable[[Synapses, Place], Operations]
    keeps_additions: bool
    """Whether biases, norms, shortcuts, pooling, delay lines and updates are part of it."""

    def judge(self, layer: Synapses, place: Place) -> Operations:
        """What the convention counts in a layer of synapses."""
        counted = self.synapses(layer, place)
        if not self.keeps_additions:
            return counted
        return replace(counted, delay_writes=layer.delay_writes, delay_reads=layer.delay_reads)

    def others(self, operations: Operations) -> Operations:
        """What the convention keeps of a layer that is not synapses."""
        if self.keeps_additions:
            return operations
        acs = operations.synops  # the convention's own word for an event's work
        return replace(
            operations, acs=acs, synops=0.0, updates=0.0, delay_writes=0.0, delay_reads=0.0
        )


def _exact(layer: Synapses, place: Place) -> Operations:
    """Events through the connections that exist; real inputs as dense products."""
    if layer.spikes:
        return Operations(synops=layer.synops(), acs=layer.bias_adds)
    return Operations(macs=layer.dense_macs, acs=layer.bias_adds, note=_real_note(place))


def _paper(layer: Synapses, place: Place) -> Operations:
    """FLOPs of the layer times the mean spike of its inputs, over every step."""
    if layer.spikes:
        numbers = layer.values.numel()
        rate = layer.events / numbers if numbers else 0.0
        return Operations(acs=rate * layer.dense_macs)
    if place.first:
        steps = layer.steps if layer.steps is not None else place.steps
        return Operations(macs=layer.dense_macs / max(steps, 1), note=_real_note(place))
    return Operations(macs=layer.dense_macs, note=_real_note(place))


def _neurobench(layer: Synapses, _place: Place) -> Operations:
    """Pairs of a non-zero input and a non-zero weight; the values say whether they are spikes."""
    pairs = layer.effective(False)
    return Operations(acs=pairs) if is_ternary(layer.values) else Operations(macs=pairs)


def _lemaire(layer: Synapses, place: Place) -> Operations:
    """Accumulations, addresses and memory accesses of every event; 32-bit words."""
    samples = max(place.batch_size * max(place.steps, 1), 1)
    inputs = memory_access_pj(4.0 * layer.values.numel() / layer.virtual_steps / samples)
    outputs = memory_access_pj(4.0 * layer.outputs / samples)
    weights = memory_access_pj(4.0 * (layer.weights + layer.bias_adds / samples))
    if not layer.spikes:
        reads = layer.dense_macs * (inputs + weights) + layer.outputs * outputs
        return Operations(
            macs=layer.dense_macs, acs=layer.bias_adds, memory_pj=reads, note=_real_note(place)
        )
    reached = layer.events * layer.fan_out
    accesses = layer.events * inputs + reached * (weights + 2 * outputs)
    accesses += layer.bias_adds * (weights + 2 * outputs)
    return Operations(
        macs=2 * layer.events if layer.spatial else 0.0,
        acs=reached + layer.bias_adds,
        synops=reached,
        memory_pj=accesses,
        note="addresses in MAC and AC",
    )


def _real_note(place: Place) -> str:
    return "first layer" if place.first else "real input"


CONVENTIONS: dict[str, Convention] = {
    "exact": Convention("exact", _exact, keeps_additions=True),
    "paper": Convention("paper", _paper, keeps_additions=False),
    "neurobench": Convention("neurobench", _neurobench, keeps_additions=False),
    "lemaire": Convention("lemaire", _lemaire, keeps_additions=True),
}


def is_ternary(values: torch.Tensor) -> bool:
    """Whether every value is -1, 0 or 1."""
    return bool(((values == 0) | (values.abs() == 1)).all())
