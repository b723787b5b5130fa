"""Fused multi-step LIF in Triton: the passes of ``numba.py``, on a GPU.

Membranes are float32 whatever the input is, and never stored whole. Backward, a program goes forth
once more and keeps the membrane at the start of each chunk alone, in its own row of ``scratch``,
then takes the chunks from the last to the first with all else in registers; a sequence of one chunk
needs no scratch. Steps that fill no chunk come first, one by one. Programs share nothing, so the
bits do not depend on their order.

Arrays are (T, N) and contiguous, 1 <= STEPS <= T. ``leak`` is tau where DIVIDE, else 1 / tau;
HAS_RATE reads 1 / tau from ``rate`` instead, so that nothing comes back from the device. The
output's gradient advances by ``g_t`` from step to step and by ``g_n`` from neuron to neuron: 0
where it is the same for all.
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
    charged,
    rows,
    started,
)


@triton.jit
def lif_forward(
    x, s, v0, v1, rate, T, N, leak, threshold, rest,
    HAS_V: tl.constexpr, HAS_RATE: tl.constexpr, DIVIDE: tl.constexpr,
    DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Spikes s (T, N), and the last membrane v1 (N,) where v0 is given."""
    if HAS_RATE:
        leak = tl.load(rate).to(tl.float32)
    first = tl.program_id(0).to(tl.int64) * BLOCK
    n = tl.arange(0, BLOCK)
    inside = n < N - first
    v = started(v0, first, n, inside, rest, HAS_V)
    at = first
    for _ in range(T % STEPS):
        at, v = _fire(x, s, at, N, n, inside, v, leak, threshold, rest,
                      DIVIDE, DECAY_INPUT, SOFT, 1)  # fmt: skip
    for _ in range(T // STEPS):
        at, v = _fire(x, s, at, N, n, inside, v, leak, threshold, rest,
                      DIVIDE, DECAY_INPUT, SOFT, STEPS)  # fmt: skip
    if HAS_V:
        tl.store(v1 + first + n, v.to(v1.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["blocks"])
def lif_backward(
    x, g, g_t, g_n, gv1, v0, gx, gv0, sums, scratch, rate, T, N, blocks, leak, threshold, rest,
    alpha, HAS_V: tl.constexpr, HAS_GV: tl.constexpr, HAS_RATE: tl.constexpr,
    DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr, DETACH: tl.constexpr,
    CODE: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Gradients of x (T, N), of v0 where given, and of 1 / tau: a sum for each block."""
    if HAS_RATE:
        leak = tl.load(rate).to(tl.float32)
    n = tl.arange(0, BLOCK)
    block = tl.program_id(0).to(tl.int64)
    own = block * (T % STEPS + T // STEPS - 1) * BLOCK
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        first = block * BLOCK
        inside = n < N - first
        v = started(v0, first, n, inside, rest, HAS_V)
        at, g_at, row = first, first * g_n, own
        if scratch is not None:
            for _ in range(T % STEPS):
                tl.store(scratch + row + n, v)
                v = _reset(x, at, N, n, inside, v, leak, threshold, rest,
                           DIVIDE, DECAY_INPUT, SOFT, 1)  # fmt: skip
                at, g_at, row = at + N, g_at + g_t, row + BLOCK
            for _ in range(T // STEPS - 1):
                tl.store(scratch + row + n, v)
                v = _reset(x, at, N, n, inside, v, leak, threshold, rest,
                           DIVIDE, DECAY_INPUT, SOFT, STEPS)  # fmt: skip
                at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + BLOCK
            tl.debug_barrier()  # threads read back what others of the program wrote
        gv = started(gv1, first, n, inside, 0.0, HAS_GV)
        share = tl.zeros((BLOCK,), tl.float32)
        last = row
        at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + BLOCK
        for _ in range(T // STEPS):
            at, g_at, row = back(at, N, STEPS), back(g_at, g_t, STEPS), row - BLOCK
            if scratch is not None:  # the last chunk's membranes are still at hand
                v = tl.load(scratch + row + n, mask=inside & (row < last), other=v)
            gv, share = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, v, gv, share, leak,
                                threshold, rest, alpha, HAS_RATE, DIVIDE, DECAY_INPUT, SOFT,
                                DETACH, CODE, STEPS)  # fmt: skip
        if scratch is not None:
            for _ in range(T % STEPS):
                at, g_at, row = at - N, g_at - g_t, row - BLOCK
                v = tl.load(scratch + row + n)
                gv, share = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, v, gv, share,
                                    leak, threshold, rest, alpha, HAS_RATE, DIVIDE,
                                    DECAY_INPUT, SOFT, DETACH, CODE, 1)  # fmt: skip
            tl.debug_barrier()  # before the next block overwrites it
        if HAS_V:
            tl.store(gv0 + first + n, gv.to(gv0.dtype.element_ty), mask=inside)
        if HAS_RATE:
            tl.store(sums + block, tl.sum(tl.where(inside, share, 0.0), 0))
        block += tl.num_programs(0)


@triton.jit
def _fire(
    x, s, at, N, n, inside, v, leak, threshold, rest,
    DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's spikes; the offset and the membranes after it."""
    now = rows(x, at, N, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        h = charged(v, now[i], leak, rest, DIVIDE, DECAY_INPUT)
        fired = h >= threshold
        tl.store(s + at + n, fired.to(tl.float32).to(s.dtype.element_ty), mask=inside)
        v = after(h, fired, threshold, rest, SOFT)
        at += N
    return at, v


@triton.jit
def _reset(
    x, at, N, n, inside, v, leak, threshold, rest,
    DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """The membranes after a chunk."""
    now = rows(x, at, N, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        h = charged(v, now[i], leak, rest, DIVIDE, DECAY_INPUT)
        v = after(h, h >= threshold, threshold, rest, SOFT)
    return v


@triton.jit
def _return(
    x, g, gx, at, g_at, N, g_t, g_n, n, inside, v, gv, share, leak, threshold, rest, alpha,
    HAS_RATE: tl.constexpr, DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr,
    DETACH: tl.constexpr, CODE: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's gradients of x; those of the membranes before it, and of 1 / tau so far."""
    now = rows(x, at, N, n, inside, STEPS)
    gs = rows(g, g_at, g_t, n * g_n, inside, STEPS)
    slow = 1.0 / leak if DIVIDE else leak
    old, hs = (v,), ()
    for i in tl.static_range(STEPS):
        h = charged(old[i], now[i], leak, rest, DIVIDE, DECAY_INPUT)
        hs += (h,)
        old += (after(h, h >= threshold, threshold, rest, SOFT),)
        at += N
    for i in tl.static_range(STEPS - 1, -1, -1):
        at -= N
        slope = bell(hs[i] - threshold, alpha, CODE)
        gh = before_reset(gv, gs[i], hs[i], slope, threshold, rest, SOFT, DETACH)
        gain = slow if DECAY_INPUT else 1.0
        tl.store(gx + at + n, (gh * gain).to(gx.dtype.element_ty), mask=inside)
        if HAS_RATE:
            share += gh * (now[i] - (old[i] - rest) if DECAY_INPUT else rest - old[i])
        gv = gh * (1.0 - slow)
    return gv, share
