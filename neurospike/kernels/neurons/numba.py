"""Fused multi-step neurons: one pass forward, one pass backward, no membrane stored.

Neurons are cut into chunks of columns small enough that a chunk's membranes over all T steps stay
in cache; the backward pass recomputes them there. One thread works a chunk from start to end and
the cut depends on T alone, so the bits do not depend on the number of threads. No fast-math: a
product and a sum round twice, as in torch, so that T steps at once equal T calls of one step.
Flags choose a loop from outside, which keeps every inner loop a plain vector loop.

Arrays are (T, N) and C-contiguous. A first membrane ``v0`` (N,) may be empty: at rest. A gradient
``g`` of the output may have one row (the same for all steps) or one chunk of columns (the same for
all neurons); ``g_t`` and ``g_n``, 0 or 1, are what its indices are multiplied with. Outputs that
nobody wants (``v1``, ``gv0``, ``sums``) are empty arrays. Scalars have the dtype of x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from neurospike.kernels.threads import one_at_a_time

CHUNK_BYTES = 96 * 1024
"""Cache that a chunk's recomputed membranes may take: a part of a core's own L2."""

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


def chunk_columns(steps: int, itemsize: int) -> int:
    """Columns in a chunk: a multiple of 16, from 64 to 2048, by T alone."""
    fitting = CHUNK_BYTES // (itemsize * max(steps, 1))
    return int(min(2048, max(64, fitting // 16 * 16)))


@one_at_a_time
@njit(parallel=True, **_JIT)
def lif_forward(x, s, v0, v1, chunk, leak, threshold, rest, divide, decay_input, soft):  # type: ignore[no-untyped-def]
    """Spikes s (T, N), and the last membrane v1 (N,) where wanted."""
    T, N = x.shape
    for b in prange((N + chunk - 1) // chunk):
        a = b * chunk
        m = min(chunk, N - a)
        v = _start(v0, a, m, rest)
        h = np.empty(m, x.dtype)
        for t in range(T):
            _charge(v, h, x[t, a : a + m], leak, rest, divide, decay_input)
            _fire(h, s[t, a : a + m], threshold)
            _reset(h, v, threshold, rest, soft)
        if v1.size:
            v1[a : a + m] = v


@one_at_a_time
@njit(parallel=True, **_JIT)
def lif_backward(  # type: ignore[no-untyped-def]
    x, g, gv1, v0, gx, gv0, sums, chunk, g_t, g_n, leak, rate, threshold, rest, alpha,
    divide, decay_input, soft, detach, code,
):  # fmt: skip
    """Gradients of x (T, N), of v0 where wanted, and of 1 / tau, a float64 sum a chunk."""
    T, N = x.shape
    one = x.dtype.type(1)
    for b in prange((N + chunk - 1) // chunk):
        a = b * chunk
        m = min(chunk, N - a)
        v = _start(v0, a, m, rest)
        H = np.empty((T, m), x.dtype)
        for t in range(T):
            _charge(v, H[t], x[t, a : a + m], leak, rest, divide, decay_input)
            _reset(H[t], v, threshold, rest, soft)
        gv = _start(gv1, a, m, x.dtype.type(0))
        slope = np.empty(m, x.dtype)
        share = np.zeros(m, x.dtype)
        for t in range(T - 1, -1, -1):
            _bell(H[t], slope, threshold, code, alpha)
            row = g[t * g_t, a * g_n : a * g_n + m]
            _through_reset(H[t], slope, gv, row, threshold, rest, soft, detach)
            if sums.size:
                if t > 0:
                    _reset(H[t - 1], v, threshold, rest, soft)
                else:
                    v = _start(v0, a, m, rest)
                _add_rate_gradient(gv, v, x[t, a : a + m], share, rest, decay_input)
            _through_charge(gv, gx[t, a : a + m], one - rate, rate if decay_input else one)
        if gv0.size:
            gv0[a : a + m] = gv
        if sums.size:
            sums[b] = _total(share)


@one_at_a_time
@njit(parallel=True, **_JIT)
def ilif_forward(x, s, v0, v1, chunk, beta, top):  # type: ignore[no-untyped-def]
    """Integer spikes s (T, N), and the last membrane v1 (N,) where wanted."""
    T, N = x.shape
    for b in prange((N + chunk - 1) // chunk):
        a = b * chunk
        m = min(chunk, N - a)
        v = _start(v0, a, m, x.dtype.type(0))
        u = np.empty(m, x.dtype)
        for t in range(T):
            _integer_step(v, u, x[t, a : a + m], s[t, a : a + m], beta, top)
        if v1.size:
            v1[a : a + m] = v


@one_at_a_time
@njit(parallel=True, **_JIT)
def ilif_backward(x, g, gv1, v0, gx, gv0, chunk, g_t, g_n, beta, top):  # type: ignore[no-untyped-def]
    """Gradients of x (T, N), and of v0 where wanted."""
    T, N = x.shape
    zero = x.dtype.type(0)
    for b in prange((N + chunk - 1) // chunk):
        a = b * chunk
        m = min(chunk, N - a)
        v = _start(v0, a, m, zero)
        U = np.empty((T, m), x.dtype)
        s = np.empty(m, x.dtype)
        for t in range(T):
            _integer_step(v, U[t], x[t, a : a + m], s, beta, top)
        gv = _start(gv1, a, m, zero)
        for t in range(T - 1, -1, -1):
            row = g[t * g_t, a * g_n : a * g_n + m]
            for i in range(m):
                u = U[t, i]
                gv[i] += row[i] if (u > zero) & (u < top) else zero
            _through_charge(gv, gx[t, a : a + m], beta, x.dtype.type(1))
        if gv0.size:
            gv0[a : a + m] = gv


@one_at_a_time
@njit(parallel=True, **_JIT)
def readout_forward(x, y, v0, chunk, leak, divide, decay_input):  # type: ignore[no-untyped-def]
    """Membranes y (T, N) of a leak that never fires."""
    T, N = x.shape
    zero = x.dtype.type(0)
    for b in prange((N + chunk - 1) // chunk):
        a = b * chunk
        m = min(chunk, N - a)
        v = _start(v0, a, m, zero)
        for t in range(T):
            _charge(v, y[t, a : a + m], x[t, a : a + m], leak, zero, divide, decay_input)
            v = y[t, a : a + m]


@one_at_a_time
@njit(parallel=True, **_JIT)
def readout_backward(x, y, g, v0, gx, gv0, sums, chunk, g_t, g_n, rate, decay_input):  # type: ignore[no-untyped-def]
    """Gradients of x (T, N), of v0 where wanted, and of 1 / tau, a float64 sum a chunk."""
    T, N = x.shape
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    for b in prange((N + chunk - 1) // chunk):
        a = b * chunk
        m = min(chunk, N - a)
        gv = np.zeros(m, x.dtype)
        share = np.zeros(m, x.dtype)
        for t in range(T - 1, -1, -1):
            row = g[t * g_t, a * g_n : a * g_n + m]
            for i in range(m):
                gv[i] += row[i]
            if sums.size:
                v = y[t - 1, a : a + m] if t > 0 else _start(v0, a, m, zero)
                _add_rate_gradient(gv, v, x[t, a : a + m], share, zero, decay_input)
            _through_charge(gv, gx[t, a : a + m], one - rate, rate if decay_input else one)
        if gv0.size:
            gv0[a : a + m] = gv
        if sums.size:
            sums[b] = _total(share)


@njit(**_JIT)
def _start(v0, a, m, rest):  # type: ignore[no-untyped-def]
    """A chunk's own copy of the first membrane, at rest where ``v0`` is empty."""
    v = np.empty(m, v0.dtype)
    if v0.size:
        v[:] = v0[a : a + m]
    else:
        v[:] = rest
    return v


