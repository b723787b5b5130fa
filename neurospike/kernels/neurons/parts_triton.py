"""What all of Triton's neurons share: rows of memory, first membranes, leak, reset, surrogates.

A program has a block of BLOCK neurons, ``n`` within it, and takes them through time in chunks of
STEPS. A chunk's inputs are loaded before the first of its steps is computed, as a step waits for
the one before and its load need not: STEPS loads are under way at once. Offsets of rows are scalars
that advance step by step in int64, so no product of sizes overflows.
"""

from __future__ import annotations

import triton
import triton.language as tl

ATAN, SIGMOID, TRIANGLE, RECTANGLE, FAST_SIGMOID = (tl.constexpr(code) for code in range(5))
HALF_PI = tl.constexpr(1.5707963267948966)


@triton.jit
def rows(x, at, row, n, inside, STEPS: tl.constexpr):
    """STEPS rows of x from ``at`` on, ``row`` apart, as float32."""
    found = ()
    for _ in tl.static_range(STEPS):
        found += (tl.load(x + at + n, mask=inside, other=0.0).to(tl.float32),)
        at += row
    return found


@triton.jit
def ahead(at, row, STEPS: tl.constexpr):
    """An offset STEPS rows further."""
    for _ in tl.static_range(STEPS):
        at += row
    return at


@triton.jit
def back(at, row, STEPS: tl.constexpr):
    """An offset STEPS rows before."""
    for _ in tl.static_range(STEPS):
        at -= row
    return at


@triton.jit
def started(first, at, n, inside, rest, GIVEN: tl.constexpr):
    """A block's first membranes, or their gradients."""
    if GIVEN:
        return tl.load(first + at + n, mask=inside, other=0.0).to(tl.float32)
    return tl.zeros(n.shape, tl.float32) + rest


@triton.jit
def charged(v, x, leak, rest, DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr):
    """Membranes after leak and input."""
    drift = x - (v - rest) if DECAY_INPUT else v - rest
    drift = tl.div_rn(drift, tl.zeros_like(drift) + leak) if DIVIDE else drift * leak
    return v + drift if DECAY_INPUT else v - drift + x


@triton.jit
def after(h, fired, threshold, rest, SOFT: tl.constexpr):
    """Membranes after the reset."""
    return tl.where(fired, h - threshold if SOFT else rest, h)


@triton.jit
def before_reset(gv, gs, h, slope, threshold, rest, SOFT: tl.constexpr, DETACH: tl.constexpr):
    """Gradient of the charged membrane, of that after the reset and of the spike."""
    fired = h >= threshold
    gh = gs * slope + (gv if SOFT else tl.where(fired, 0.0, gv))
    if DETACH:
        return gh
    return gh - gv * (threshold if SOFT else h - rest) * slope


@triton.jit
def spikes_of(u, top):
    """floor(clip(u, 0, top) + 0.5); a NaN stays a NaN, as in torch."""
    low = tl.where(u < 0, 0.0, u)
    return tl.floor(tl.where(low > top, top, low) + 0.5)


@triton.jit
def bell(x, alpha, CODE: tl.constexpr):
    """The surrogate's derivative at x = membrane - threshold."""
    if CODE == ATAN:
        wide = HALF_PI * alpha * x
        return alpha / 2 / (1.0 + wide * wide)
    if CODE == SIGMOID:
        p = 1.0 / (1.0 + tl.exp(-alpha * x))
        return alpha * (1.0 - p) * p
    if CODE == TRIANGLE:
        height = alpha - alpha * alpha * tl.abs(x)
        return tl.where(height < 0, 0.0, height)  # a GPU's maximum would make a NaN a 0
    if CODE == RECTANGLE:
        return tl.where(tl.abs(x) < 0.5 / alpha, alpha, 0.0)
    flat = 1.0 + alpha * tl.abs(x)
    return 1.0 / (flat * flat)
