"""The event-driven delay line: whole delays, one accumulation an event and synapse.

Synapses are packed a row an input, in the order of their delays, so that one event walks memory
upwards: ``offsets`` (in, n) holds delay * out + output, and ``weights`` (in, n) goes with it. A
delay line is max_delay rows of outputs, small enough for the cache, in a block of twice as many:
it moves down the block a row a step, and back to the start where it would leave it, so that no
event has to ask whether it goes round the end.

Every output adds up its events in one order, ascending in time, input and delay, whoever calls:
a whole sequence and a loop of single steps give the same bits, on any number of threads. No
fast-math: a product and a sum round twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from neurospike.kernels.threads import one_at_a_time

ALONE = 1 << 16
"""Up to this many inputs one thread is done before the others have woken up."""

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_JIT)
def pack(weight, delay, max_delay, offsets, weights):  # type: ignore[no-untyped-def]
    """Sort the synapses of every input by delay, then output, then tap.

    weight and delay are (out, in, taps), delays whole and in range; the rest is filled in.
    """
    outs, ins, taps = weight.shape
    place = np.zeros((ins, max_delay + 1), np.int64)
    for o in range(outs):
        for i in range(ins):
            for k in range(taps):
                place[i, int(delay[o, i, k]) + 1] += 1
    for i in range(ins):
        for d in range(max_delay):
            place[i, d + 1] += place[i, d]
    for o in range(outs):
        for i in range(ins):
            for k in range(taps):
                d = int(delay[o, i, k])
                n = place[i, d]
                place[i, d] = n + 1
                offsets[i, n] = d * outs + o
                weights[i, n] = weight[o, i, k]


@njit(**_JIT)
def _events(x, offsets, weights, due):  # type: ignore[no-untyped-def]
    """Add one step's inputs x (in,) to the line whose first row is due now."""
    for i in range(x.size):
        v = x[i]
        if v != 0:
            for n in range(offsets.shape[1]):
                due[offsets[i, n]] += weights[i, n] * v


@njit(**_JIT)
def _sample(b, x, offsets, weights, lines, y):  # type: ignore[no-untyped-def]
    """One sample through its own delay line ``lines`` (2 max_delay * out,), from rest."""
    T = x.shape[0]
    steps, _, outs = y.shape
    half = lines.size // 2
    lines[:] = 0
    start = 0
    for t in range(steps):
        if t < T:
            _events(x[t, b], offsets, weights, lines[start : start + half])
        y[t, b] = lines[start : start + outs]
        start += outs
        if start > half:
            lines[: half - outs] = lines[start : start + half - outs]
            lines[half - outs :] = 0
            start = 0


@njit(**_JIT)
def sequence(x, offsets, weights, max_delay, y):  # type: ignore[no-untyped-def]
    """x (T, B, in) -> y (T + tail, B, out), from rest."""
    lines = np.empty(2 * max_delay * y.shape[2], x.dtype)
    for b in range(x.shape[1]):
        _sample(b, x, offsets, weights, lines, y)


@one_at_a_time
@njit(parallel=True, **_JIT)
def sequence_threaded(x, offsets, weights, max_delay, y):  # type: ignore[no-untyped-def]
    """The same on all threads, a sample at a time."""
    for b in prange(x.shape[1]):
        lines = np.empty(2 * max_delay * y.shape[2], x.dtype)
        _sample(b, x, offsets, weights, lines, y)


@njit(**_JIT)
def arrive(x, offsets, weights, due):  # type: ignore[no-untyped-def]
    """Add one step's events x (B, in) to what is on its way, due (B, max_delay * out)."""
    for b in range(x.shape[0]):
        _events(x[b], offsets, weights, due[b])
