"""Loops over events, compiled. Imported on first use only.

A burst is what one site, one group of channels and one source core send in one row: all its events
take the same way, so they are counted together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Places = NDArray[np.int32]


@njit(cache=True, nogil=True)
def events_in_row(value: int, row: int, depth: int, unary: bool) -> int:
    """Events of a spike in one of the rows of its step: the i-th goes to row i % depth."""
    if not unary:
        return 1 if row == 0 else 0
    return (value - row + depth - 1) // depth if value > row else 0


@njit(cache=True, nogil=True)
def _fill_bursts(
    values: NDArray[np.int32],
    channels: int,
    groups: int,
    depth: int,
    unary: bool,
    core: Places,
    first: int,
    out_row: NDArray[np.int32],
    out_key: NDArray[np.int32],
    out_core: NDArray[np.int32],
    out_events: Ints,
) -> int:
    """Write the bursts of one step; return how many there are. Only counts into empty arrays."""
    found = 0
    share = channels // groups
    sums = np.zeros(depth, np.int64)
    for key in range(len(values) // share):
        start = key * share
        stop = start + share
        neuron = start
        while True:
            while neuron < stop and values[neuron] == 0:  # most are silent
                neuron += 1
            if neuron == stop:
                break
            here = core[neuron] if len(core) else -1
            sums[:] = 0
            while neuron < stop and (len(core) == 0 or core[neuron] == here):
                value = abs(values[neuron])
                if value:
                    for row in range(min(depth, value) if unary else 1):
                        sums[row] += events_in_row(value, row, depth, unary)
                neuron += 1
            for row in range(depth):
                if sums[row]:
                    if len(out_row):
                        out_row[found] = first + row
                        out_key[found] = key
                        out_core[found] = here
                        out_events[found] = sums[row]
                    found += 1
    return found


@njit(cache=True, nogil=True)
def find_bursts(
    values: NDArray[np.int32], channels: int, groups: int, depth: int, unary: bool, core: Places
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Row, site * groups + group, source core (-1 for none) and events of every burst."""
    steps = len(values)
    none = np.zeros(0, np.int32)
    nothing = np.zeros(0, np.int64)
    total = 0
    for step in range(steps):
        total += _fill_bursts(
            values[step], channels, groups, depth, unary, core, 0, none, none, none, nothing
        )
    row = np.empty(total, np.int32)
    key = np.empty(total, np.int32)
    where = np.empty(total, np.int32)
    events = np.empty(total, np.int64)
    at = 0
    if total:
        for step in range(steps):
            if at == total:
                break
            at += _fill_bursts(
                values[step], channels, groups, depth, unary, core, step * depth,
                row[at:], key[at:], where[at:], events[at:],
            )  # fmt: skip
    return row, key, where, events


