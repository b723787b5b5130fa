"""Fused adaptive LIF neurons in Triton: the passes of ``adaptive_numba.py``, built as LIF is.

Column n of (T, N) is neuron n modulo C of ``gains`` (4, C), whose rows are alpha, beta, a, b. The
states are the membrane u, the adaptation w of the next step and, where the adaptation is LATE
(Euler), the one that is felt in this step; else that is w itself. ``shares`` (4, N) collects the
gradients of the gains, a column each.
"""

from __future__ import annotations

import triton
import triton.language as tl

from neurospike.kernels.neurons.parts_triton import (
    after,
    ahead,
    back,
    before_reset,
    bell,
    rows,
    started,
)


@triton.jit
def adaptive_forward(
    x, s, u0, w0, f0, u1, w1, f1, gains, C, T, N, threshold,
    HAS_V: tl.constexpr, LATE: tl.constexpr, SOFT: tl.constexpr,
    BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Spikes s (T, N), and the last states (N,) where the first are given."""
    first = tl.program_id(0).to(tl.int64) * BLOCK
    n = tl.arange(0, BLOCK)
    inside = n < N - first
    own = _own(gains, C, first, n, inside)
    state = _begin(u0, w0, f0, first, n, inside, HAS_V, LATE)
    at = first
    for _ in range(T % STEPS):
        at, state = _fire(x, s, at, N, n, inside, state, own, threshold, LATE, SOFT, 1)
    for _ in range(T // STEPS):
        at, state = _fire(x, s, at, N, n, inside, state, own, threshold, LATE, SOFT, STEPS)
    if HAS_V:
        _end(u1, w1, f1, first, n, inside, state, LATE)


@triton.jit(do_not_specialize=["blocks"])
def adaptive_backward(
    x, g, g_t, g_n, gu1, gw1, gf1, u0, w0, f0, gx, gu0, gw0, gf0, shares, scratch, gains, C,
    T, N, blocks, threshold, alpha,
    HAS_V: tl.constexpr, HAS_GV: tl.constexpr, LATE: tl.constexpr, LEARN: tl.constexpr,
    SOFT: tl.constexpr, DETACH: tl.constexpr, CODE: tl.constexpr,
    BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Gradients of x (T, N), and of the first states and the gains where wanted."""
    n = tl.arange(0, BLOCK)
    block = tl.program_id(0).to(tl.int64)
    STATES: tl.constexpr = 3 if LATE else 2
    own_rows = block * (T % STEPS + T // STEPS - 1) * BLOCK * STATES
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        first = block * BLOCK
        inside = n < N - first
        own = _own(gains, C, first, n, inside)
        state = _begin(u0, w0, f0, first, n, inside, HAS_V, LATE)
        at, g_at, row = first, first * g_n, own_rows
        if scratch is not None:
            for _ in range(T % STEPS):
                _keep(scratch, row, n, state, LATE, BLOCK)
                state = _skip(x, at, N, n, inside, state, own, threshold, LATE, SOFT, 1)
                at, g_at, row = at + N, g_at + g_t, row + STATES * BLOCK
            for _ in range(T // STEPS - 1):
                _keep(scratch, row, n, state, LATE, BLOCK)
                state = _skip(x, at, N, n, inside, state, own, threshold, LATE, SOFT, STEPS)
                at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + STATES * BLOCK
            tl.debug_barrier()  # threads read back what others of the program wrote
        grad = _begin(gu1, gw1, gf1, first, n, inside, HAS_GV, LATE)
        zero = tl.zeros((BLOCK,), tl.float32)
        share = (zero, zero, zero, zero)
        last = row
        at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + STATES * BLOCK
        for _ in range(T // STEPS):
            at, g_at, row = back(at, N, STEPS), back(g_at, g_t, STEPS), row - STATES * BLOCK
            if scratch is not None:  # the last chunk's states are still at hand
                state = _kept(scratch, row, n, inside & (row < last), state, LATE, BLOCK)
            grad, share = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, state, grad, share,
                                  own, threshold, alpha, LATE, LEARN, SOFT, DETACH, CODE,
                                  STEPS)  # fmt: skip
        if scratch is not None:
            for _ in range(T % STEPS):
                at, g_at, row = at - N, g_at - g_t, row - STATES * BLOCK
                state = _kept(scratch, row, n, inside, state, LATE, BLOCK)
                grad, share = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, state, grad,
                                      share, own, threshold, alpha, LATE, LEARN, SOFT, DETACH,
                                      CODE, 1)  # fmt: skip
            tl.debug_barrier()  # before the next block overwrites it
        if HAS_V:
            _end(gu0, gw0, gf0, first, n, inside, grad, LATE)
        if LEARN:
            out = first
            for i in tl.static_range(4):
                tl.store(shares + out + n, share[i], mask=inside)
                out += N
        block += tl.num_programs(0)


@triton.jit
def _own(gains, C, first, n, inside):
    """The gains of a block's columns."""
    at = (first + n) % C
    found = ()
    for i in tl.static_range(4):
        found += (tl.load(gains + i * C + at, mask=inside, other=0.0).to(tl.float32),)
    return found


@triton.jit
def _begin(u, w, f, first, n, inside, GIVEN: tl.constexpr, LATE: tl.constexpr):
    """A block's first states, or the gradients of its last."""
    found = (started(u, first, n, inside, 0.0, GIVEN), started(w, first, n, inside, 0.0, GIVEN))
    if LATE:
        found += (started(f, first, n, inside, 0.0, GIVEN),)
    return found


@triton.jit
def _end(u, w, f, first, n, inside, state, LATE: tl.constexpr):
    """Write states out."""
    tl.store(u + first + n, state[0].to(u.dtype.element_ty), mask=inside)
    tl.store(w + first + n, state[1].to(w.dtype.element_ty), mask=inside)
    if LATE:
        tl.store(f + first + n, state[2].to(f.dtype.element_ty), mask=inside)


@triton.jit
def _keep(scratch, row, n, state, LATE: tl.constexpr, BLOCK: tl.constexpr):
    """States to come back to, in rows of scratch."""
    tl.store(scratch + row + n, state[0])
    tl.store(scratch + row + BLOCK + n, state[1])
    if LATE:
        tl.store(scratch + row + 2 * BLOCK + n, state[2])


@triton.jit
def _kept(scratch, row, n, kept, state, LATE: tl.constexpr, BLOCK: tl.constexpr):
    """States that were kept, or else those at hand."""
    found = ()
    for i in tl.static_range(3 if LATE else 2):
        found += (tl.load(scratch + row + i * BLOCK + n, mask=kept, other=state[i]),)
    return found


@triton.jit
def _step(state, x, own, threshold, LATE: tl.constexpr, SOFT: tl.constexpr):
    """The charged membrane, the spike and the states after a step."""
    alpha, beta, a, b = own
    u, w = state[0], state[1]
    felt = state[2] if LATE else w
    h = alpha * u + (1.0 - alpha) * (x - felt)
    fired = h >= threshold
    u = after(h, fired, threshold, 0.0, SOFT)
    adapted = beta * w + (a * u + b * fired.to(tl.float32))
    later = (u, adapted)
    if LATE:
        later += (w,)
    return h, fired, later


@triton.jit
def _fire(
    x, s, at, N, n, inside, state, own, threshold,
    LATE: tl.constexpr, SOFT: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's spikes; the offset and the states after it."""
    now = rows(x, at, N, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        _, fired, state = _step(state, now[i], own, threshold, LATE, SOFT)
        tl.store(s + at + n, fired.to(tl.float32).to(s.dtype.element_ty), mask=inside)
        at += N
    return at, state


@triton.jit
def _skip(
    x, at, N, n, inside, state, own, threshold,
    LATE: tl.constexpr, SOFT: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """The states after a chunk."""
    now = rows(x, at, N, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        _, _, state = _step(state, now[i], own, threshold, LATE, SOFT)
    return state


@triton.jit
def _return(
    x, g, gx, at, g_at, N, g_t, g_n, n, inside, state, grad, share, own, threshold, sharpness,
    LATE: tl.constexpr, LEARN: tl.constexpr, SOFT: tl.constexpr, DETACH: tl.constexpr,
    CODE: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's gradients of x; those of the states before it, and of the gains so far."""
    alpha, beta, a, b = own
    now = rows(x, at, N, n, inside, STEPS)
    gs = rows(g, g_at, g_t, n * g_n, inside, STEPS)
    states, hs = (state,), ()
    for i in tl.static_range(STEPS):
        h, _, state = _step(state, now[i], own, threshold, LATE, SOFT)
        states += (state,)
        hs += (h,)
        at += N
    gu, gw = grad[0], grad[1]
    if LATE:
        gf = grad[2]
    s0, s1, s2, s3 = share
    for i in tl.static_range(STEPS - 1, -1, -1):
        at -= N
        old = states[i]
        h = hs[i]
        fired = h >= threshold
        if LEARN:
            s1 += gw * old[1]
            s2 += gw * after(h, fired, threshold, 0.0, SOFT)
            s3 += tl.where(fired, gw, 0.0)
        gu += a * gw
        slope = bell(h - threshold, sharpness, CODE)
        gh = before_reset(gu, gs[i] + b * gw, h, slope, threshold, 0.0, SOFT, DETACH)
        gain = gh * (1.0 - alpha)
        tl.store(gx + at + n, gain.to(gx.dtype.element_ty), mask=inside)
        gu = gh * alpha
        if LATE:
            gw = beta * gw + gf
            gf = -gain
        else:
            gw = beta * gw - gain
        if LEARN:
            s0 += gh * (old[0] - (now[i] - old[2 if LATE else 1]))
    grad = (gu, gw)
    if LATE:
        grad += (gf,)
    return grad, (s0, s1, s2, s3)