@njit(**_JIT)
def _charge(v, h, x, leak, rest, divide, decay_input):  # type: ignore[no-untyped-def]
    """h = membrane after leak and input; ``leak`` is tau where ``divide``, else 1 / tau."""
    m = x.size
    if decay_input:
        if divide:
            for i in range(m):
                h[i] = v[i] + (x[i] - (v[i] - rest)) / leak
        else:
            for i in range(m):
                h[i] = v[i] + (x[i] - (v[i] - rest)) * leak
    elif divide:
        for i in range(m):
            h[i] = v[i] - (v[i] - rest) / leak + x[i]
    else:
        for i in range(m):
            h[i] = v[i] - (v[i] - rest) * leak + x[i]


@njit(**_JIT)
def _fire(h, s, threshold):  # type: ignore[no-untyped-def]
    one = h.dtype.type(1)
    zero = h.dtype.type(0)
    for i in range(s.size):
        s[i] = one if h[i] >= threshold else zero


@njit(**_JIT)
def _reset(h, v, threshold, rest, soft):  # type: ignore[no-untyped-def]
    zero = h.dtype.type(0)
    if soft:
        for i in range(h.size):
            v[i] = h[i] - (threshold if h[i] >= threshold else zero)
    else:
        for i in range(h.size):
            v[i] = rest if h[i] >= threshold else h[i]


