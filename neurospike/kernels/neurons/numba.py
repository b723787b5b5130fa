"""Fused multi-step neurons: one pass forward, one pass backward, no membrane stored.

Neurons are cut into chunks of columns small enough that a chunk's membranes over all T steps stay
in cache; the backward pass recomputes them there. One thread works a chunk from start to end and
the cut depends on T alone, so the bits do not depend on the number of threads. No fast-math: a
product and a sum round twice, as in torch, so that T steps at once equal T calls of one step.

Each kernel works the chunks ``first`` to ``last``; its twin in ``THREADED`` spreads all chunks
over the threads. Arrays are (T, N) and C-contiguous. A first membrane ``v0`` (N,) may be empty: at
rest. A gradient ``g`` of the output may have one row (the same for all steps) or one chunk of
columns (the same for all neurons); ``g_t`` and ``g_n``, 0 or 1, are what its indices are multiplied
with. Outputs that nobody wants (``v1``, ``gv0``, ``sums``) are empty arrays. Scalars have the dtype
of x. The compiler moves flags out of the inner loops, which stay plain vector loops; only the
surrogates, being many, have a loop each.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

from neurospike.kernels.threads import one_at_a_time

CHUNK_BYTES = 384 * 1024
"""Cache that a chunk's recomputed membranes may take: a part of a core's own L2."""

ALONE = 1 << 20
"""Up to this many inputs one thread is done before the others have woken up."""

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


def chunk_columns(steps: int, itemsize: int) -> int:
    """Columns in a chunk: a multiple of 16, from 64 to 2048, by T alone."""
    fitting = CHUNK_BYTES // (itemsize * max(steps, 1))
    return int(min(2048, max(64, fitting // 16 * 16)))


def launch(kernel: Any, x: np.ndarray[Any, Any], chunk: int, *args: Any) -> None:
    """Run ``kernel`` on all chunks of x: here where that is little work, else on all threads."""
    chunks = -(-x.shape[1] // chunk)
    if x.size <= ALONE or chunks == 1:
        kernel(0, chunks, chunk, x, *args)
    else:
        THREADED[kernel](chunks, chunk, x, *args)


@njit(**_JIT)
def lif_forward(  # type: ignore[no-untyped-def]
    first, last, chunk, x, s, v0, v1, leak, threshold, rest, divide, decay_input, soft
):
    """Spikes s (T, N), and the last membrane v1 (N,) where wanted."""
    T, N = x.shape
    for b in range(first, last):
        a, m = b * chunk, min(chunk, N - b * chunk)
        v = _start(v0, a, m, rest)
        for t in range(T):
            _fire(v, x[t, a : a + m], s[t, a : a + m], leak, threshold, rest,
                  divide, decay_input, soft)  # fmt: skip
        if v1.size:
            v1[a : a + m] = v


@njit(**_JIT)
def lif_backward(  # type: ignore[no-untyped-def]
    first, last, chunk, x, g, g_t, g_n, gv1, v0, gx, gv0, sums, leak, rate, threshold, rest,
    alpha, divide, decay_input, soft, detach, code,
):  # fmt: skip
    """Gradients of x (T, N), of v0 where wanted, and of 1 / tau, a float64 sum a chunk."""
    T, N = x.shape
    one = x.dtype.type(1)
    for b in range(first, last):
        a, m = b * chunk, min(chunk, N - b * chunk)
        v = _start(v0, a, m, rest)
        H = np.empty((T, m), x.dtype)
        for t in range(T):
            _recompute(v, x[t, a : a + m], H[t], leak, threshold, rest, divide, decay_input, soft)
        gv = _start(gv1, a, m, x.dtype.type(0))
        slope = np.empty(m, x.dtype)
        share = np.zeros(m, x.dtype)
        for t in range(T - 1, -1, -1):
            _bell(H[t], slope, threshold, code, alpha)
            row = g[t * g_t, a * g_n : a * g_n + m]
            gain = rate if decay_input else one
            _lif_step_back(gv, gx[t, a : a + m], row, H[t], slope, threshold, rest,
                           one - rate, gain, soft, detach)  # fmt: skip
            if sums.size:
                if t > 0:
                    _reset(H[t - 1], v, threshold, rest, soft)
                else:
                    v = _start(v0, a, m, rest)
                _add_rate_gradient(slope, v, x[t, a : a + m], share, rest, decay_input)
        if gv0.size:
            gv0[a : a + m] = gv
        if sums.size:
            sums[b] = _total(share)


@njit(**_JIT)
def ilif_forward(first, last, chunk, x, s, v0, v1, beta, top):  # type: ignore[no-untyped-def]
    """Integer spikes s (T, N), and the last membrane v1 (N,) where wanted."""
    T, N = x.shape
    for b in range(first, last):
        a, m = b * chunk, min(chunk, N - b * chunk)
        v = _start(v0, a, m, x.dtype.type(0))
        u = np.empty(m, x.dtype)
        for t in range(T):
            _fire_integers(v, x[t, a : a + m], u, s[t, a : a + m], beta, top)
        if v1.size:
            v1[a : a + m] = v


@njit(**_JIT)
def ilif_backward(first, last, chunk, x, g, g_t, g_n, gv1, v0, gx, gv0, beta, top):  # type: ignore[no-untyped-def]
    """Gradients of x (T, N), and of v0 where wanted."""
    T, N = x.shape
    zero = x.dtype.type(0)
    for b in range(first, last):
        a, m = b * chunk, min(chunk, N - b * chunk)
        v = _start(v0, a, m, zero)
        U = np.empty((T, m), x.dtype)
        s = np.empty(m, x.dtype)
        for t in range(T):
            _fire_integers(v, x[t, a : a + m], U[t], s, beta, top)
        gv = _start(gv1, a, m, zero)
        for t in range(T - 1, -1, -1):
            row = g[t * g_t, a * g_n : a * g_n + m]
            _ilif_step_back(gv, gx[t, a : a + m], row, U[t], beta, top)
        if gv0.size:
            gv0[a : a + m] = gv


@njit(**_JIT)
def readout_forward(first, last, chunk, x, y, v0, leak, divide, decay_input):  # type: ignore[no-untyped-def]
    """Membranes y (T, N) of a leak that never fires."""
    T, N = x.shape
    zero = x.dtype.type(0)
    for b in range(first, last):
        a, m = b * chunk, min(chunk, N - b * chunk)
        v = _start(v0, a, m, zero)
        for t in range(T):
            _integrate(v, x[t, a : a + m], y[t, a : a + m], leak, divide, decay_input)


@njit(**_JIT)
def readout_backward(  # type: ignore[no-untyped-def]
    first, last, chunk, x, y, g, g_t, g_n, v0, gx, gv0, sums, rate, decay_input
):
    """Gradients of x (T, N), of v0 where wanted, and of 1 / tau, a float64 sum a chunk."""
    T, N = x.shape
    zero = x.dtype.type(0)
    one = x.dtype.type(1)
    for b in range(first, last):
        a, m = b * chunk, min(chunk, N - b * chunk)
        gv = np.zeros(m, x.dtype)
        gh = np.empty(m, x.dtype)
        share = np.zeros(m, x.dtype)
        for t in range(T - 1, -1, -1):
            row = g[t * g_t, a * g_n : a * g_n + m]
            gain = rate if decay_input else one
            _readout_step_back(gv, gx[t, a : a + m], row, gh, one - rate, gain)
            if sums.size:
                v = y[t - 1, a : a + m] if t > 0 else _start(v0, a, m, zero)
                _add_rate_gradient(gh, v, x[t, a : a + m], share, zero, decay_input)
        if gv0.size:
            gv0[a : a + m] = gv
        if sums.size:
            sums[b] = _total(share)


@one_at_a_time
@njit(parallel=True, **_JIT)
def _lif_forward(  # type: ignore[no-untyped-def]
    chunks, chunk, x, s, v0, v1, leak, threshold, rest, divide, decay_input, soft
):
    for b in prange(chunks):
        lif_forward(b, b + 1, chunk, x, s, v0, v1, leak, threshold, rest,
                    divide, decay_input, soft)  # fmt: skip


@one_at_a_time
@njit(parallel=True, **_JIT)
def _lif_backward(  # type: ignore[no-untyped-def]
    chunks, chunk, x, g, g_t, g_n, gv1, v0, gx, gv0, sums, leak, rate, threshold, rest,
    alpha, divide, decay_input, soft, detach, code,
):  # fmt: skip
    for b in prange(chunks):
        lif_backward(b, b + 1, chunk, x, g, g_t, g_n, gv1, v0, gx, gv0, sums, leak, rate,
                     threshold, rest, alpha, divide, decay_input, soft, detach, code)  # fmt: skip


@one_at_a_time
@njit(parallel=True, **_JIT)
def _ilif_forward(chunks, chunk, x, s, v0, v1, beta, top):  # type: ignore[no-untyped-def]
    for b in prange(chunks):
        ilif_forward(b, b + 1, chunk, x, s, v0, v1, beta, top)


@one_at_a_time
@njit(parallel=True, **_JIT)
def _ilif_backward(chunks, chunk, x, g, g_t, g_n, gv1, v0, gx, gv0, beta, top):  # type: ignore[no-untyped-def]
    for b in prange(chunks):
        ilif_backward(b, b + 1, chunk, x, g, g_t, g_n, gv1, v0, gx, gv0, beta, top)


@one_at_a_time
@njit(parallel=True, **_JIT)
def _readout_forward(chunks, chunk, x, y, v0, leak, divide, decay_input):  # type: ignore[no-untyped-def]
    for b in prange(chunks):
        readout_forward(b, b + 1, chunk, x, y, v0, leak, divide, decay_input)


@one_at_a_time
@njit(parallel=True, **_JIT)
def _readout_backward(  # type: ignore[no-untyped-def]
    chunks, chunk, x, y, g, g_t, g_n, v0, gx, gv0, sums, rate, decay_input
):
    for b in prange(chunks):
        readout_backward(b, b + 1, chunk, x, y, g, g_t, g_n, v0, gx, gv0, sums, rate, decay_input)


THREADED = {
    lif_forward: _lif_forward,
    lif_backward: _lif_backward,
    ilif_forward: _ilif_forward,
    ilif_backward: _ilif_backward,
    readout_forward: _readout_forward,
    readout_backward: _readout_backward,
}


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
def _charged(v, x, leak, rest, divide, decay_input):  # type: ignore[no-untyped-def]
    """Membrane after leak and input; ``leak`` is tau where ``divide``, else 1 / tau."""
    if decay_input:
        drift = x - (v - rest)
        return v + (drift / leak if divide else drift * leak)
    drift = v - rest
    return v - (drift / leak if divide else drift * leak) + x


@njit(**_JIT)
def _after(h, threshold, rest, soft):  # type: ignore[no-untyped-def]
    """Membrane after reset."""
    if soft:
        return h - threshold if h >= threshold else h
    return rest if h >= threshold else h


@njit(**_JIT)
def _fire(v, x, s, leak, threshold, rest, divide, decay_input, soft):  # type: ignore[no-untyped-def]
    one = x.dtype.type(1)
    zero = x.dtype.type(0)
    for i in range(x.size):
        h = _charged(v[i], x[i], leak, rest, divide, decay_input)
        s[i] = one if h >= threshold else zero
        v[i] = _after(h, threshold, rest, soft)


@njit(**_JIT)
def _fire_integers(v, x, u, s, beta, top):  # type: ignore[no-untyped-def]
    """s = floor(clip(u, 0, top) + 0.5); a NaN stays a NaN, as in torch."""
    zero = x.dtype.type(0)
    half = x.dtype.type(0.5)
    for i in range(x.size):
        u[i] = beta * v[i] + x[i]
        low = zero if u[i] < zero else u[i]
        s[i] = np.floor((top if low > top else low) + half)
        v[i] = u[i] - s[i]


@njit(**_JIT)
def _recompute(v, x, h, leak, threshold, rest, divide, decay_input, soft):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        h[i] = _charged(v[i], x[i], leak, rest, divide, decay_input)
        v[i] = _after(h[i], threshold, rest, soft)


@njit(**_JIT)
def _integrate(v, x, y, leak, divide, decay_input):  # type: ignore[no-untyped-def]
    zero = x.dtype.type(0)
    for i in range(x.size):
        v[i] = _charged(v[i], x[i], leak, zero, divide, decay_input)
        y[i] = v[i]


@njit(**_JIT)
def _reset(h, v, threshold, rest, soft):  # type: ignore[no-untyped-def]
    for i in range(h.size):
        v[i] = _after(h[i], threshold, rest, soft)


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
def _lif_step_back(gv, gx, g, h, slope, threshold, rest, keep, gain, soft, detach):  # type: ignore[no-untyped-def]
    """gv goes from after this step to before it; ``slope`` becomes the gradient of h."""
    zero = h.dtype.type(0)
    for i in range(h.size):
        gs = g[i]
        if not detach:
            gs += gv[i] * (-threshold if soft else rest - h[i])
        kept = zero if (h[i] >= threshold) & (not soft) else gv[i]
        gh = gs * slope[i] + kept
        slope[i] = gh
        gx[i] = gh * gain
        gv[i] = gh * keep


@njit(**_JIT)
def _ilif_step_back(gv, gx, g, u, beta, top):  # type: ignore[no-untyped-def]
    zero = u.dtype.type(0)
    for i in range(u.size):
        gu = gv[i] + (g[i] if (u[i] > zero) & (u[i] < top) else zero)
        gx[i] = gu
        gv[i] = gu * beta


@njit(**_JIT)
def _readout_step_back(gv, gx, g, gh, keep, gain):  # type: ignore[no-untyped-def]
    for i in range(gv.size):
        gh[i] = gv[i] + g[i]
        gx[i] = gh[i] * gain
        gv[i] = gh[i] * keep


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
