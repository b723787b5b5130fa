"""Fused adaptive LIF neurons: one pass forward, one pass backward, no state stored.

Built like the kernels in ``numba.py``: chunks of columns whose states over all T steps stay in
cache, recomputed there by the backward pass, and the same bits on any number of threads.

Arrays are (T, N) and C-contiguous; column n is neuron n modulo C of ``gains`` (4, C), whose rows
are alpha, beta, a, b. ``begin``, ``end`` and their gradients have a row for each state: the
membrane u, the adaptation w of the next step and, where the adaptation is ``late`` (Euler), the
one of this step; (k, 0) where nobody wants them. ``shares`` (4, N) collects the gradients of the
gains, a column each, and is (4, 0) where nobody wants those.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from neurospike.kernels.neurons.numba import _JIT, THREADED, _after, _bell
from neurospike.kernels.threads import one_at_a_time


@njit(**_JIT)
def adaptive_forward(first, last, chunk, x, s, begin, end, gains, threshold, late, soft):  # type: ignore[no-untyped-def]
    """Spikes s (T, N), and the last states where wanted."""
    T, N = x.shape
    for k in range(first, last):
        a, m = k * chunk, min(chunk, N - k * chunk)
        own = _tiled(gains, a, m)
        state = _started(begin, a, m)
        for t in range(T):
            _fire(state[0], state[1], state[-1], x[t, a : a + m], s[t, a : a + m], own,
                  threshold, late, soft)  # fmt: skip
        if end.shape[1]:
            end[:, a : a + m] = state


@njit(**_JIT)
def adaptive_backward(  # type: ignore[no-untyped-def]
    first, last, chunk, x, g, g_t, g_n, gend, begin, gx, gbegin, shares, gains, threshold, alpha,
    late, soft, detach, code,
):  # fmt: skip
    """Gradients of x (T, N), and of the first states and the gains where wanted."""
    T, N = x.shape
    learn = shares.shape[1] > 0
    for k in range(first, last):
        a, m = k * chunk, min(chunk, N - k * chunk)
        own = _tiled(gains, a, m)
        state = _started(begin, a, m)
        start = state.copy()
        H = np.empty((T, m), x.dtype)
        W = np.empty((T if learn else 0, m), x.dtype)
        for t in range(T):
            if learn:
                W[t] = state[1]
            _recompute(state[0], state[1], state[-1], x[t, a : a + m], H[t], own,
                       threshold, late, soft)  # fmt: skip
        grad = _started(gend, a, m)
        slope = np.empty(m, x.dtype)
        share = np.zeros((4, m), x.dtype)
        u = start[0].copy()
        for t in range(T - 1, -1, -1):
            _bell(H[t], slope, threshold, code, alpha)
            if learn:
                _adaptation_shares(share, grad[1], H[t], W[t], threshold, soft)
            row = g[t * g_t, a * g_n : a * g_n + m]
            _step_back(grad, gx[t, a : a + m], row, H[t], slope, own, threshold, late, soft, detach)
            if learn:
                if t > 0:
                    _reset(H[t - 1], u, threshold, soft)
                else:
                    u[:] = start[0]
                felt = W[t - late] if t >= late else start[-1]
                _membrane_shares(share[0], slope, u, x[t, a : a + m], felt)
        if gbegin.shape[1]:
            gbegin[:, a : a + m] = grad
        if learn:
            shares[:, a : a + m] = share


@one_at_a_time
@njit(parallel=True, **_JIT)
def _adaptive_forward(chunks, chunk, x, s, begin, end, gains, threshold, late, soft):  # type: ignore[no-untyped-def]
    for k in prange(chunks):
        adaptive_forward(k, k + 1, chunk, x, s, begin, end, gains, threshold, late, soft)


@one_at_a_time
@njit(parallel=True, **_JIT)
def _adaptive_backward(  # type: ignore[no-untyped-def]
    chunks, chunk, x, g, g_t, g_n, gend, begin, gx, gbegin, shares, gains, threshold, alpha,
    late, soft, detach, code,
):  # fmt: skip
    for k in prange(chunks):
        adaptive_backward(k, k + 1, chunk, x, g, g_t, g_n, gend, begin, gx, gbegin, shares, gains,
                          threshold, alpha, late, soft, detach, code)  # fmt: skip


THREADED[adaptive_forward] = _adaptive_forward
THREADED[adaptive_backward] = _adaptive_backward


@njit(**_JIT)
def _tiled(gains, a, m):  # type: ignore[no-untyped-def]
    """The gains of columns a to a + m, written out so that inner loops need no index."""
    own = np.empty((gains.shape[0], m), gains.dtype)
    for i in range(m):
        own[:, i] = gains[:, (a + i) % gains.shape[1]]
    return own


@njit(**_JIT)
def _started(states, a, m):  # type: ignore[no-untyped-def]
    """A chunk's own copy of states or of their gradients; zero where there are none."""
    own = np.zeros((states.shape[0], m), states.dtype)
    if states.shape[1]:
        own[:] = states[:, a : a + m]
    return own


