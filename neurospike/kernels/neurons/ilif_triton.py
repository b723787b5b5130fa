"""Fused multi-step integer LIF in Triton, built as LIF is in ``triton.py``."""

from __future__ import annotations

import triton
import triton.language as tl

from neurospike.kernels.neurons.parts_triton import ahead, back, rows, spikes_of, started


@triton.jit
def ilif_forward(
    x, s, v0, v1, T, N, beta, top,
    HAS_V: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Integer spikes s (T, N), and the last membrane v1 (N,) where v0 is given."""
    first = tl.program_id(0).to(tl.int64) * BLOCK
    n = tl.arange(0, BLOCK)
    inside = n < N - first
    v = started(v0, first, n, inside, 0.0, HAS_V)
    at = first
    for _ in range(T % STEPS):
        at, v = _fire(x, s, at, N, n, inside, v, beta, top, 1)
    for _ in range(T // STEPS):
        at, v = _fire(x, s, at, N, n, inside, v, beta, top, STEPS)
    if HAS_V:
        tl.store(v1 + first + n, v.to(v1.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["blocks"])
def ilif_backward(
    x, g, g_t, g_n, gv1, v0, gx, gv0, scratch, T, N, blocks, beta, top,
    HAS_V: tl.constexpr, HAS_GV: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Gradients of x (T, N), and of v0 where given."""
    n = tl.arange(0, BLOCK)
    block = tl.program_id(0).to(tl.int64)
    own = block * (T % STEPS + T // STEPS - 1) * BLOCK
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        first = block * BLOCK
        inside = n < N - first
        v = started(v0, first, n, inside, 0.0, HAS_V)
        at, g_at, row = first, first * g_n, own
        if scratch is not None:
            for _ in range(T % STEPS):
                tl.store(scratch + row + n, v)
                v = _reset(x, at, N, n, inside, v, beta, top, 1)
                at, g_at, row = at + N, g_at + g_t, row + BLOCK
            for _ in range(T // STEPS - 1):
                tl.store(scratch + row + n, v)
                v = _reset(x, at, N, n, inside, v, beta, top, STEPS)
                at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + BLOCK
            tl.debug_barrier()  # threads read back what others of the program wrote
        gv = started(gv1, first, n, inside, 0.0, HAS_GV)
        last = row
        at, g_at, row = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS), row + BLOCK
        for _ in range(T // STEPS):
            at, g_at, row = back(at, N, STEPS), back(g_at, g_t, STEPS), row - BLOCK
            if scratch is not None:  # the last chunk's membranes are still at hand
                v = tl.load(scratch + row + n, mask=inside & (row < last), other=v)
            gv = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, v, gv, beta, top, STEPS)
        if scratch is not None:
            for _ in range(T % STEPS):
                at, g_at, row = at - N, g_at - g_t, row - BLOCK
                v = tl.load(scratch + row + n)
                gv = _return(x, g, gx, at, g_at, N, g_t, g_n, n, inside, v, gv, beta, top, 1)
            tl.debug_barrier()  # before the next block overwrites it
        if HAS_V:
            tl.store(gv0 + first + n, gv.to(gv0.dtype.element_ty), mask=inside)
        block += tl.num_programs(0)


@triton.jit
def _fire(x, s, at, N, n, inside, v, beta, top, STEPS: tl.constexpr):
    """A chunk's spikes; the offset and the membranes after it."""
    now = rows(x, at, N, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        u = beta * v + now[i]
        spikes = spikes_of(u, top)
        tl.store(s + at + n, spikes.to(s.dtype.element_ty), mask=inside)
        v = u - spikes
        at += N
    return at, v


@triton.jit
def _reset(x, at, N, n, inside, v, beta, top, STEPS: tl.constexpr):
    """The membranes after a chunk."""
    now = rows(x, at, N, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        u = beta * v + now[i]
        v = u - spikes_of(u, top)
    return v


@triton.jit
def _return(
    x, g, gx, at, g_at, N, g_t, g_n, n, inside, v, gv, beta, top, STEPS: tl.constexpr
):  # fmt: skip
    """A chunk's gradients of x; those of the membranes before it."""
    now = rows(x, at, N, n, inside, STEPS)
    gs = rows(g, g_at, g_t, n * g_n, inside, STEPS)
    through = ()
    for i in tl.static_range(STEPS):
        u = beta * v + now[i]
        # The rounded clip lets a gradient through in between alone.
        through += (tl.where((u > 0) & (u < top), gs[i], 0.0),)
        v = u - spikes_of(u, top)
        at += N
    for i in tl.static_range(STEPS - 1, -1, -1):
        at -= N
        gu = gv + through[i]
        tl.store(gx + at + n, gu.to(gx.dtype.element_ty), mask=inside)
        gv = beta * gu
    return gv
