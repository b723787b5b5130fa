"""LIF and ILIF that also list what fired, as ``kernels.events.Events``, in the same pass.

A program has whole rows: ROWS rows of C channels, C padded to the power of two WIDE, so that the
place of an event in its row is a running count within the program. All else is as in ``triton.py``.
"""

from __future__ import annotations

import triton
import triton.language as tl

from neurospike.kernels.neurons.parts_triton import after, charged, rows, spikes_of, started


@triton.jit(do_not_specialize=["sites"])
def lif_events(
    x, s, counts, channels, v0, v1, rate, T, sites, C, leak, threshold, rest,
    HAS_V: tl.constexpr, HAS_RATE: tl.constexpr, DIVIDE: tl.constexpr,
    DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr,
    ROWS: tl.constexpr, WIDE: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Spikes s (T, sites, C) with their events, and the last membrane where v0 is given."""
    if HAS_RATE:
        leak = tl.load(rate).to(tl.float32)
    site = tl.program_id(0).to(tl.int64) * ROWS
    first, n, inside = _block(site, sites, C, ROWS, WIDE)
    v = started(v0, first, n, inside, rest, HAS_V)
    at = first
    for _ in range(T % STEPS):
        at, site, v = _fire(x, s, counts, channels, at, site, sites, C, n, inside, v, leak,
                            threshold, rest, DIVIDE, DECAY_INPUT, SOFT, ROWS, WIDE,
                            1)  # fmt: skip
    for _ in range(T // STEPS):
        at, site, v = _fire(x, s, counts, channels, at, site, sites, C, n, inside, v, leak,
                            threshold, rest, DIVIDE, DECAY_INPUT, SOFT, ROWS, WIDE,
                            STEPS)  # fmt: skip
    if HAS_V:
        tl.store(v1 + first + n, v.to(v1.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["sites"])
def ilif_events(
    x, s, counts, channels, values, v0, v1, T, sites, C, beta, top,
    HAS_V: tl.constexpr, ROWS: tl.constexpr, WIDE: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """Integer spikes s (T, sites, C) with their events, and the last membrane if v0 is given."""
    site = tl.program_id(0).to(tl.int64) * ROWS
    first, n, inside = _block(site, sites, C, ROWS, WIDE)
    v = started(v0, first, n, inside, 0.0, HAS_V)
    at = first
    for _ in range(T % STEPS):
        at, site, v = _fire_integers(x, s, counts, channels, values, at, site, sites, C, n,
                                     inside, v, beta, top, ROWS, WIDE, 1)  # fmt: skip
    for _ in range(T // STEPS):
        at, site, v = _fire_integers(x, s, counts, channels, values, at, site, sites, C, n,
                                     inside, v, beta, top, ROWS, WIDE, STEPS)  # fmt: skip
    if HAS_V:
        tl.store(v1 + first + n, v.to(v1.dtype.element_ty), mask=inside)


@triton.jit
def _block(site, sites, C, ROWS: tl.constexpr, WIDE: tl.constexpr):
    """Where a program's rows begin; its neurons from there on, and which of them there are."""
    r, c = tl.arange(0, ROWS), tl.arange(0, WIDE)
    inside = (r < sites - site)[:, None] & (c < C)[None, :]
    return site * C, r[:, None] * C + c[None, :], inside


@triton.jit
def _fire(
    x, s, counts, channels, at, site, sites, C, n, inside, v, leak, threshold, rest,
    DIVIDE: tl.constexpr, DECAY_INPUT: tl.constexpr, SOFT: tl.constexpr,
    ROWS: tl.constexpr, WIDE: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's spikes; the offsets and the membranes after it."""
    now = rows(x, at, (site + sites) * C - at, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        h = charged(v, now[i], leak, rest, DIVIDE, DECAY_INPUT)
        fired = h >= threshold
        spikes = fired.to(tl.float32).to(s.dtype.element_ty)
        tl.store(s + at + n, spikes, mask=inside)
        _list(counts, channels, None, at, site, C, spikes, fired & inside, inside, ROWS, WIDE)
        v = after(h, fired, threshold, rest, SOFT)
        site += sites
        at = site * C
    return at, site, v


@triton.jit
def _fire_integers(
    x, s, counts, channels, values, at, site, sites, C, n, inside, v, beta, top,
    ROWS: tl.constexpr, WIDE: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """A chunk's integer spikes; the offsets and the membranes after it."""
    now = rows(x, at, (site + sites) * C - at, n, inside, STEPS)
    for i in tl.static_range(STEPS):
        u = beta * v + now[i]
        number = spikes_of(u, top)
        spikes = number.to(s.dtype.element_ty)
        tl.store(s + at + n, spikes, mask=inside)
        fired = inside & (number != 0)
        _list(counts, channels, values, at, site, C, spikes, fired, inside, ROWS, WIDE)
        v = u - number
        site += sites
        at = site * C
    return at, site, v


@triton.jit
def _list(
    counts, channels, values, at, site, C, spikes, fired, inside,
    ROWS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Write a step's events, ascending within their rows."""
    r, c = tl.arange(0, ROWS), tl.arange(0, WIDE)
    ones = fired.to(tl.int32)
    slot = r[:, None] * C + tl.cumsum(ones, 1) - 1
    tl.store(channels + at + slot, (c[None, :] + r[:, None] * 0).to(tl.int16), mask=fired)
    if values is not None:
        tl.store(values + at + slot, spikes, mask=fired)
    tl.store(counts + site + r, tl.sum(ones, 1), mask=tl.max(inside.to(tl.int32), 1) != 0)
