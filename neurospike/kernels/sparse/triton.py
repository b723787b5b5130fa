"""Sparse convolution in Triton: each output element belongs to one program, which adds it up alone.

A program owns BLOCK_M output rows and BLOCK_N output channels of one step. It goes through the
offsets at which any of its rows has a neighbour, gathers the neighbours' channels, and multiplies
them with the weight on tensor cores, or exactly in float32. Nothing is added atomically, offsets
and channels come in one order, so that the bits depend neither on the order of the programs nor on
how rows are shared out among them. Rows are shared out in an order in which rows with the same
neighbours lie together (``gpu_plan.py``): a tile of mixed rows would go through nearly all offsets.

Submanifold, strided and inverse convolutions are this kernel over different tables; the gradient
of the features is this kernel over the transposed table with the weight's strides exchanged.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["n_in", "n_out", "steps"])  # else clouds of 16 n rows compile anew
def convolve(
    x, w, bias, near, order, taps, counts, out, n_in, n_out, steps, columns, parts,
    c_in, c_out, volume, w_k, w_i, w_o,
    HAS_BIAS: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """x (T, n_in, c_in), w (volume, c_in, c_out) by strides -> out (T, n_out, c_out).

    ``order`` (n_out,) lists the output rows as they are shared out, ``near`` (volume, n_out) the
    neighbours of each in that order, ``taps`` (tiles, volume) the offsets that a tile needs, of
    which there are ``counts`` (tiles,). Programs of one tile of rows follow each other, so that
    its neighbours are read from the cache: column tiles first, then steps.
    """
    program = tl.program_id(0)
    col = (program % columns) * BLOCK_N + tl.arange(0, BLOCK_N)
    step = ((program // columns) % steps).to(tl.int64)
    tile = program // columns // steps
    slot = tile * BLOCK_M + tl.arange(0, BLOCK_M)
    inside = slot < n_out
    lane = tl.arange(0, BLOCK_K)
    x += step * n_in * c_in
    w += col.to(tl.int64)[None, :] * w_o
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for i in range(tl.load(counts + tile) * parts):
        tap = tl.load(taps + tile.to(tl.int64) * volume + i // parts).to(tl.int64)
        c = (i % parts) * BLOCK_K + lane
        source = tl.load(near + tap * n_out + slot, mask=inside, other=-1)
        rows = x + source.to(tl.int64)[:, None] * c_in + c[None, :]
        a = tl.load(rows, mask=(source >= 0)[:, None] & (c < c_in)[None, :], other=0.0)
        b = tl.load(
            w + (tap * w_k + c.to(tl.int64) * w_i)[:, None],
            mask=(c < c_in)[:, None] & (col < c_out)[None, :],
            other=0.0,
        )
        total = tl.dot(a, b, total, input_precision=PRECISION)
    if HAS_BIAS:
        total += tl.load(bias + col, mask=col < c_out, other=0.0).to(tl.float32)[None, :]
    row = tl.load(order + slot, mask=inside, other=0).to(tl.int64)
    at = out + (step * n_out + row)[:, None] * c_out + col[None, :]
    tl.store(at, total.to(out.dtype.element_ty), mask=inside[:, None] & (col < c_out)[None, :])


@triton.jit(do_not_specialize=["n_out"])
def neighbour_bits(table, bits, n_out, volume, BLOCK: tl.constexpr):
    """bits (n_out,) int64: bit k % 62 is set where a row has a neighbour at offset k."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < n_out
    found = tl.zeros((BLOCK,), tl.int64)
    at = row.to(tl.int64)
    for k in range(volume):
        near = tl.load(table + at, mask=inside, other=-1)
        found |= (near >= 0).to(tl.int64) << (k % 62)
        at += n_out
    tl.store(bits + row, found, mask=inside)


@triton.jit(do_not_specialize=["n_out"])
def tile_taps(near, taps, counts, n_out, volume, BLOCK_M: tl.constexpr):
    """taps (tiles, volume): the offsets at which a tile's rows have neighbours, and how many."""
    tile = tl.program_id(0).to(tl.int64)
    slot = tile * BLOCK_M + tl.arange(0, BLOCK_M)
    count = 0
    for k in range(volume):
        top = tl.max(tl.load(near + slot, mask=slot < n_out, other=-1), 0)
        tl.store(taps + tile * volume + count, k)  # overwritten by the next unless it counts
        count += (top >= 0).to(tl.int32)
        near += n_out
    tl.store(counts + tile, count)
