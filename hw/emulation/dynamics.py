"""The dynamics of a sample, fast: populations in their order, a few steps at a time.

A population that hears only earlier ones can run through all its steps before the next begins; so
the loop over time is innermost, in compiled code, over as many steps as keep its rows in cache. A
population that hears itself, or a later one, advances by no more steps than the quickest spike
takes to come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.hw.emulation.inflow import Inflow
from neurospike.hw.emulation.margins import distances
from neurospike.hw.emulation.neurons import Rows, Step, alike, stepper
from neurospike.hw.emulation.record import Array, Run, largest, value_type
from neurospike.hw.network import Network, Population
from neurospike.hw.neuron_models import Source
from neurospike.hw.trace import Schedule
from neurospike.hw.wiring import Pairs

_CACHE = 1 << 18  # bytes of currents that a population works on at a time


def run(
    network: Network,
    values: Mapping[str, Array],
    pairs: Mapping[str, Pairs],
    *,
    sites: Mapping[str, int],
    steps: int,
    gate: str = "voxel",
    schedule: Schedule = "layerwise",
    forced: Mapping[str, Array] | None = None,
) -> Run:
    """Emulate one sample.

    Parameters
    ----------
    network
        A lowered network, of real numbers or quantised.
    values
        Source -> (steps, neurons): spikes as whole numbers, or real numbers; whole numbers in
        units of ``input_scale`` where quantised.
    pairs
        Projection -> its pairs for this sample.
    sites
        Population -> its sites for this sample.
    steps
        Integer steps of the input.
    gate
        "voxel": every pair; "spike": pairs of a submanifold whose target's own site spikes in the
        same step.
    schedule
        "layerwise": a spike with delay d arrives d steps after it was sent; "pipelined": d + 1,
        also where a population hears itself. Shortcuts bring the current of the same step in both.
    forced
        Population -> (steps, neurons): spikes that it sends and resets by in place of its own.

    Raises
    ------
    ArgumentError
        A loop without delay; a projection that speaks once and has delays; adaptive neurons in a
        quantised network.

    Cost
    ----
    One multiplication and addition an event and synapse, one update a neuron and step. An integer
    spike is one event, multiplied: spike by spike the sum would be the same, for whole numbers
    exactly, and the oracle's tests hold both to it. Memory beyond the records: currents of one
    population for max_delay - min_delay + 1 steps and as many more as fit the cache; nothing a
    synapse.
    """
    _check(network, schedule)
    sample = _Sample(network, values, pairs, sites, steps, gate, schedule, forced or {})
    for group in loops(network):
        sample.advance(group)
    return sample.record


class _Sample:
    """Records of the sample, shared by its populations."""

    def __init__(
        self,
        network: Network,
        values: Mapping[str, Array],
        pairs: Mapping[str, Pairs],
        sites: Mapping[str, int],
        steps: int,
        gate: str,
        schedule: Schedule,
        forced: Mapping[str, Array],
    ) -> None:
        self.network, self.values, self.pairs, self.sites = network, values, pairs, sites
        self.steps, self.gate, self.forced = steps, gate, forced
        self.latency = 1 if schedule == "pipelined" else 0
        self.record = Run({}, {}, {})
        self.currents: dict[str, Array] = {}

    def advance(self, group: list[Population]) -> None:
        """Run populations that wait for one another, and nobody else, through all steps."""
        for population in group:
            self._prepare(population)
        cells = [_Cells(self, p) for p in group if not isinstance(p.neuron, Source)]
        # Recurrent inflows read what is sent, so every record must be there before they are made.
        if not cells:
            return
        chunk = min(c.chunk for c in cells)
        for c in cells:
            c.allocate(chunk)
        for first in range(0, max(c.steps for c in cells), chunk):
            for c in cells:
                c.advance(first, min(first + chunk, c.steps))
        for c in cells:
            c.finish()

    def _prepare(self, p: Population) -> None:
        shape = self.steps + p.extra_steps, self.sites[p.name] * p.space.channels
        record, dtype = self.record, value_type(p, self.network)
        if isinstance(p.neuron, Source):
            given = np.ascontiguousarray(self.values[p.name], dtype)
            record.spikes[p.name] = np.broadcast_to(given, shape)
            record.active[p.name] = record.spikes[p.name] != 0
        else:
            record.spikes[p.name] = np.empty(shape, dtype)
            record.active[p.name] = np.zeros(shape, np.bool_)
        record.saturations[p.name] = np.zeros(shape[0], np.int64)

    def sent(self, name: str) -> Array:
        """What the population sends: its own decisions unless it is told."""
        told = self.forced.get(name)
        if told is None or isinstance(self.network.population(name).neuron, Source):
            return self.record.spikes[name]
        return np.ascontiguousarray(told, self.record.spikes[name].dtype)


class _Cells:
    """One population of one sample while it runs."""

    def __init__(self, sample: _Sample, population: Population) -> None:
        self.sample, self.population = sample, population
        network, name = sample.network, population.name
        self.steps, self.neurons = sample.record.spikes[name].shape
        self.largest = largest(network)
        self.dtype: Any = np.int64 if self.largest else np.float64
        self.step: Step = stepper(population, self.neurons, self.dtype, self.largest)
        self.told = np.zeros((0, self.neurons), np.int32)
        if name in sample.forced:
            self.told = sample.sent(name)
        self.deciding: list[Array] = []
        self.inflows = [
            Inflow(p, sample.pairs[p.name], sample.sent(p.source), sample.latency, sample.gate)
            for p in network.into(name)
        ]
        self.chunk = max(1, min(self.steps, _CACHE // (8 * max(self.neurons, 1))))
        for projection, inflow in zip(network.into(name), self.inflows, strict=True):
            if _comes_back(network, projection.source, name):
                self.chunk = min(self.chunk, inflow.late)

    def allocate(self, chunk: int) -> None:
        """Rows for the steps of a chunk and for what arrives after it."""
        rows = chunk + max((i.spread for i in self.inflows), default=0)
        self.ring = np.zeros((rows, self.neurons), self.dtype)
        self.touched = np.zeros((rows, self.neurons), np.uint8)
        self.held = np.zeros(0, self.dtype)
        for inflow in self.inflows:
            inflow.allocate(self.ring, self.touched)
            if inflow.once:
                held = inflow.constant(self.neurons, self.dtype)
                self.held = held if self.held.size == 0 else self.held + held
        self.x = np.empty((chunk, self.neurons), self.dtype)
        bias, channels = self.population.bias, self.population.space.channels
        self.bias = np.zeros((0, channels), self.dtype)
        if bias is not None:
            table: Array = np.atleast_2d(bias)
            if len(table) == 1:
                table = np.tile(table, alike(self.neurons, channels))
            self.bias = np.ascontiguousarray(table, self.dtype)
        shortcuts = self.sample.network.shortcuts
        if any(s.source == self.population.name for s in shortcuts):
            currents = np.zeros((self.steps, self.neurons), self.dtype)
            self.sample.currents[self.population.name] = currents
        self.shortcuts = [s.source for s in shortcuts if s.target == self.population.name]

    def advance(self, first: int, last: int) -> None:
        """Take in what arrives in the steps first..last, then decide them."""
        if first >= last:
            return
        from neurospike.hw.emulation import kernels

        name, record = self.population.name, self.sample.record
        for inflow in self.inflows:
            inflow.push(first, last)
        x = self.x[: last - first]
        active = record.active[name].view(np.uint8)
        saturated = record.saturations[name]
        extra = self._extra(first, last)
        kernels.gather(
            self.ring, self.touched, first, last, self.bias, self.held, self.sample.latency,
            extra, self.largest, x, active, saturated,
        )  # fmt: skip
        if name in self.sample.currents:
            self.sample.currents[name][first:last] = x
        deciding = np.zeros((len(x) if len(self.told) else 0, self.neurons), self.dtype)
        self.step(Rows(x, first, record.spikes[name], active, saturated, self.told, deciding))
        if len(self.told):
            self.deciding.append(deciding)

    def finish(self) -> None:
        """Record how close decisions were that differ from the forced ones."""
        if len(self.told):
            own = self.sample.record.spikes[self.population.name]
            deciding = np.concatenate(self.deciding) if self.deciding else np.zeros(own.shape)
            margin = distances(self.population, deciding, own, self.told)
            self.sample.record.margin[self.population.name] = margin

    def _extra(self, first: int, last: int) -> Array:
        """Currents that shortcuts bring: (steps, neurons), or with no columns where there are none.

        The source runs as long as the target or shorter; afterwards it brings nothing.
        """
        if not self.shortcuts:
            return np.zeros((0, 0), self.dtype)
        extra = np.zeros((last - first, self.neurons), self.dtype)
        for source in self.shortcuts:
            rows = self.sample.currents[source][first:last]
            extra[: len(rows)] += rows
        return extra


def loops(network: Network) -> list[list[Population]]:
    """Neighbours in the order that wait for one another; most populations are alone."""
    index = {p.name: i for i, p in enumerate(network.populations)}
    reach = list(range(len(index)))
    for projection in network.projections:
        source, target = index[projection.source], index[projection.target]
        reach[target] = max(reach[target], source)
    groups: list[list[Population]] = []
    start = 0
    while start < len(reach):
        end, at = start, start
        while at <= end:
            end = max(end, reach[at])
            at += 1
        groups.append(list(network.populations[start : end + 1]))
        start = end + 1
    return groups


def _comes_back(network: Network, source: str, target: str) -> bool:
    names = [p.name for p in network.populations]
    return names.index(source) >= names.index(target)


def _check(network: Network, schedule: Schedule) -> None:
    for p in network.projections:
        delayed = p.delay is not None and p.delay.size
        earliest = int(p.delay.min()) if p.delay is not None and p.delay.size else 0
        if p.once and delayed and p.max_delay:
            raise ArgumentError(
                f"Projection.once: a current that is held has no delays; got {p.name} with delays "
                f"up to {p.max_delay}."
            )
        if earliest < 0:
            raise ArgumentError(f"Projection.delay: must be 0 or more; got {earliest} in {p.name}.")
        if schedule == "layerwise" and earliest < 1 and _comes_back(network, p.source, p.target):
            raise ArgumentError(
                f"Projection.delay: a loop needs 1 step or more; got 0 in {p.name}, from "
                f"{p.source} back to {p.target}. Use schedule='pipelined', or a delay."
            )
    names = [p.name for p in network.populations]
    for s in network.shortcuts:
        if names.index(s.source) >= names.index(s.target):
            raise ArgumentError(
                f"Shortcut.source: must come before its target in the order; got {s.source} into "
                f"{s.target}."
            )