@njit(**_JIT)
def _integer_step(v, u, x, s, beta, top):  # type: ignore[no-untyped-def]
    """u = beta * v + x, s = floor(clip(u, 0, top) + 0.5), v = u - s; a NaN stays a NaN."""
    zero = x.dtype.type(0)
    half = x.dtype.type(0.5)
    for i in range(x.size):
        u[i] = beta * v[i] + x[i]
        low = zero if u[i] < zero else u[i]
        s[i] = np.floor((top if low > top else low) + half)
        v[i] = u[i] - s[i]


@njit(**_JIT)
def _bell(h, out, threshold, code, alpha):  # type: ignore[no-untyped-def]
    """out = derivative of surrogate ``code`` at h - threshold."""
    one = h.dtype.type(1)
    zero = h.dtype.type(0)
    half = h.dtype.type(0.5)
    m = h.size
    if code == 0:
        scale = h.dtype.type(math.pi / 2) * alpha
        for i in range(m):
            u = (h[i] - threshold) * scale
            out[i] = alpha * half / (one + u * u)
    elif code == 1:
        for i in range(m):
            p = one / (one + np.exp(-alpha * (h[i] - threshold)))
            out[i] = alpha * (one - p) * p
    elif code == 2:
        for i in range(m):
            u = alpha - alpha * alpha * abs(h[i] - threshold)
            out[i] = zero if u < zero else u
    elif code == 3:
        for i in range(m):
            out[i] = alpha if abs(h[i] - threshold) < half / alpha else zero
    else:
        for i in range(m):
            u = one + alpha * abs(h[i] - threshold)
            out[i] = one / (u * u)


@njit(**_JIT)
def _through_reset(h, slope, gv, g, threshold, rest, soft, detach):  # type: ignore[no-untyped-def]
    """gv, the gradient of the membrane after reset, becomes that of the membrane before it."""
    zero = h.dtype.type(0)
    m = h.size
    if detach and soft:
        for i in range(m):
            gv[i] = g[i] * slope[i] + gv[i]
    elif detach:
        for i in range(m):
            gv[i] = g[i] * slope[i] + (zero if h[i] >= threshold else gv[i])
    elif soft:
        for i in range(m):
            gv[i] = (g[i] - gv[i] * threshold) * slope[i] + gv[i]
    else:
        for i in range(m):
            kept = zero if h[i] >= threshold else gv[i]
            gv[i] = (g[i] + gv[i] * (rest - h[i])) * slope[i] + kept


@njit(**_JIT)
def _through_charge(gv, gx, keep, gain):  # type: ignore[no-untyped-def]
    """The input's gradient, and gv becomes that of the membrane one step earlier."""
    for i in range(gv.size):
        gh = gv[i]
        gx[i] = gh * gain
        gv[i] = gh * keep


@njit(**_JIT)
def _add_rate_gradient(gh, v, x, share, rest, decay_input):  # type: ignore[no-untyped-def]
    """Add this step's share of d loss / d (1 / tau), one sum a neuron."""
    if decay_input:
        for i in range(gh.size):
            share[i] += gh[i] * (x[i] - (v[i] - rest))
    else:
        for i in range(gh.size):
            share[i] -= gh[i] * (v[i] - rest)


@njit(**_JIT)
def _total(share):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(share.size):
        total += share[i]
    return total
