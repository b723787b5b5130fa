"""Fused current-based LIF neurons: one pass forward, one pass backward, no state stored.

Built like the kernels in ``numba.py``. ``begin``, ``end`` and their gradients are (2, N), the
currents and the membranes, or (2, 0) where nobody wants them; ``shares`` (2, N) collects the
gradients of both decay factors, a column each, or is (2, 0). With ``scale`` above 0 the states are
whole numbers of 1 / scale and decay as on the chip; all products are exact in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from neurospike.functional.cuba import LARGEST, UNITY
from neurospike.kernels.neurons.numba import _JIT, THREADED, _after, _bell
from neurospike.kernels.threads import one_at_a_time


@njit(**_JIT)
def cuba_forward(first, last, chunk, x, s, begin, end, keep_i, keep_v, threshold, soft, scale):  # type: ignore[no-untyped-def]
    """Spikes s (T, N), and the last states where wanted."""
    T, N = x.shape
    for k in range(first, last):
        a, m = k * chunk, min(chunk, N - k * chunk)
        state = _started(begin, a, m)
        h = np.empty(m, x.dtype)
        for t in range(T):
            _charge(state[0], state[1], x[t, a : a + m], h, keep_i, keep_v, scale)
            _fire(h, s[t, a : a + m], state[1], threshold, soft)
        if end.shape[1]:
            end[:, a : a + m] = state


@njit(**_JIT)
def cuba_backward(  # type: ignore[no-untyped-def]
    first, last, chunk, x, g, g_t, g_n, gend, begin, gx, gbegin, shares, keep_i, keep_v, threshold,
    alpha, soft, scale, detach, code,
):  # fmt: skip
    """Gradients of x (T, N), and of the first states and both decay factors where wanted."""
    T, N = x.shape
    learn = shares.shape[1] > 0
    for k in range(first, last):
        a, m = k * chunk, min(chunk, N - k * chunk)
        state = _started(begin, a, m)
        H = np.empty((T, m), x.dtype)
        currents = np.empty((T if learn else 0, m), x.dtype)
        start = state[1].copy()
        for t in range(T):
            if learn:
                currents[t] = state[0]
            _charge(state[0], state[1], x[t, a : a + m], H[t], keep_i, keep_v, scale)
            _reset(H[t], state[1], threshold, soft)
        grad = _started(gend, a, m)
        slope = np.empty(m, x.dtype)
        share = np.zeros((2, m), x.dtype)
        v = np.empty(m, x.dtype)
        for t in range(T - 1, -1, -1):
            _bell(H[t], slope, threshold, code, alpha)
            row = g[t * g_t, a * g_n : a * g_n + m]
            _step_back(grad[0], grad[1], gx[t, a : a + m], row, H[t], slope, threshold,
                       soft, detach)  # fmt: skip
            if learn:
                if t > 0:
                    _reset(H[t - 1], v, threshold, soft)
                else:
                    v[:] = start
                _add_shares(share, gx[t, a : a + m], slope, currents[t], v)
            _decay(grad[0], gx[t, a : a + m], keep_i)
            _decay(grad[1], slope, keep_v)
        if gbegin.shape[1]:
            gbegin[:, a : a + m] = grad
        if learn:
            shares[:, a : a + m] = share


@one_at_a_time
@njit(parallel=True, **_JIT)
def _cuba_forward(chunks, chunk, x, s, begin, end, keep_i, keep_v, threshold, soft, scale):  # type: ignore[no-untyped-def]
    for k in prange(chunks):
        cuba_forward(k, k + 1, chunk, x, s, begin, end, keep_i, keep_v, threshold, soft, scale)


@one_at_a_time
@njit(parallel=True, **_JIT)
def _cuba_backward(  # type: ignore[no-untyped-def]
    chunks, chunk, x, g, g_t, g_n, gend, begin, gx, gbegin, shares, keep_i, keep_v, threshold,
    alpha, soft, scale, detach, code,
):  # fmt: skip
    for k in prange(chunks):
        cuba_backward(k, k + 1, chunk, x, g, g_t, g_n, gend, begin, gx, gbegin, shares, keep_i,
                      keep_v, threshold, alpha, soft, scale, detach, code)  # fmt: skip


THREADED[cuba_forward] = _cuba_forward
THREADED[cuba_backward] = _cuba_backward


@njit(**_JIT)
def _started(states, a, m):  # type: ignore[no-untyped-def]
    """A chunk's own copy of states or of their gradients; zero where there are none."""
    own = np.zeros((2, m), states.dtype)
    if states.shape[1]:
        own[:] = states[:, a : a + m]
    return own


@njit(**_JIT)
def _charge(i, v, x, h, keep_i, keep_v, scale):  # type: ignore[no-untyped-def]
    """i becomes the new current and h the membrane before reset."""
    if scale == 0:
        for n in range(x.size):
            i[n] = keep_i * i[n] + x[n]
            h[n] = keep_v * v[n] + i[n]
        return
    factor_i = np.rint(np.float64(keep_i) * UNITY)
    factor_v = np.rint(np.float64(keep_v) * UNITY)
    for n in range(x.size):
        whole = _leaky(i[n], factor_i, np.rint(np.float64(x[n]) * scale), scale)
        i[n] = whole / scale
        h[n] = _leaky(v[n], factor_v, whole, scale) / scale


@njit(**_JIT)
def _leaky(value, factor, added, scale):  # type: ignore[no-untyped-def]
    left = np.trunc(np.rint(np.float64(value) * scale) * factor / UNITY)
    return min(max(left + added, -LARGEST), LARGEST)


@njit(**_JIT)
def _fire(h, s, v, threshold, soft):  # type: ignore[no-untyped-def]
    one = h.dtype.type(1)
    zero = h.dtype.type(0)
    for n in range(h.size):
        s[n] = one if h[n] >= threshold else zero
        v[n] = _after(h[n], threshold, zero, soft)


@njit(**_JIT)
def _reset(h, v, threshold, soft):  # type: ignore[no-untyped-def]
    zero = h.dtype.type(0)
    for n in range(h.size):
        v[n] = _after(h[n], threshold, zero, soft)


@njit(**_JIT)
def _step_back(gi, gv, gx, g, h, slope, threshold, soft, detach):  # type: ignore[no-untyped-def]
    """``slope`` becomes the gradient of h, and gx that of the current after this step."""
    zero = h.dtype.type(0)
    for n in range(h.size):
        gs = g[n]
        if not detach:
            gs += gv[n] * (-threshold if soft else -h[n])
        kept = zero if (h[n] >= threshold) & (not soft) else gv[n]
        slope[n] = gs * slope[n] + kept
        gx[n] = gi[n] + slope[n]


@njit(**_JIT)
def _add_shares(share, gi, gh, i, v):  # type: ignore[no-untyped-def]
    for n in range(gi.size):
        share[0, n] += gi[n] * i[n]
        share[1, n] += gh[n] * v[n]


@njit(**_JIT)
def _decay(out, value, keep):  # type: ignore[no-untyped-def]
    for n in range(value.size):
        out[n] = value[n] * keep
