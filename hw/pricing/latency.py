"""How long a trace takes: the slowest core and the busiest link of every step, and the barrier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.chip import Chip
from neurospike.hw.figures import Evidence, Time, weakest
from neurospike.hw.placement import Placement
from neurospike.hw.pricing.interval import Interval
from neurospike.hw.trace import Counts, Trace

Ends = NDArray[np.float64]
"""(3, ...): low, nominal and high."""


@dataclass(eq=False)
class _Load:
    """Work of one population and of what ends in it, in ns.

    ``soma`` and ``arrivals`` (3, rows, cores): neurons and the packets that they send; packets that
    come in and their synapses. A core may do both at once, or one after the other.
    """

    soma: Ends
    arrivals: Ends


@dataclass(frozen=True)
class Latency:
    """Time of one inference in s, or None and why; ns of every step; counts without a time."""

    seconds: Interval | None
    note: str = ""
    steps_ns: dict[str, Ends] = field(default_factory=dict)
    untimed: dict[str, float] = field(default_factory=dict)


def latency(trace: Trace, chip: Chip) -> Latency:
    """Time of one inference.

    Layerwise, populations run one after another and their times add up; pipelined, all run at
    once and each core does the work of all that sits on it. The low end lets a core's neurons work
    while its synapses do, as SANA-FE's simple timing has it; the number itself and the high end do
    one after the other. Steps end when the slowest core and the busiest link are done. Products, of
    real inputs or graded events, take as long as accumulations.
    """
    if chip.times.tick is not None:
        tick = Interval.of(chip.times.tick)
        steps = {"barrier": np.full(trace.rows, tick.nominal)}
        note = f"every step takes a tick of {1e-6 * tick.nominal:g} ms"
        return Latency(tick * (1e-9 * trace.rows / trace.samples), note, steps)
    cores = _counts_by_core(trace, chip)
    if not cores and trace.placement is None:
        return Latency(None, "no placement, so no slowest core: latency and power are not known")
    clock = _Clock(chip)
    # A sample without voxels has no neurons: barriers are all that it takes.
    work = _work(trace, _loads(trace, cores, clock)) if cores else np.zeros((3, trace.rows))
    links = np.zeros((3, trace.rows))
    if len(trace.links):
        # Which axis the busiest link lies on is not recorded: the slower one is taken.
        slower = max(("hop_x", "hop_y"), key=clock.nominal)
        links = links + clock.of(trace.links, "packets on the busiest link", slower)
    barrier, least = _barrier(trace, clock), _least(clock)
    if not clock.used:
        return Latency(None, "the chip file has no times: latency and power are not known")
    busy = np.maximum(work, links)
    rows = np.maximum(busy + barrier[:, None], least[:, None])
    low, nominal, high = (float(total) for total in rows.sum(axis=1) * 1e-9 / trace.samples)
    return Latency(
        Interval(low, nominal, high, weakest(*clock.used)),
        steps_ns={
            "cores": work[1],
            "links": np.maximum(links[1] - work[1], 0.0),
            "barrier": rows[1] - busy[1],
        },
        untimed={name: n / trace.samples for name, n in clock.untimed.items()},
    )


class _Clock:
    """Looks up times, remembers their evidence and what has none."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.used: list[Evidence] = []
        self.untimed: dict[str, int] = {}

    def of(self, counts: NDArray[np.int64] | None, cause: str, *names: str) -> Ends:
        """Counts times the first time that the chip has: (3, *counts), or a 0 that broadcasts."""
        if counts is None or not counts.any():
            return np.zeros(1)
        for name in names:
            found = self.find(name)
            if found is not None:
                self.used.append(found.evidence)
                return np.asarray(np.multiply.outer(np.array(found.range), counts))
        self.untimed[cause] = self.untimed.get(cause, 0) + int(counts.sum())
        return np.zeros(1)

    def find(self, name: str) -> Time | None:
        """A time of the chip by its name."""
        found: Time | None = getattr(self.chip.times, name)
        return found

    def nominal(self, name: str) -> float:
        """The number itself; 0 where the chip has none."""
        found = self.find(name)
        return 0.0 if found is None else found.value