@njit(**_JIT)
def _fire(u, w, felt, x, s, own, threshold, late, soft):  # type: ignore[no-untyped-def]
    one = x.dtype.type(1)
    zero = x.dtype.type(0)
    alpha, beta, a, b = own
    for i in range(x.size):
        h = alpha[i] * u[i] + (one - alpha[i]) * (x[i] - felt[i])
        s[i] = one if h >= threshold else zero
        u[i] = _after(h, threshold, zero, soft)
        if late:
            felt[i] = w[i]
        w[i] = beta[i] * w[i] + (a[i] * u[i] + b[i] * s[i])


@njit(**_JIT)
def _recompute(u, w, felt, x, h, own, threshold, late, soft):  # type: ignore[no-untyped-def]
    one = x.dtype.type(1)
    zero = x.dtype.type(0)
    alpha, beta, a, b = own
    for i in range(x.size):
        h[i] = alpha[i] * u[i] + (one - alpha[i]) * (x[i] - felt[i])
        s = one if h[i] >= threshold else zero
        u[i] = _after(h[i], threshold, zero, soft)
        if late:
            felt[i] = w[i]
        w[i] = beta[i] * w[i] + (a[i] * u[i] + b[i] * s)


@njit(**_JIT)
def _step_back(grad, gx, g, h, slope, own, threshold, late, soft, detach):  # type: ignore[no-untyped-def]
    """``grad`` goes from after this step to before it; ``slope`` becomes the gradient of h."""
    zero = h.dtype.type(0)
    one = h.dtype.type(1)
    alpha, beta, a, b = own
    gu, gw, gfelt = grad[0], grad[1], grad[-1]
    for i in range(h.size):
        gu[i] += a[i] * gw[i]
        gs = g[i] + b[i] * gw[i]
        if not detach:
            gs += gu[i] * (-threshold if soft else -h[i])
        kept = zero if (h[i] >= threshold) & (not soft) else gu[i]
        slope[i] = gs * slope[i] + kept
        gx[i] = slope[i] * (one - alpha[i])
        gu[i] = slope[i] * alpha[i]
    for i in range(h.size):
        if late:
            gw[i] = beta[i] * gw[i] + gfelt[i]
            gfelt[i] = -gx[i]
        else:
            gw[i] = beta[i] * gw[i] - gx[i]


@njit(**_JIT)
def _adaptation_shares(share, gw, h, before, threshold, soft):  # type: ignore[no-untyped-def]
    """Add this step's gradients of beta, a and b, given that of the adaptation after it."""
    zero = h.dtype.type(0)
    for i in range(h.size):
        share[1, i] += gw[i] * before[i]
        share[2, i] += gw[i] * _after(h[i], threshold, zero, soft)
        share[3, i] += gw[i] if h[i] >= threshold else zero


@njit(**_JIT)
def _membrane_shares(share, gh, u, x, felt):  # type: ignore[no-untyped-def]
    """Add this step's gradient of alpha, given that of the membrane before reset."""
    for i in range(gh.size):
        share[i] += gh[i] * (u[i] - (x[i] - felt[i]))


@njit(**_JIT)
def _reset(h, u, threshold, soft):  # type: ignore[no-untyped-def]
    zero = h.dtype.type(0)
    for i in range(h.size):
        u[i] = _after(h[i], threshold, zero, soft)
