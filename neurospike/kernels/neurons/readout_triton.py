"""Leaky integrators in Triton: membranes that never fire, built as LIF is in ``triton.py``.

Nothing is recomputed: the way back needs the membranes for the gradient of 1 / tau alone, and finds
them in the output.
"""

from __future__ import annotations

import triton
import triton.language as tl

from neurospike.kernels.neurons.parts_triton import ahead, back, charged, rows, started


@triton.jit
def readout_forward(
    x, y, v0, rate, T, N, leak,
    HAS_V: tl.constexpr, HAS_RATE: tl.constexpr, DIVIDE: tl.constexpr,
    DECAY_INPUT: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Membranes y (T, N)."""
    if HAS_RATE:
        leak = tl.load(rate).to(tl.float32)
    first = tl.program_id(0).to(tl.int64) * BLOCK
    n = tl.arange(0, BLOCK)
    inside = n < N - first
    v = started(v0, first, n, inside, 0.0, HAS_V)
    at = first
    for _ in range(T % STEPS):
        at, v = _integrate(x, y, at, N, n, inside, v, leak, DIVIDE, DECAY_INPUT, 1)
    for _ in range(T // STEPS):
        at, v = _integrate(x, y, at, N, n, inside, v, leak, DIVIDE, DECAY_INPUT, STEPS)


@triton.jit
def readout_backward(
    x, y, g, g_t, g_n, v0, gx, gv0, sums, rate, T, N, leak,
    HAS_V: tl.constexpr, HAS_RATE: tl.constexpr, LEARN: tl.constexpr, DIVIDE: tl.constexpr,
    DECAY_INPUT: tl.constexpr, BLOCK: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Gradients of x (T, N), of v0 where given, and of 1 / tau to LEARN: a sum for each block."""
    if HAS_RATE:
        leak = tl.load(rate).to(tl.float32)
    slow = 1.0 / leak if DIVIDE else leak
    first = tl.program_id(0).to(tl.int64) * BLOCK
    n = tl.arange(0, BLOCK)
    inside = n < N - first
    at, g_at = first, first * g_n
    for _ in range(T % STEPS):
        at, g_at = at + N, g_at + g_t
    for _ in range(T // STEPS):
        at, g_at = ahead(at, N, STEPS), ahead(g_at, g_t, STEPS)
    gv, share = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    for _ in range(T // STEPS):
        at, g_at = back(at, N, STEPS), back(g_at, g_t, STEPS)
        gv, share = _return(x, y, g, gx, v0, first, at, g_at, N, g_t, g_n, n, inside, gv, share,
                            slow, HAS_V, LEARN, DECAY_INPUT, STEPS)  # fmt: skip
    for _ in range(T % STEPS):
        at, g_at = at - N, g_at - g_t
        gv, share = _return(x, y, g, gx, v0, first, at, g_at, N, g_t, g_n, n, inside, gv, share,
                            slow, HAS_V, LEARN, DECAY_INPUT, 1)  # fmt: skip
    if HAS_V:
        tl.store(gv0 + first + n, gv.to(gv0.dtype.element_ty), mask=inside)
    if LEARN:
        tl.store(sums + tl.program_id(0), tl.sum(tl.where(inside, share, 0.0), 0))


@triton.jit
def _integrate(
    x, y, at, N, n, inside, v, leak,
    DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's membranes; the offset and the membranes after it."""
    now = rows(x, at, N, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        v = charged(v, now[i], leak, 0.0, DIVIDE, DECAY_INPUT)
        tl.store(y + at + n, v.to(y.dtype.element_ty), mask=inside)
        at += N
    return at, v


@triton.jit
def _return(
    x, y, g, gx, v0, first, at, g_at, N, g_t, g_n, n, inside, gv, share, slow,
    HAS_V: tl.constexpr, LEARN: tl.constexpr, DECAY_INPUT: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's gradients of x; those of the membranes before it, and of 1 / tau so far."""
    gs = rows(g, g_at, g_t, n * g_n, inside, STEPS)
    if LEARN:
        now = rows(x, at, N, n, inside, STEPS)
        # A chunk's own membranes, and the one before its first step: of the row before, or v0.
        later = rows(y, at, N, n, inside, STEPS - 1)
        same = inside & (at > first)
        v = tl.load(y + (at - N) + n, mask=same, other=0.0).to(tl.float32)
        if HAS_V:
            v = tl.where(at > first, v, started(v0, first, n, inside, 0.0, HAS_V))
        old = (v,)
        old += later
    at = ahead(at, N, STEPS)
    for i in tl.static_range(STEPS - 1, -1, -1):
        at -= N
        gh = gv + gs[i]
        gain = slow if DECAY_INPUT else 1.0
        tl.store(gx + at + n, (gh * gain).to(gx.dtype.element_ty), mask=inside)
        if LEARN:
            share += gh * (now[i] - old[i] if DECAY_INPUT else -old[i])
        gv = gh * (1.0 - slow)
    return gv, share
