"""Counts of one population, one projection and one shortcut, for one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Network, Population, Projection, Shortcut
from neurospike.hw.neuron_models import ILIFModel, Source, fires
from neurospike.hw.routing import Routes, routes
from neurospike.hw.tally.mesh import NOWHERE, Plane
from neurospike.hw.trace import POPULATION_COUNTS, PROJECTION_COUNTS, SHORTCUT_COUNTS, Counts
from neurospike.hw.wiring import Pairs, Submanifold, Transposed, Window

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Run:
    """What ran: the arguments that all elements share.

    Attributes
    ----------
    network, plane, depth
        The network, its cores, and rows an integer step.
    gate, mode, generator
        As ``emulate`` takes them.
    static
        Whether neurons stand for the whole grid, so that addresses are arithmetic.
    """

    network: Network
    plane: Plane
    depth: int
    gate: str
    mode: str
    generator: str
    static: bool = False


@dataclass(frozen=True, eq=False)
class _Bursts:
    """Events that go together: see ``kernels``."""

    row: NDArray[np.int32]
    key: NDArray[np.int32]
    core: NDArray[np.int32]
    events: Ints


def count_population(
    run: Run,
    population: Population,
    values: NDArray[Any],
    active: NDArray[Any] | None,
    saturations: NDArray[Any] | None,
) -> tuple[Counts, Counts]:
    """Counts of a population, and those by core.

    Neurons work once an integer step, in its first row. A source works where it has a core; what
    stays with the host is not counted but for its spikes. ``active``: (steps, neurons) booleans, or
    (steps,) numbers of neurons; None for all.
    """
    from neurospike.hw.tally.kernels import count_spikes

    plane, depth = run.plane, run.depth
    core = plane.core(population.name)
    counts = {name: np.zeros(plane.rows, np.int64) for name in POPULATION_COUNTS}
    by_core = {name: plane.by_core() for name in ("accesses", "updates", "fired")}
    steps = len(values)
    firsts = slice(0, steps * depth, depth)
    if fires(population.neuron):
        unary = not is_graded(run, population, values)
        sent, fired, fired_at = count_spikes(whole(values), depth, unary, core, plane.cores)
        counts["spikes"][: steps * depth] = sent
        counts["fired"][firsts] = fired
        by_core["fired"][firsts] = fired_at
    if not isinstance(population.neuron, Source) or len(core):
        neurons = values.shape[1]
        everyone = np.bincount(core, minlength=plane.cores) if len(core) else None
        counts["accesses"][firsts] = neurons
        counts["updates"][firsts] = neurons if active is None else _each_step(active)
        counts["idle"][firsts] = counts["accesses"][firsts] - counts["updates"][firsts]
        counts["bias_adds"][firsts] = _biases(run, population, neurons)
        if everyone is not None:
            by_core["accesses"][firsts] = everyone
            by_core["updates"][firsts] = _updates_at(core, active, steps, plane.cores)
    if saturations is not None:
        counts["saturations"][firsts] = saturations
    return counts, (by_core if len(core) else {})


def count_projection(
    run: Run, projection: Projection, pairs: Pairs, values: NDArray[Any], target_steps: int
) -> tuple[Counts, Counts]:
    """Counts of a projection, and those by core.

    values: (steps, neurons) of its source; target_steps: integer steps that its target runs.
    """
    plane = run.plane
    source = run.network.population(projection.source)
    counts = {name: np.zeros(plane.rows, np.int64) for name in PROJECTION_COUNTS}
    by_core = {name: plane.by_core() for name in ("synops", "packets_in", "packets_out")}
    if projection.once:
        values = values[:1]
    real = not fires(source.neuron)
    graded = not real and is_graded(run, source, values)
    core = plane.core(projection.source)
    bursts = _bursts(run, projection, values, single=real or graded, core=core)
    target_core = plane.core(projection.target)
    placed = target_core if len(target_core) else None
    way = routes(projection, pairs, placed, cores=plane.cores)

    counts["events"] = _by_row(run, projection, bursts, np.ones(pairs.sources, np.int64))
    counts["addresses"] = _by_row(run, projection, bursts, pairs.visited)
    reached = _by_row(run, projection, bursts, np.diff(pairs.offsets))
    _deliver(run, counts, by_core, bursts, way)
    hits = reached
    if run.gate == "spike" and isinstance(projection.wiring, Submanifold):
        spiking = _spiking_sites(values, source.space.channels)
        counts["marks"][: len(values) * run.depth : run.depth] = spiking.sum(1)
        hits, by_core["synops"] = _gated(run, projection, pairs, bursts, spiking, target_core)
    counts["hits"] = hits
    _index(run, projection, pairs, counts, reached)

    operations = hits * projection.weight.shape[2]
    counts["macs" if real else "graded_synops" if graded else "synops"] = operations
    counts["weight_reads"] = operations.copy()
    if projection.max_delay:
        counts["delay_writes"] = operations.copy()
        _read_delays(run, projection, pairs.targets, target_steps, counts)
    else:
        counts["membrane_reads"] = operations.copy()
        counts["membrane_writes"] = operations.copy()
    return counts, (by_core if placed is not None else {})


def count_shortcut(
    run: Run, shortcut: Shortcut, *, neurons: int, steps: int
) -> tuple[Counts, Counts]:
    """Counts of a shortcut, and those by core; all in the first row of a step."""
    from neurospike.hw.tally.kernels import send_currents

    plane = run.plane
    counts = {name: np.zeros(plane.rows, np.int64) for name in SHORTCUT_COUNTS}
    firsts = slice(0, steps * run.depth, run.depth)
    counts["adds"][firsts] = neurons
    source, target = plane.core(shortcut.source), plane.core(shortcut.target)
    if not len(source) or not len(target):
        return counts, {}
    totals = np.zeros(4, np.int64)
    adds_at, packets_in, packets_out = (np.zeros(plane.cores, np.int64) for _ in range(3))
    flow = np.zeros_like(plane.flow[0])
    where = plane.where
    send_currents(
        source, target, where.x, where.y, where.chip_x, where.chip_y,
        totals, adds_at, packets_in, packets_out, flow,
    )  # fmt: skip
    for name, total in zip(("messages", "hops_x", "hops_y", "chip_crossings"), totals, strict=True):
        counts[name][firsts] = total
    by_core = {name: plane.by_core() for name in ("adds", "packets_in", "packets_out")}
    for name, once in zip(by_core, (adds_at, packets_in, packets_out), strict=True):
        by_core[name][firsts] = once
    plane.flow[firsts] += flow
    return counts, by_core


def is_graded(run: Run, population: Population, values: NDArray[Any]) -> bool:
    """Whether its spikes carry their values in one packet each, which multiplies weights.

    In "graded" mode: of neurons that can send more than one, and of a source that does.
    """
    if run.mode != "graded":
        return False
    if isinstance(population.neuron, ILIFModel):
        return population.neuron.max_spikes > 1
    return isinstance(population.neuron, Source) and bool(np.any(np.abs(values) > 1))


def whole(values: NDArray[Any]) -> NDArray[np.int32]:
    """Spikes as whole numbers, contiguous."""
    rounded = np.rint(values) if values.dtype.kind == "f" else values
    return np.ascontiguousarray(rounded, dtype=np.int32)


def _bursts(
    run: Run, projection: Projection, values: NDArray[Any], *, single: bool, core: NDArray[np.int32]
) -> _Bursts:
    from neurospike.hw.tally.kernels import find_bursts

    channels = projection.weight.shape[0]
    spikes = (values != 0).astype(np.int32) if single else whole(values)
    return _Bursts(*find_bursts(spikes, channels, projection.groups, run.depth, not single, core))


def _by_row(run: Run, projection: Projection, bursts: _Bursts, factor: Ints) -> Ints:
    """Events times a number of their site, summed over each row."""
    from neurospike.hw.tally.kernels import sum_by_row

    out = np.zeros(run.plane.rows, np.int64)
    sum_by_row(bursts.row, bursts.key, bursts.events, factor, projection.groups, out)
    return out


def _deliver(run: Run, counts: Counts, by_core: Counts, bursts: _Bursts, way: Routes) -> None:
    from neurospike.hw.tally.kernels import deliver

    totals = np.zeros((4, run.plane.rows), np.int64)
    where = run.plane.where
    deliver(
        bursts.row, bursts.key, bursts.core, bursts.events,
        way.offsets, way.core, way.synapses, where.x, where.y, where.chip_x, where.chip_y,
        totals, by_core["synops"], by_core["packets_in"], by_core["packets_out"], run.plane.flow,
    )  # fmt: skip
    for name, total in zip(("packets", "hops_x", "hops_y", "chip_crossings"), totals, strict=True):
        counts[name] = total


def _gated(
    run: Run,
    projection: Projection,
    pairs: Pairs,
    bursts: _Bursts,
    spiking: NDArray[np.bool_],
    target_core: NDArray[np.int32],
) -> tuple[Ints, Ints]:
    """Hits where the target site itself spiked, and synaptic operations by core."""
    from neurospike.hw.routing_kernels import runs_of_cores
    from neurospike.hw.tally.kernels import hits_where_spiking

    groups, outputs = projection.groups, projection.weight.shape[2]
    runs = (np.zeros(1, np.int64), NOWHERE, np.zeros(0, np.int64))
    if len(target_core):
        runs = runs_of_cores(target_core, pairs.targets * groups, outputs, run.plane.cores)
    hits, by_core = np.zeros(run.plane.rows, np.int64), run.plane.by_core()
    hits_where_spiking(
        bursts.row, bursts.key, bursts.events, groups, run.depth,
        pairs.offsets, pairs.target, spiking, *runs, hits, by_core,
    )  # fmt: skip
    return hits, by_core


def _index(run: Run, projection: Projection, pairs: Pairs, counts: Counts, reached: Ints) -> None:
    """Probes and index reads: what it takes to know which voxels a window meets.

    reached: pairs of voxels met, whether their sites spiked or not.
    """
    target = run.network.population(projection.target)
    if target.space.level is None:
        return
    if isinstance(projection.wiring, Submanifold):
        if run.generator == "rulebook":
            counts["index_reads"] = counts["events"] * pairs.taps
            if run.gate == "spike":
                counts["probes"] = reached.copy()
            return
        counts["probes"] = counts["addresses"].copy()
    elif not isinstance(projection.wiring, (Window, Transposed)):
        return
    if not run.static:
        counts["index_reads"] = counts["hits"].copy()


def _read_delays(
    run: Run, projection: Projection, targets: int, steps: int, counts: Counts
) -> None:
    """A population has one delay line, read once a neuron and step: the first projection has it."""
    into = run.network.into(projection.target)
    if next(p for p in into if p.max_delay).name != projection.name:
        return
    space = run.network.population(projection.target).space
    counts["delay_reads"][: steps * run.depth : run.depth] = targets * space.channels


def _spiking_sites(values: NDArray[Any], channels: int) -> NDArray[np.bool_]:
    """(steps, sites) whether any channel of a site spiked."""
    steps, neurons = values.shape
    found: NDArray[np.bool_] = (values != 0).reshape(steps, neurons // channels, channels).any(2)
    return found


def _each_step(active: NDArray[Any]) -> NDArray[Any]:
    return active if active.ndim == 1 else np.count_nonzero(active, axis=1)


def _updates_at(
    core: NDArray[np.int32], active: NDArray[Any] | None, steps: int, cores: int
) -> NDArray[Any]:
    if active is None or active.ndim == 1:
        # Only the number is known: every neuron may be one of them.
        return np.broadcast_to(np.bincount(core, minlength=cores), (steps, cores))
    from neurospike.hw.tally.kernels import count_by_core

    return count_by_core(active.astype(bool, copy=False), core, cores)


def _biases(run: Run, population: Population, neurons: int) -> int:
    """Biases that are not 0, and currents held since the first step, of all neurons."""
    held = sum(p.once for p in run.network.into(population.name)) * neurons
    if population.bias is None:
        return held
    bias = np.asarray(population.bias)
    sites = neurons // population.space.channels
    return held + int(np.count_nonzero(bias)) * (sites if bias.ndim == 1 else 1)