@njit(cache=True, nogil=True)
def sum_by_row(
    row: NDArray[np.int32],
    key: NDArray[np.int32],
    events: Ints,
    factor: Ints,
    groups: int,
    out: Ints,
) -> None:
    """Add events * factor[site] to the rows."""
    for b in range(len(row)):
        out[row[b]] += events[b] * factor[key[b] // groups]


@njit(cache=True, nogil=True)
def hits_where_spiking(
    row: NDArray[np.int32],
    key: NDArray[np.int32],
    events: Ints,
    groups: int,
    depth: int,
    pair_offsets: Ints,
    target: NDArray[np.int32],
    spiking: NDArray[np.bool_],
    run_offsets: Ints,
    run_core: NDArray[np.int32],
    run_size: Ints,
    hits: Ints,
    by_core: Ints,
) -> None:
    """Pairs whose target site spiked in that step, and their neurons by core."""
    for b in range(len(row)):
        site, group = key[b] // groups, key[b] % groups
        step = row[b] // depth
        for pair in range(pair_offsets[site], pair_offsets[site + 1]):
            q = target[pair]
            if spiking[step, q]:
                hits[row[b]] += events[b]
                if len(run_offsets) > 1:
                    reached = q * groups + group
                    for run in range(run_offsets[reached], run_offsets[reached + 1]):
                        by_core[row[b], run_core[run]] += events[b] * run_size[run]


@njit(cache=True, nogil=True)
def deliver(
    row: NDArray[np.int32],
    key: NDArray[np.int32],
    where: NDArray[np.int32],
    events: Ints,
    route_offsets: Ints,
    route_core: NDArray[np.int32],
    synapses: Ints,
    own: NDArray[np.uint8],
    x: Places,
    y: Places,
    chip_x: Places,
    chip_y: Places,
    totals: Ints,
    synops_at: Ints,
    packets_in: Ints,
    packets_out: Ints,
    flow: Ints,
) -> None:
    """Send every burst to its cores.

    own: 0 where the packet of another projection serves. totals: (4, rows) packets, hops along x,
    along y, and chip crossings. flow: see ``pass_links``.
    """
    for b in range(len(row)):
        r, n, source = row[b], events[b], where[b]
        for entry in range(route_offsets[key[b]], route_offsets[key[b] + 1]):
            c = route_core[entry]
            synops_at[r, c] += n * synapses[entry]
            if not own[entry]:
                continue
            totals[0, r] += n
            packets_in[r, c] += n
            if source >= 0:
                packets_out[r, source] += n
                cross_x = abs(chip_x[source] - chip_x[c])
                cross_y = abs(chip_y[source] - chip_y[c])
                totals[1, r] += n * (abs(x[source] - x[c]) - cross_x)
                totals[2, r] += n * (abs(y[source] - y[c]) - cross_y)
                totals[3, r] += n * (cross_x + cross_y)
                pass_links(flow[r], x[source], y[source], x[c], y[c], n)


@njit(cache=True, nogil=True)
def pass_links(flow: Ints, from_x: int, from_y: int, to_x: int, to_y: int, n: int) -> None:
    """Add n messages to the links between two tiles, along x and then along y.

    flow: (4, width + 1, height + 1) differences along the way: east, west, north, south. A link
    has the coordinates of its lower end.
    """
    if from_x < to_x:
        flow[0, from_x, from_y] += n
        flow[0, to_x, from_y] -= n
    elif to_x < from_x:
        flow[1, to_x, from_y] += n
        flow[1, from_x, from_y] -= n
    if from_y < to_y:
        flow[2, to_x, from_y] += n
        flow[2, to_x, to_y] -= n
    elif to_y < from_y:
        flow[3, to_x, to_y] += n
        flow[3, to_x, from_y] -= n


@njit(cache=True, nogil=True)
def send_currents(
    source: Places,
    target: Places,
    x: Places,
    y: Places,
    chip_x: Places,
    chip_y: Places,
    totals: Ints,
    adds_at: Ints,
    packets_in: Ints,
    packets_out: Ints,
    flow: Ints,
) -> None:
    """One step of a shortcut: every neuron's current to the same neuron of another population.

    totals: (4,) messages, hops along x, along y, and chip crossings.
    """
    for neuron in range(len(source)):
        a, b = source[neuron], target[neuron]
        adds_at[b] += 1
        if a != b:
            cross_x, cross_y = abs(chip_x[a] - chip_x[b]), abs(chip_y[a] - chip_y[b])
            totals[0] += 1
            totals[1] += abs(x[a] - x[b]) - cross_x
            totals[2] += abs(y[a] - y[b]) - cross_y
            totals[3] += cross_x + cross_y
            packets_in[b] += 1
            packets_out[a] += 1
            pass_links(flow, x[a], y[a], x[b], y[b], 1)


@njit(cache=True, nogil=True)
def count_spikes(
    values: NDArray[np.int32], depth: int, unary: bool, core: Places, cores: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """(rows,) events sent, (steps,) neurons that sent, and the latter (steps, cores) by core."""
    steps, neurons = values.shape
    sent = np.zeros(steps * depth, np.int64)
    fired = np.zeros(steps, np.int64)
    fired_at = np.zeros((steps, cores), np.int64)
    for step in range(steps):
        for neuron in range(neurons):
            value = abs(values[step, neuron])
            if value:
                fired[step] += 1
                if len(core):
                    fired_at[step, core[neuron]] += 1
                for row in range(min(depth, value) if unary else 1):
                    sent[step * depth + row] += events_in_row(value, row, depth, unary)
    return sent, fired, fired_at


@njit(cache=True, nogil=True)
def count_by_core(active: NDArray[np.bool_], core: Places, cores: int) -> Ints:
    """(steps, cores) neurons that are active, of (steps, neurons)."""
    steps, neurons = active.shape
    found = np.zeros((steps, cores), np.int64)
    for step in range(steps):
        for neuron in range(neurons):
            found[step, core[neuron]] += active[step, neuron]
    return found


@njit(cache=True, nogil=True)
def distinct_delays(
    pair_offsets: Ints,
    tap: NDArray[np.int32],
    target: NDArray[np.int32],
    delay: NDArray[np.int32],
    groups: int,
    core: Places,
    cores: int,
    steps: int,
) -> int:
    """Number of different (source neuron, core, delay) among all synapses."""
    channels, _, outputs = delay.shape
    stamp = np.full((cores, steps), -1, np.int64)
    found = 0
    for site in range(len(pair_offsets) - 1):
        for c in range(channels):
            neuron = site * channels + c
            group = c * groups // channels
            for pair in range(pair_offsets[site], pair_offsets[site + 1]):
                first = (target[pair] * groups + group) * outputs
                for o in range(outputs):
                    where, late = core[first + o], delay[c, tap[pair], o]
                    if stamp[where, late] != neuron:
                        stamp[where, late] = neuron
                        found += 1
    return found
