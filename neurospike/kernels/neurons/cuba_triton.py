"""Fused current-based LIF neurons in Triton: real arithmetic, built as LIF is in ``triton.py``.

``keep`` (2,) is what the current i and the membrane v keep from step to step; it is read on the
device. ``sums`` (2, blocks) collects its gradient, a sum for each block.
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
def cuba_forward(
    x, s, i0, v0, i1, v1, keep, T, N, threshold,
    HAS_V: tl.constexpr, SOFT: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Spikes s (T, N), and the last states (N,) where the first are given."""
    keep_i, keep_v = tl.load(keep).to(tl.float32), tl.load(keep + 1).to(tl.float32)
    first = tl.program_id(0).to(tl.int64) * BLOCK
    n = tl.arange(0, BLOCK)
    inside = n < N - first
    i = started(i0, first, n, inside, 0.0, HAS_V)
    v = started(v0, first, n, inside, 0.0, HAS_V)
    at = first
    for _ in range(T % STEPS):
        at, i, v = _fire(x, s, at, N, n, inside, i, v, keep_i, keep_v, threshold, SOFT, 1)
    for _ in range(T // STEPS):
        at, i, v = _fire(x, s, at, N, n, inside, i, v, keep_i, keep_v, threshold, SOFT, STEPS)
    if HAS_V:
        tl.store(i1 + first + n, i.to(i1.dtype.element_ty), mask=inside)
        tl.store(v1 + first + n, v.to(v1.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["blocks"])
def cuba_backward(
    x, g, g_t, g_n, gi1, gv1, i0, v0, gx, gi0, gv0, sums, scratch, keep, T, N, blocks, threshold,
    alpha, HAS_V: tl.constexpr, HAS_GV: tl.constexpr, LEARN: tl.constexpr, SOFT: tl.constexpr,
    DETACH: tl.constexpr, CODE: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Gradients of x (T, N), and of the first states and of ``keep`` where wanted."""
    keep_i, keep_v = tl.load(keep).to(tl.float32), tl.load(keep + 1).to(tl.float32)
    n = tl.arange(0, BLOCK)
    block = tl.program_id(0).to(tl.int64)
    own = block * (T % STEPS + T // STEPS - 1) * BLOCK * 2
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        first = block * BLOCK
        inside = n < N - first
        i = started(i0, first, n, inside, 0.0, HAS_V)
        v = started(v0, first, n, inside, 0.0, HAS_V)
        at, g_at, row = first, first * g_n, own
        if scratch is not None:
            for _ in range(T % STEPS):
                tl.store(scratch + row + n, i)
                tl.store(scratch + row + BLOCK + n, v)
                i, v = _skip(x, at, N, n, inside, i, v, keep_i, keep_v, threshold, SOFT, 1)
                at, g_at, row = at + N, g_at + g_t, row + 2 * BLOCK
            for _ in range(T // STEPS - 1):
                tl.store(scratch + row + n, i)
                tl.store(scratch + row + BLOCK + n, v)
                i, v = _skip(x, at, N, n, inside, i, v, keep_i, keep_v, threshold, SOFT, STEPS)
                at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + 2 * BLOCK
            tl.debug_barrier()  # threads read back what others of the program wrote
        gi = started(gi1, first, n, inside, 0.0, HAS_GV)
        gv = started(gv1, first, n, inside, 0.0, HAS_GV)
        share = (tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32))
        last = row
        at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + 2 * BLOCK
        for _ in range(T // STEPS):
            at, g_at, row = back(at, N, STEPS), back(g_at, g_t, STEPS), row - 2 * BLOCK
            if scratch is not None:  # the last chunk's states are still at hand
                kept = inside & (row < last)
                i = tl.load(scratch + row + n, mask=kept, other=i)
                v = tl.load(scratch + row + BLOCK + n, mask=kept, other=v)
            gi, gv, share = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, i, v, gi, gv,
                                    share, keep_i, keep_v, threshold, alpha, LEARN, SOFT,
                                    DETACH, CODE, STEPS)  # fmt: skip
        if scratch is not None:
            for _ in range(T % STEPS):
                at, g_at, row = at - N, g_at - g_t, row - 2 * BLOCK
                i, v = tl.load(scratch + row + n), tl.load(scratch + row + BLOCK + n)
                gi, gv, share = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, i, v, gi, gv,
                                        share, keep_i, keep_v, threshold, alpha, LEARN, SOFT,
                                        DETACH, CODE, 1)  # fmt: skip
            tl.debug_barrier()  # before the next block overwrites it
        if HAS_V:
            tl.store(gi0 + first + n, gi.to(gi0.dtype.element_ty), mask=inside)
            tl.store(gv0 + first + n, gv.to(gv0.dtype.element_ty), mask=inside)
        if LEARN:
            tl.store(sums + block, tl.sum(tl.where(inside, share[0], 0.0), 0))
            tl.store(sums + blocks + block, tl.sum(tl.where(inside, share[1], 0.0), 0))
        block += tl.num_programs(0)


@triton.jit
def _step(i, v, x, keep_i, keep_v):
    """The current, and the membrane before its reset."""
    i = keep_i * i + x
    return i, keep_v * v + i


@triton.jit
def _fire(
    x, s, at, N, n, inside, i, v, keep_i, keep_v, threshold,
    SOFT: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's spikes; the offset and the states after it."""
    now = rows(x, at, N, n, inside, STEPS)
    for t in tl.static_range(STEPS):
        i, h = _step(i, v, now[t], keep_i, keep_v)
        fired = h >= threshold
        tl.store(s + at + n, fired.to(tl.float32).to(s.dtype.element_ty), mask=inside)
        v = after(h, fired, threshold, 0.0, SOFT)
        at += N
    return at, i, v


@triton.jit
def _skip(
    x, at, N, n, inside, i, v, keep_i, keep_v, threshold, SOFT: tl.constexpr, STEPS: tl.constexpr
):  # fmt: skip
    """The states after a chunk."""
    now = rows(x, at, N, n, inside, STEPS)
    for t in tl.static_range(STEPS):
        i, h = _step(i, v, now[t], keep_i, keep_v)
        v = after(h, h >= threshold, threshold, 0.0, SOFT)
    return i, v


@triton.jit
def _return(
    x, g, gx, at, g_at, N, g_t, g_n, n, inside, i, v, gi, gv, share, keep_i, keep_v, threshold,
    alpha, LEARN: tl.constexpr, SOFT: tl.constexpr, DETACH: tl.constexpr, CODE: tl.constexpr,
    STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's gradients of x; those of the states before it, and of ``keep`` so far."""
    now = rows(x, at, N, n, inside, STEPS)
    gs = rows(g, g_at, g_t, n * g_n, inside, STEPS)
    currents, membranes, hs = (i,), (v,), ()
    for t in tl.static_range(STEPS):
        i, h = _step(i, v, now[t], keep_i, keep_v)
        v = after(h, h >= threshold, threshold, 0.0, SOFT)
        currents += (i,)
        membranes += (v,)
        hs += (h,)
        at += N
    share_i, share_v = share
    for t in tl.static_range(STEPS - 1, -1, -1):
        at -= N
        slope = bell(hs[t] - threshold, alpha, CODE)
        gh = before_reset(gv, gs[t], hs[t], slope, threshold, 0.0, SOFT, DETACH)
        given = gi + gh
        tl.store(gx + at + n, given.to(gx.dtype.element_ty), mask=inside)
        if LEARN:
            share_i += given * currents[t]
            share_v += gh * membranes[t]
        gi, gv = given * keep_i, gh * keep_v
    return gi, gv, (share_i, share_v)
