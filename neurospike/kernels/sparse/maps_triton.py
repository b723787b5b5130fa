"""Kernel maps in Triton: sorted keys, and a binary search for a column of window taps.

Coordinates are int32 rows (batch, i, j, k), ascending; keys are int64 and row-major over the grid,
ascending too. A column is one (x, y) tap of the window: its z taps are neighbours in key order, so
one search finds all of them. What lies beyond the grid is told by its coordinates, not by its key,
which may be a neighbouring column's. Programs write elements that no other writes.
"""

from __future__ import annotations

import triton
import triton.language as tl

ABSENT = tl.constexpr(2**63 - 1)
"""The key of what is not there, above all others."""


@triton.jit(do_not_specialize=["n", "x", "y", "z"])
def linear_keys(coords, keys, n, x, y, z, BLOCK: tl.constexpr):
    """Keys (n,) of coords (n, 4) on the grid (x, y, z)."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    given = row < n
    at = coords + row * 4
    key = tl.load(at, mask=given, other=0).to(tl.int64)
    key = key * x + tl.load(at + 1, mask=given, other=0)
    key = key * y + tl.load(at + 2, mask=given, other=0)
    key = key * z + tl.load(at + 3, mask=given, other=0)
    tl.store(keys + row, key, mask=given)


@triton.jit(do_not_specialize=["n", "x", "y", "z"])
def coordinates(keys, coords, n, x, y, z, BLOCK: tl.constexpr):
    """Coords (n, 4) of keys (n,): ``linear_keys`` undone."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    given = row < n
    at = coords + row * 4
    key = tl.load(keys + row, mask=given, other=0)
    tl.store(at + 3, (key % z).to(tl.int32), mask=given)
    key = key // z
    tl.store(at + 2, (key % y).to(tl.int32), mask=given)
    key = key // y
    tl.store(at + 1, (key % x).to(tl.int32), mask=given)
    tl.store(at, (key // x).to(tl.int32), mask=given)


@triton.jit(
    do_not_specialize=[
        "n_in", "n_out", "halvings", "searched", "volume", "kernel_y", "sx", "sy", "sz",
        "px", "py", "pz", "dx", "dy", "dz", "x", "y", "z",
    ]
)  # fmt: skip
def neighbours(
    keys, coords, table, n_in, n_out, halvings, searched, volume, kernel_y,
    sx, sy, sz, px, py, pz, dx, dy, dz, x, y, z,
    KERNEL_Z: tl.constexpr, MIRRORED: tl.constexpr, ADJACENT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Fill table (volume, n_out): the row of each output's neighbour among the keys, or -1.

    With MIRRORED only the first ``searched`` offsets are, and each hit is written the other way
    round to the opposite offset, whose other elements the caller has set to -1. ADJACENT says
    that ``dz`` is 1: the next tap's key is the same or the next one.
    """
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    column = tl.program_id(1)
    given = row < n_out
    at = coords + row * 4
    i = tl.load(at + 1, mask=given, other=0).to(tl.int64) * sx - px + (column // kernel_y) * dx
    j = tl.load(at + 2, mask=given, other=0).to(tl.int64) * sy - py + (column % kernel_y) * dy
    k = tl.load(at + 3, mask=given, other=0).to(tl.int64) * sz - pz
    sample = tl.load(at, mask=given, other=0).to(tl.int64)
    inside = given & (i >= 0) & (i < x) & (j >= 0) & (j < y)
    wanted = ((sample * x + i) * y + j) * z + k
    found = _first_at_least(keys, wanted, inside, n_in, halvings)
    offset = column.to(tl.int64) * KERNEL_Z
    for _ in range(KERNEL_Z):
        near = inside & (found < n_in)
        same = near & (tl.load(keys + found, mask=near, other=0) == wanted)
        hit = same & (k >= 0) & (k < z) & (offset < searched)
        here = given & (offset < searched)
        tl.store(table + offset * n_out + row, tl.where(hit, found, -1), mask=here)
        if MIRRORED:
            opposite = table + (volume - 1 - offset) * n_out
            tl.store(opposite + found, row.to(tl.int32), mask=hit)
        offset += 1
        k += dz
        wanted += dz
        if ADJACENT:
            found += same.to(tl.int32)
        else:
            found = _first_at_least(keys, wanted, inside, n_in, halvings)


@triton.jit(do_not_specialize=["n_out", "n_in"])
def exchanged(table, turned, n_out, n_in, BLOCK: tl.constexpr):
    """Write each hit of table (K, n_out) into turned (K, n_in), which the caller has set to -1."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    offset = tl.program_id(1).to(tl.int64)
    met = tl.load(table + offset * n_out + row, mask=row < n_out, other=-1)
    tl.store(turned + offset * n_in + met, row.to(tl.int32), mask=met >= 0)


@triton.jit
def _first_at_least(keys, wanted, asked, n, halvings):
    """How many of the n keys are smaller than each wanted one; ``halvings`` narrow n to one."""
    low = tl.zeros_like(wanted).to(tl.int32)
    high = low + n
    for _ in range(halvings):
        middle = low + ((high - low) >> 1)
        open_ = asked & (low < high)
        smaller = open_ & (tl.load(keys + middle, mask=open_, other=0) < wanted)
        low = tl.where(smaller, middle + 1, low)
        high = tl.where(smaller, high, middle)
    return low


@triton.jit(
    do_not_specialize=[
        "n", "kx", "ky", "kz", "sx", "sy", "sz", "px", "py", "pz", "dx", "dy", "dz", "x", "y", "z",
        "common_x", "common_y", "common_z", "first_x", "first_y", "first_z",
    ]
)  # fmt: skip
def reached(
    coords, keys, n, kx, ky, kz, sx, sy, sz, px, py, pz, dx, dy, dz, x, y, z,
    common_x, common_y, common_z, first_x, first_y, first_z,
    SLOTS_Y: tl.constexpr, SLOTS_Z: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Keys (slots, n) of the output sites that each input reaches, ABSENT where fewer are."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    slot = tl.program_id(1)
    given = row < n
    at = coords + row * 4
    i = tl.load(at + 1, mask=given, other=0).to(tl.int64) + px
    j = tl.load(at + 2, mask=given, other=0).to(tl.int64) + py
    k = tl.load(at + 3, mask=given, other=0).to(tl.int64) + pz
    sample = tl.load(at, mask=given, other=0).to(tl.int64)
    i, i_fits = _site(i, slot // SLOTS_Z // SLOTS_Y, kx, sx, dx, x, common_x, first_x)
    j, j_fits = _site(j, slot // SLOTS_Z % SLOTS_Y, ky, sy, dy, y, common_y, first_y)
    k, k_fits = _site(k, slot % SLOTS_Z, kz, sz, dz, z, common_z, first_z)
    key = tl.where(i_fits & j_fits & k_fits, ((sample * x + i) * y + j) * z + k, ABSENT)
    tl.store(keys + slot.to(tl.int64) * n + row, key, mask=given)


@triton.jit
def _site(at, slot, kernel, stride, dilation, edge, common, first):
    """Of the output sites along an axis that reach ``at``, the one of a slot; whether there is one.

    A site o and a tap t meet where ``o * stride + t * dilation = at``. Taps that can are a period
    of stride / common apart, common being the greatest common divisor of stride and dilation, and
    the first is ``first * at / common`` modulo the period.
    """
    period = stride // common
    tap = (at // common * first) % period + slot * period
    reach = at - tap * dilation
    site = reach // stride
    fits = (at % common == 0) & (tap < kernel) & (reach >= 0) & (site < edge)
    return site, fits
