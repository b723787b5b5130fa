"""Counts of one projection, for one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Projection
from neurospike.hw.neuron_models import fires
from neurospike.hw.routing import Routes, routes
from neurospike.hw.tally.mesh import NOWHERE
from neurospike.hw.tally.packets import Packets
from neurospike.hw.tally.run import Run, is_graded, whole
from neurospike.hw.trace import PROJECTION_COUNTS, Counts
from neurospike.hw.wiring import Pairs, Submanifold, Transposed, Window

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Bursts:
    """Events that go together: see ``kernels``."""

    row: NDArray[np.int32]
    key: NDArray[np.int32]
    core: NDArray[np.int32]
    events: Ints


def count_projection(
    run: Run,
    projection: Projection,
    pairs: Pairs,
    values: NDArray[Any],
    target_steps: int,
    packets: Packets,
) -> tuple[Counts, Counts]:
    """Counts of a projection, and those by core.

    values: (steps, neurons) of its source; target_steps: integer steps that its target runs;
    packets: those of the projections before it.
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
    _deliver(run, counts, by_core, bursts, way, packets.own(projection, way))
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


def _deliver(
    run: Run,
    counts: Counts,
    by_core: Counts,
    bursts: _Bursts,
    way: Routes,
    own: NDArray[np.uint8],
) -> None:
    from neurospike.hw.tally.kernels import deliver

    totals = np.zeros((4, run.plane.rows), np.int64)
    where = run.plane.where
    deliver(
        bursts.row, bursts.key, bursts.core, bursts.events,
        way.offsets, way.core, way.synapses, own, where.x, where.y, where.chip_x, where.chip_y,
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