def _counts_by_core(trace: Trace, chip: Chip) -> dict[str, Counts]:
    """Counts by core; a chip of one core needs no placement for that."""
    if trace.cores or chip.mesh.cores_per_chip > 1:
        return trace.cores
    found: dict[str, Counts] = {}
    for name, counts in (*trace.populations.items(), *trace.projections.items()):
        own: Counts = {k: counts[k] for k in ("accesses", "updates", "fired") if k in counts}
        operations = [counts[k] for k in ("synops", "graded_synops", "macs") if k in counts]
        if operations:
            own["synops"] = np.sum(operations, axis=0)
        columns = {k: column[:, None] for k, column in own.items()}
        found[name] = {**found.get(name, {}), **columns}
    return found


def _loads(trace: Trace, cores: dict[str, Counts], clock: _Clock) -> Iterator[_Load]:
    """Work by population, one after the other: all together would take too much memory."""
    network = trace.network
    shape = next(column.shape for counts in cores.values() for column in counts.values())
    ways = [(p.name, p.source, p.target, p.kind) for p in network.projections]
    ways += [(s.name, s.source, s.target, "dense") for s in network.shortcuts]
    for population in network.populations:
        load = _Load(np.zeros((3, *shape)), np.zeros((3, *shape)))
        _add_neurons(load, cores.get(population.name, {}), clock)
        for name, source, target, kind in ways:
            own = cores.get(name, {})
            if target == population.name:
                load.arrivals += clock.of(own.get("synops"), "synops", f"synop_{kind}", "synop")
                load.arrivals += clock.of(own.get("adds"), "adds", "add")
                load.arrivals += clock.of(own.get("packets_in"), "packets received", "packet_in")
            if source == population.name:
                load.soma += clock.of(own.get("packets_out"), "packets sent", "packet_out")
        yield load


def _add_neurons(load: _Load, own: Counts, clock: _Clock) -> None:
    accesses, updates = own.get("accesses"), own.get("updates")
    if clock.find("neuron_access") is not None:
        load.soma += clock.of(accesses, "accesses", "neuron_access")
    elif accesses is not None and updates is not None:
        load.soma += clock.of(accesses - updates, "idle", "neuron_idle")
    load.soma += clock.of(updates, "updates", "neuron_update")
    load.soma += clock.of(own.get("fired"), "fired", "spike_fire")


def _work(trace: Trace, loads: Iterator[_Load]) -> Ends:
    """(3, rows): the slowest core, of each population in turn or of all together."""
    if trace.schedule == "layerwise":
        return np.asarray(sum((_slowest(load) for load in loads), start=np.zeros((3, 1))))
    together = next(loads)
    for load in loads:
        together.soma += load.soma
        together.arrivals += load.arrivals
    return _slowest(together)


def _slowest(load: _Load) -> Ends:
    """(3, rows) of the slowest core: both kinds of work at once (low), or in turn."""
    in_turn = np.asarray((load.soma + load.arrivals).max(axis=2, initial=0.0))
    in_turn[0] = np.maximum(load.soma[0], load.arrivals[0]).max(axis=1, initial=0.0)
    return in_turn


def _least(clock: _Clock) -> Ends:
    """(3,): low, nominal and high of the shortest step, in ns."""
    least = clock.chip.times.step_least
    if least is None:
        return np.zeros(3)
    clock.used.append(least.evidence)
    return np.array(least.range)


def _barrier(trace: Trace, clock: _Clock) -> Ends:
    """(3,): low, nominal and high of one barrier, in ns, for the tiles in use."""
    barrier = clock.chip.times.barrier
    if barrier is None:
        return np.zeros(3)
    clock.used.append(barrier.evidence)
    if barrier.by_tiles and trace.placement is not None:
        tiles = _tiles(trace.placement)
        reached = [time for least, time in barrier.by_tiles if least <= tiles]
        return np.full(3, reached[-1] if reached else barrier.by_tiles[0][1])
    return np.array(barrier.range)


def _tiles(placement: Placement) -> int:
    """Tiles with neurons in them."""
    per_tile = placement.mesh.cores_per_tile
    used = [np.unique(core[core >= 0] // per_tile) for core in placement.core.values()]
    return len(np.unique(np.concatenate(used))) if used else 0
