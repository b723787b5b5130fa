"""The oracle of the dynamics: Python loops over steps, events and addresses, to be read.

Time is the outer loop. In every step each population takes what has arrived, adds its bias, what
is held and what shortcuts bring, decides, and sends; what it sends is put down at the step where
it arrives. ``dynamics`` does the same thing fast.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neurospike.hw.emulation.margins import distances
from neurospike.hw.emulation.record import Array, Run, largest, value_type
from neurospike.hw.emulation.reference_neurons import Arithmetic, decide, rest
from neurospike.hw.network import Network, Population, Projection
from neurospike.hw.neuron_models import Source
from neurospike.hw.trace import Schedule, SpikeMode
from neurospike.hw.wiring import Pairs, Submanifold

Arrivals = defaultdict[int, dict[int, Any]]
"""Step -> neuron -> what arrives there then."""


def run(
    network: Network,
    values: Mapping[str, Array],
    pairs: Mapping[str, Pairs],
    *,
    sites: Mapping[str, int],
    steps: int,
    gate: str = "voxel",
    schedule: Schedule = "layerwise",
    mode: SpikeMode = "graded",
    forced: Mapping[str, Array] | None = None,
) -> Run:
    """Emulate one sample; the arguments are those of ``dynamics.run``, and ``mode``.

    With "unary" an integer spike of value v is added v times, with "graded" once, multiplied.
    """
    sample = _Sample(network, values, pairs, sites, steps, gate, schedule, mode, forced or {})
    for t in range(max(sample.length(p) for p in network.populations)):
        for population in network.populations:
            if t < sample.length(population):
                sample.step(population, t)
    return sample.record()


class _Sample:
    def __init__(
        self,
        network: Network,
        values: Mapping[str, Array],
        pairs: Mapping[str, Pairs],
        sites: Mapping[str, int],
        steps: int,
        gate: str,
        schedule: Schedule,
        mode: SpikeMode,
        forced: Mapping[str, Array],
    ) -> None:
        self.network, self.values, self.pairs = network, values, pairs
        self.steps, self.gate, self.mode, self.forced = steps, gate, mode, forced
        self.latency = 1 if schedule == "pipelined" else 0
        self.arithmetic = Arithmetic(network.quantised is not None, largest(network))
        # One list of arrivals a projection: a projection may have to round its own sum.
        self.arrivals: dict[str, Arrivals] = {p.name: _nothing() for p in network.projections}
        self.sites = sites
        self.out: dict[str, Array] = {}
        self.active: dict[str, Array] = {}
        self.saturations: dict[str, Array] = {}
        self.currents: dict[str, Array] = {}
        self.deciding: dict[str, Array] = {}
        self.state: dict[str, list[Any]] = {}
        for p in network.populations:
            shape = self.length(p), sites[p.name] * p.space.channels
            self.out[p.name] = np.zeros(shape, value_type(p, network))
            self.active[p.name] = np.zeros(shape, np.bool_)
            self.saturations[p.name] = np.zeros(shape[0], np.int64)
            self.currents[p.name] = np.zeros(shape, object)
            self.deciding[p.name] = np.zeros(shape)
            self.state[p.name] = [rest(p.neuron, n % p.space.channels) for n in range(shape[1])]

    def length(self, population: Population) -> int:
        return self.steps + population.extra_steps

    def step(self, population: Population, t: int) -> None:
        name = population.name
        if isinstance(population.neuron, Source):
            self.out[name][t] = self.values[name][t]
            self.active[name][t] = self.out[name][t] != 0
        else:
            for n in range(self.out[name].shape[1]):
                self.update(population, t, n)
        sent = self.forced[name][t] if name in self.forced else self.out[name][t]
        for projection in self.network.out_of(name):
            if not projection.once or t == 0:
                self.send(projection, t, sent)

    def update(self, population: Population, t: int, n: int) -> None:
        """One neuron, one step."""
        name, channel = population.name, n % population.space.channels
        before = self.arithmetic.saturated
        terms, arrived = self.inputs(population, t, n)
        x = self.arithmetic.clip(sum(terms))
        self.currents[name][t, n] = x
        state = self.state[name][n]
        self.active[name][t, n] = arrived or any(terms) or any(state)
        told = self.forced[name][t, n] if name in self.forced else None
        value, u = decide(population.neuron, channel, state, x, told, self.arithmetic)
        self.out[name][t, n], self.deciding[name][t, n] = value, u
        self.saturations[name][t] += self.arithmetic.saturated - before

    def inputs(self, population: Population, t: int, n: int) -> tuple[list[Any], bool]:
        """What adds up to the current of a neuron, and whether any synapse was active."""
        terms: list[Any] = [self.bias(population, n)]
        arrived = False
        for projection in self.network.into(population.name):
            held = projection.once and t >= self.latency
            found = self.arrivals[projection.name][self.latency if held else t]
            if n in found:
                half = (1 << projection.shift) >> 1
                shifted = projection.shift > 0
                terms.append((found[n] + half) >> projection.shift if shifted else found[n])
                arrived = arrived or not projection.once
        for shortcut in self.network.shortcuts:
            if shortcut.target == population.name and t < len(self.currents[shortcut.source]):
                terms.append(self.currents[shortcut.source][t, n])
        return terms, arrived

    def bias(self, population: Population, n: int) -> Any:
        if population.bias is None:
            return 0
        return (
            np.broadcast_to(
                population.bias, (self.sites[population.name], population.space.channels)
            )
            .reshape(-1)[n]
            .item()
        )

    def send(self, projection: Projection, t: int, sent: Array) -> None:
        """Put every event of a step down where and when it arrives."""
        arrivals = self.arrivals[projection.name]
        for n in np.nonzero(sent)[0].tolist():
            value = sent[n].item()
            unary = self.mode == "unary" and isinstance(value, int) and value > 0
            for amount in [1] * value if unary else [value]:
                for target, weight, delay in self.synapses(projection, n, sent):
                    place = arrivals[t + self.latency + delay]
                    place[target] = place.get(target, 0) + amount * weight

    def synapses(
        self, projection: Projection, n: int, sent: Array
    ) -> Iterator[tuple[int, Any, int]]:
        """Target neuron, weight and delay of every synapse of one source neuron."""
        pairs = self.pairs[projection.name]
        c_in, _, width = projection.weight.shape
        site, c = divmod(n, c_in)
        first = c * projection.groups // c_in * width
        channels = width * projection.groups
        gated = self.gate == "spike" and isinstance(projection.wiring, Submanifold)
        for j in range(pairs.offsets[site], pairs.offsets[site + 1]):
            k, q = int(pairs.tap[j]), int(pairs.target[j])
            if gated and not sent[q * c_in : (q + 1) * c_in].any():
                continue
            for o in range(width):
                delay = 0 if projection.delay is None else int(projection.delay[c, k, o])
                yield q * channels + first + o, projection.weight[c, k, o].item(), delay

    def record(self) -> Run:
        names = [p.name for p in self.network.populations]
        margin = {
            name: distances(
                self.network.population(name),
                self.deciding[name],
                self.out[name],
                np.asarray(self.forced[name]),
            )
            for name in names
            if name in self.forced
        }
        return Run(self.out, self.active, self.saturations, margin)


def _nothing() -> Arrivals:
    return defaultdict(dict)
