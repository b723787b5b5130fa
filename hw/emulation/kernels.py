"""Compiled loops over events: what a projection puts down, and what a population picks up.

A population has a ring of rows, one row a step that is still to come: ``ring`` (rows, neurons)
holds what has arrived for that step, ``touched`` where any synapse was active. An event adds the
weights of one (channel, tap) to the channels of a target site, which lie side by side as its
weights do. Sums are taken in one fixed order: sites, channels, pairs.
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
    channels = width * groups
    rows, sites = ring.shape[0], offsets.size - 1
    spiked = np.ones(sites, np.bool_)
    for s in range(first, last):
        step = sent[s]
        if gated:
            mark_sites(step, c_in, spiked)
        row, mark = ring[(s + late) % rows], touched[(s + late) % rows]
        for p in range(sites):
            a, b = offsets[p], offsets[p + 1]
            if a == b:
                continue
            for c in range(c_in):
                if step[p * c_in + c] == 0:
                    continue
                value = ring.dtype.type(step[p * c_in + c])
                start = c * groups // c_in * width
                for j in range(a, b):
                    q = target[j]
                    if gated and not spiked[q]:
                        continue
                    weights = weight[c, tap[j]]
                    here = row[q * channels + start : q * channels + start + width]
                    seen = mark[q * channels + start : q * channels + start + width]
                    for o in range(width):
                        here[o] += value * weights[o]
                    for o in range(width):
                        seen[o] = 1


@njit(**JIT)
def accumulate_delayed(  # type: ignore[no-untyped-def]
    sent, first, last, late, offsets, tap, target, weight, delay, groups, gated, ring, touched
):
    """The same where every synapse has a delay of its own, counted beyond ``late``."""
    c_in, _, width = weight.shape
    channels = width * groups
    rows, sites = ring.shape[0], offsets.size - 1
    spiked = np.ones(sites, np.bool_)
    for s in range(first, last):
        step = sent[s]
        if gated:
            mark_sites(step, c_in, spiked)
        now = (s + late) % rows
        for p in range(sites):
            for c in range(c_in):
                if step[p * c_in + c] == 0:
                    continue
                value = ring.dtype.type(step[p * c_in + c])
                start = c * groups // c_in * width
                for j in range(offsets[p], offsets[p + 1]):
                    q = target[j]
                    if gated and not spiked[q]:
                        continue
                    weights, delays = weight[c, tap[j]], delay[c, tap[j]]
                    n = q * channels + start
                    for o in range(width):
                        row = now + delays[o]
                        row = row - rows if row >= rows else row
                        ring[row, n + o] += value * weights[o]
                        touched[row, n + o] = 1


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
