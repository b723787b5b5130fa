"""Counts of one membrane shortcut, for one sample."""

from __future__ import annotations

import numpy as np

from neurospike.hw.network import Shortcut
from neurospike.hw.tally.run import Run
from neurospike.hw.trace import SHORTCUT_COUNTS, Counts


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
