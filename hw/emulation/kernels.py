"""Compiled loops over events: what a projection puts down, and what a population picks up.

A population has a ring of rows, one row a step that is still to come: ``ring`` (rows, neurons)
holds what has arrived for that step, ``touched`` where any synapse was active. An event adds the
weights of one (channel, tap) to the channels of a target site, which lie side by side as its
weights do. Sums are taken in one fixed order: sites, pairs, channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**JIT)
def accumulate(sent, first, last, late, offsets, tap, target, weight, groups, gated, ring, touched):  # type: ignore[no-untyped-def]
    """Add what the steps first..last of ``sent`` (steps, neurons) bring, ``late`` steps later."""
    c_in, _, width = weight.shape
    channels, share = width * groups, c_in // groups
    rows, sites = ring.shape[0], offsets.size - 1
    spiked = np.ones(sites, np.bool_)
    which, values = np.empty(c_in, np.int64), np.empty(c_in, ring.dtype)
    for s in range(first, last):
        step = sent[s]
        if gated:
            mark_sites(step, c_in, spiked)
        row, mark = ring[(s + late) % rows], touched[(s + late) % rows]
        for p in range(sites):
            if offsets[p] == offsets[p + 1]:
                continue
            for g in range(groups):
                events = find_events(step, p * c_in, g * share, share, which, values)
                if events == 0:
                    continue
                for j in range(offsets[p], offsets[p + 1]):
                    if gated and not spiked[target[j]]:
                        continue
                    n = target[j] * channels + g * width
                    add_events(events, which, values, weight, tap[j], row[n : n + width])
                    seen = mark[n : n + width]
                    for o in range(width):
                        seen[o] = 1


@njit(forceinline=True, **JIT)
def find_events(step, site, first, share, which, values):  # type: ignore[no-untyped-def]
    """Which of the channels from ``first`` on send something, and what; how many do."""
    events = 0
    for c in range(first, first + share):
        if step[site + c] != 0:
            which[events] = c
            values[events] = step[site + c]
            events += 1
    return events


@njit(forceinline=True, **JIT)
def add_events(events, which, values, weight, k, here):  # type: ignore[no-untyped-def]
    """Add events of one site to the channels of another, four at a time but in their order."""
    i = 0
    while i + 4 <= events:
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        w_a, w_b = weight[which[i], k], weight[which[i + 1], k]
        w_c, w_d = weight[which[i + 2], k], weight[which[i + 3], k]
        for o in range(here.size):
            here[o] = (((here[o] + a * w_a[o]) + b * w_b[o]) + c * w_c[o]) + d * w_d[o]
        i += 4
    for rest in range(i, events):
        a, w_a = values[rest], weight[which[rest], k]
        for o in range(here.size):
            here[o] += a * w_a[o]


@njit(**JIT)
def accumulate_delayed(  # type: ignore[no-untyped-def]
    sent, first, last, late, offsets, tap, target, weight, delay, earliest, groups, gated, ring,
    touched,
):  # fmt: skip
    """The same where every synapse has a delay of its own, of which ``late`` has ``earliest``."""
    c_in, _, width = weight.shape
    rows, neurons = ring.shape
    channels = width * groups
    flat, seen = ring.reshape(-1), touched.reshape(-1)
    sites = offsets.size - 1
    spiked = np.ones(sites, np.bool_)
    for s in range(first, last):
        step = sent[s]
        if gated:
            mark_sites(step, c_in, spiked)
        now = ((s + late) % rows - earliest) * neurons
        for p in range(sites):
            for c in range(c_in):
                if step[p * c_in + c] == 0:
                    continue
                value = ring.dtype.type(step[p * c_in + c])
                start = now + c * groups // c_in * width
                for j in range(offsets[p], offsets[p + 1]):
                    q = target[j]
                    if gated and not spiked[q]:
                        continue
                    weights, delays = weight[c, tap[j]], delay[c, tap[j]]
                    for o in range(width):
                        at = start + q * channels + o + delays[o] * neurons
                        # Unsigned, so that no check for an index from the end stands in the way.
                        at = np.uint64(at - flat.size if at >= flat.size else at)
                        flat[at] += value * weights[o]
                        seen[at] = 1


@njit(**JIT)
def mark_sites(step, channels, spiked):  # type: ignore[no-untyped-def]
    """Which sites have a channel that is not 0."""
    for p in range(spiked.size):
        spiked[p] = False
        for c in range(channels):
            if step[p * channels + c] != 0:
                spiked[p] = True
                break


@njit(**JIT)
def settle(own, shift, first, last, ring):  # type: ignore[no-untyped-def]
    """Round a projection's own sums, half up, into its target's unit; clear them."""
    half = (1 << shift) >> 1
    for t in range(first, last):
        r = t % ring.shape[0]
        for n in range(ring.shape[1]):
            ring[r, n] += (own[r, n] + half) >> shift
            own[r, n] = 0


@njit(**JIT)
def gather(  # type: ignore[no-untyped-def]
    ring, touched, first, last, bias, held, held_from, extra, largest, x, active, saturated
):
    """Currents x (steps, neurons) of the steps first..last, and whose neurons have work.

    Adds to what arrived the bias (0, 1 or sites; channels), what is held (neurons,) from step
    ``held_from`` on, and ``extra`` (steps, neurons) from shortcuts; either may be empty. Clears
    the rows.
    """
    rows, neurons = ring.shape
    channels = bias.shape[1]
    for t in range(first, last):
        row, mark, out, on = ring[t % rows], touched[t % rows], x[t - first], active[t]
        for n in range(neurons):
            out[n] = row[n]
            on[n] = mark[n]
            row[n] = 0
            mark[n] = 0
        if bias.shape[0]:
            for q in range(neurons // channels):
                constant = bias[q if bias.shape[0] > 1 else 0]
                for c in range(channels):
                    out[q * channels + c] += constant[c]
                    on[q * channels + c] |= constant[c] != 0
        if held.size and t >= held_from:
            add(held, out, on)
        if extra.shape[1]:
            add(extra[t - first], out, on)
        if largest:
            for n in range(neurons):
                if abs(out[n]) > largest:
                    out[n] = largest if out[n] > 0 else -largest
                    saturated[t] += 1


@njit(**JIT)
def add(values, out, on):  # type: ignore[no-untyped-def]
    """Add currents; a neuron that one of them reaches has work."""
    for n in range(out.size):
        out[n] += values[n]
        on[n] |= values[n] != 0
