"""Fused multi-step neurons in Triton: the passes of ``numba.py``, on a GPU.

A program takes a block of BLOCK neurons through all steps, then the next of its blocks. Membranes
are float32 whatever the input is. Backward, a program goes forth once more and writes membranes
into its own rows of ``scratch`` (programs, T, BLOCK), which are as many as there are programs and
not as there are neurons, then back from the last step. Programs share nothing, so the bits do not
depend on their order. Addresses advance step by step in int64, so no product of sizes overflows.

Arrays are (T, N) and contiguous. ``leak`` is tau where DIVIDE, else 1 / tau; HAS_RATE reads 1 / tau
from ``rate`` instead, so that nothing comes back from the device. The output's gradient advances by
``g_t`` from step to step and by ``g_n`` from neuron to neuron: 0 where it is the same for all.
"""

from __future__ import annotations

import triton
import triton.language as tl

ATAN, SIGMOID, TRIANGLE, RECTANGLE, FAST_SIGMOID = (tl.constexpr(code) for code in range(5))
HALF_PI = tl.constexpr(1.5707963267948966)


@triton.jit
def lif_forward(
    x, s, v0, v1, rate, T, N, blocks, leak, threshold, rest,
    HAS_V: tl.constexpr, HAS_RATE: tl.constexpr, DIVIDE: tl.constexpr,
    DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Spikes s (T, N), and the last membrane v1 (N,) where v0 is given."""
    if HAS_RATE:
        leak = tl.load(rate).to(tl.float32)
    block = tl.program_id(0).to(tl.int64)
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        n = block * BLOCK + tl.arange(0, BLOCK)
        inside = n < N
        v = _start(v0, n, inside, rest, HAS_V, BLOCK)
        at = n
        for _ in range(T):
            now = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
            h = _charged(v, now, leak, rest, DIVIDE, DECAY_INPUT)
            fired = h >= threshold
            tl.store(s + at, fired.to(s.dtype.element_ty), mask=inside)
            v = _after(h, fired, threshold, rest, SOFT)
            at += N
        if HAS_V:
            tl.store(v1 + n, v.to(v1.dtype.element_ty), mask=inside)
        block += tl.num_programs(0)


@triton.jit
def lif_backward(
    x, g, g_t, g_n, gv1, v0, gx, gv0, sums, scratch, rate, T, N, blocks, leak, threshold, rest,
    alpha, HAS_V: tl.constexpr, HAS_GV: tl.constexpr, HAS_RATE: tl.constexpr,
    DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr, DETACH: tl.constexpr,
    CODE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients of x (T, N), of v0 where given, and of 1 / tau: a sum for each block."""
    if HAS_RATE:
        leak = tl.load(rate).to(tl.float32)
    slow = 1.0 / leak if DIVIDE else leak
    own = tl.program_id(0).to(tl.int64) * T * BLOCK + tl.arange(0, BLOCK)
    block = tl.program_id(0).to(tl.int64)
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        n = block * BLOCK + tl.arange(0, BLOCK)
        inside = n < N
        v = _start(v0, n, inside, rest, HAS_V, BLOCK)
        at, g_at, row = n, n * g_n, own
        for _ in range(T):
            tl.store(scratch + row, v)
            now = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
            h = _charged(v, now, leak, rest, DIVIDE, DECAY_INPUT)
            v = _after(h, h >= threshold, threshold, rest, SOFT)
            at, g_at, row = at + N, g_at + g_t, row + BLOCK
        gv = _start(gv1, n, inside, 0.0, HAS_GV, BLOCK)
        share = tl.zeros((BLOCK,), tl.float32)
        for _ in range(T):
            at, g_at, row = at - N, g_at - g_t, row - BLOCK
            v = tl.load(scratch + row)
            now = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
            gs = tl.load(g + g_at, mask=inside, other=0.0).to(tl.float32)
            h = _charged(v, now, leak, rest, DIVIDE, DECAY_INPUT)
            slope = _bell(h - threshold, alpha, CODE)
            gh = _before_reset(gv, gs, h, slope, threshold, rest, SOFT, DETACH)
            gain = slow if DECAY_INPUT else 1.0
            tl.store(gx + at, (gh * gain).to(gx.dtype.element_ty), mask=inside)
            if HAS_RATE:
                drift = now - (v - rest) if DECAY_INPUT else rest - v
                share += tl.where(inside, gh * drift, 0.0)
            gv = gh * (1.0 - slow)
        if HAS_V:
            tl.store(gv0 + n, gv.to(gv0.dtype.element_ty), mask=inside)
        if HAS_RATE:
            tl.store(sums + block, tl.sum(share, 0))
        block += tl.num_programs(0)


@triton.jit
def ilif_forward(
    x, s, v0, v1, T, N, blocks, beta, top, HAS_V: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Integer spikes s (T, N), and the last membrane v1 (N,) where v0 is given."""
    block = tl.program_id(0).to(tl.int64)
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        n = block * BLOCK + tl.arange(0, BLOCK)
        inside = n < N
        v = _start(v0, n, inside, 0.0, HAS_V, BLOCK)
        at = n
        for _ in range(T):
            u = beta * v + tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
            spikes = _spikes(u, top)
            tl.store(s + at, spikes.to(s.dtype.element_ty), mask=inside)
            v = u - spikes
            at += N
        if HAS_V:
            tl.store(v1 + n, v.to(v1.dtype.element_ty), mask=inside)
        block += tl.num_programs(0)


@triton.jit
def ilif_backward(
    x, g, g_t, g_n, gv1, v0, gx, gv0, scratch, T, N, blocks, beta, top,
    HAS_V: tl.constexpr, HAS_GV: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients of x (T, N), and of v0 where given. ``scratch`` takes bytes here: it is open."""
    own = tl.program_id(0).to(tl.int64) * T * BLOCK + tl.arange(0, BLOCK)
    block = tl.program_id(0).to(tl.int64)
    for _ in range(tl.program_id(0), blocks, tl.num_programs(0)):
        n = block * BLOCK + tl.arange(0, BLOCK)
        inside = n < N
        v = _start(v0, n, inside, 0.0, HAS_V, BLOCK)
        at, g_at, row = n, n * g_n, own
        for _ in range(T):
            u = beta * v + tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
            opened = (u > 0) & (u < top)  # where the rounded clip lets a gradient through
            tl.store(scratch + row, opened.to(tl.int8))
            v = u - _spikes(u, top)
            at, g_at, row = at + N, g_at + g_t, row + BLOCK
        gv = _start(gv1, n, inside, 0.0, HAS_GV, BLOCK)
        for _ in range(T):
            at, g_at, row = at - N, g_at - g_t, row - BLOCK
            gs = tl.load(g + g_at, mask=inside, other=0.0).to(tl.float32)
            opened = tl.load(scratch + row) != 0
            gu = gv + tl.where(opened, gs, 0.0)
            tl.store(gx + at, gu.to(gx.dtype.element_ty), mask=inside)
            gv = beta * gu
        if HAS_V:
            tl.store(gv0 + n, gv.to(gv0.dtype.element_ty), mask=inside)
        block += tl.num_programs(0)


@triton.jit
def _start(first, n, inside, rest, GIVEN: tl.constexpr, BLOCK: tl.constexpr):
    """A block's first membranes, or their gradients."""
    if GIVEN:
        return tl.load(first + n, mask=inside, other=0.0).to(tl.float32)
    return tl.zeros((BLOCK,), tl.float32) + rest


@triton.jit
def _charged(v, x, leak, rest, DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr):
    """Membranes after leak and input."""
    drift = x - (v - rest) if DECAY_INPUT else v - rest
    drift = tl.div_rn(drift, tl.zeros_like(drift) + leak) if DIVIDE else drift * leak
    return v + drift if DECAY_INPUT else v - drift + x


@triton.jit
def _after(h, fired, threshold, rest, SOFT: tl.constexpr):
    """Membranes after the reset."""
    return tl.where(fired, h - threshold if SOFT else rest, h)


@triton.jit
def _before_reset(gv, gs, h, slope, threshold, rest, SOFT: tl.constexpr, DETACH: tl.constexpr):
    """Gradient of the charged membrane, of that after the reset and of the spike."""
    fired = h >= threshold
    gh = gs * slope + (gv if SOFT else tl.where(fired, 0.0, gv))
    if DETACH:
        return gh
    return gh - gv * (threshold if SOFT else h - rest) * slope


@triton.jit
def _spikes(u, top):
    """floor(clip(u, 0, top) + 0.5); a NaN stays a NaN, as in torch."""
    low = tl.where(u < 0, 0.0, u)
    return tl.floor(tl.where(low > top, top, low) + 0.5)


@triton.jit
def _bell(x, alpha, CODE: tl.constexpr):
    """The surrogate's derivative at x = membrane - threshold."""
    if CODE == ATAN:
        wide = HALF_PI * alpha * x
        return alpha / 2 / (1.0 + wide * wide)
    if CODE == SIGMOID:
        p = 1.0 / (1.0 + tl.exp(-alpha * x))
        return alpha * (1.0 - p) * p
    if CODE == TRIANGLE:
        return tl.maximum(alpha - alpha * alpha * tl.abs(x), 0.0)
    if CODE == RECTANGLE:
        return tl.where(tl.abs(x) < 0.5 / alpha, alpha, 0.0)
    flat = 1.0 + alpha * tl.abs(x)
    return 1.0 / (flat * flat)
