"""The conventions of counting, each by name and never mixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from neurospike.hw.accesses import Memory, by_events, by_products, energy_pj, words
from neurospike.hw.operations import Operations, Synapses
from neurospike.hw.prices import memory_access_pj


@dataclass(frozen=True)
class Place:
    """Where a layer of synapses stands: whether it is the first, and the batch it sees."""

    first: bool
    batch_size: int
    steps: int

    @property
    def samples(self) -> int:
        """Parts of a tensor that one sample holds at one step."""
        return max(self.batch_size * max(self.steps, 1), 1)


@dataclass(frozen=True)
class Convention:
    """How one convention counts synapses, and what it keeps of everything else."""

    name: str
    synapses: Callable[[Synapses, Place], Operations]
    keeps_additions: bool
    """Whether biases, norms, shortcuts, pooling, delay lines and updates are part of it."""
    access_pj: Callable[[float], float] | None = None
    """Energy of one access to a memory of so many bytes; None where memory has no price."""

    def judge(self, layer: Synapses, place: Place) -> Operations:
        """What the convention counts in a layer of synapses."""
        counted = self._priced(self.synapses(layer, place), place)
        if not self.keeps_additions:
            return counted
        return replace(counted, delay_writes=layer.delay_writes, delay_reads=layer.delay_reads)

    def others(self, operations: Operations, place: Place) -> Operations:
        """What the convention keeps of a layer that is not synapses."""
        if self.keeps_additions:
            return self._priced(operations, place)
        acs = operations.synops  # the convention's own word for an event's work
        return replace(
            operations, acs=acs, synops=0.0, updates=0.0, delay_writes=0.0, delay_reads=0.0
        )

    def _priced(self, operations: Operations, place: Place) -> Operations:
        if self.access_pj is None or not operations.accesses:
            return operations
        moved = energy_pj(operations.accesses, self.access_pj, samples=place.samples)
        return replace(operations, memory_pj=operations.memory_pj + moved)


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
    size = words(layer.values)
    inputs = Memory(size * layer.values.numel() / layer.virtual_steps)
    outputs = Memory(size * layer.outputs)
    weights = Memory(size * (layer.weights + layer.biases), stored=True)
    if not layer.spikes:
        reads = by_products(layer.dense_macs, (inputs, weights), outputs)
        note = _real_note(place)
        return Operations(macs=layer.dense_macs, acs=layer.bias_adds, accesses=reads, note=note)
    reached = layer.events * layer.fan_out
    added = reached + layer.bias_adds
    return Operations(
        macs=2 * layer.events if layer.spatial else 0.0,
        acs=added,
        synops=reached,
        accesses=by_events(layer.events, added, inputs, weights=weights, sums=outputs),
        note="addresses in MAC and AC",
    )


def _real_note(place: Place) -> str:
    return "first layer" if place.first else "real input"


CONVENTIONS: dict[str, Convention] = {
    "exact": Convention("exact", _exact, keeps_additions=True),
    "paper": Convention("paper", _paper, keeps_additions=False),
    "neurobench": Convention("neurobench", _neurobench, keeps_additions=False),
    "lemaire": Convention("lemaire", _lemaire, keeps_additions=True, access_pj=memory_access_pj),
}


def is_ternary(values: torch.Tensor) -> bool:
    """Whether every value is -1, 0 or 1."""
    return bool(((values == 0) | (values.abs() == 1)).all())
