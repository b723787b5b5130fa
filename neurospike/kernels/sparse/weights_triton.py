"""Weight gradients of a sparse convolution in Triton: partial sums, then their sum in order.

The pairs of every offset, of all steps one after the other, are cut into chunks. A program owns one
chunk and a block of C_in x C_out, gathers both sides of its pairs and writes their product as a
partial sum of its own; a second kernel adds the partial sums of an offset, in an order fixed by
their number. Nothing is added atomically. The device alone knows how many chunks an offset has:
there are as many programs as there could be chunks, and those without one end at once.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["n_in", "n_out", "steps", "chunk"])
def weight_parts(
    x, g, sources, targets, counts, first, owner, parts, n_in, n_out, steps, chunk,
    tiles_i, tiles_o, c_in, c_out, volume,
    PRECISION: tl.constexpr,
    BLOCK_R: tl.constexpr, BLOCK_I: tl.constexpr, BLOCK_O: tl.constexpr,
):  # fmt: skip
    """parts (chunks, c_in, c_out): the product of x (T, n_in, c_in) and g (T, n_out, c_out).

    ``sources`` and ``targets`` (volume, n_out) begin with the ``counts`` (volume,) pairs of each
    offset; chunk p belongs to offset ``owner[p]``, whose chunks begin at ``first``.
    """
    program = tl.program_id(0)
    o = (program % tiles_o) * BLOCK_O + tl.arange(0, BLOCK_O)
    i = (program // tiles_o % tiles_i) * BLOCK_I + tl.arange(0, BLOCK_I)
    part = program // tiles_o // tiles_i
    tap = tl.load(owner + part)
    if tap < volume:
        count = tl.load(counts + tap)
        start = (part - tl.load(first + tap)).to(tl.int64) * chunk
        length = tl.minimum(count.to(tl.int64) * steps - start, chunk).to(tl.int32)
        # Within the chunk int32 is enough, whose division is several times faster.
        x += start // count * n_in * c_in
        g += start // count * n_out * c_out
        skipped = (start % count).to(tl.int32)
        sources += tap.to(tl.int64) * n_out
        targets += tap.to(tl.int64) * n_out
        total = tl.zeros((BLOCK_I, BLOCK_O), tl.float32)
        for done in range(0, length, BLOCK_R):
            place = done + tl.arange(0, BLOCK_R)
            inside = place < length
            step = ((skipped + place) // count).to(tl.int64)
            pair = (skipped + place) % count
            source = tl.load(sources + pair, mask=inside, other=0).to(tl.int64)
            target = tl.load(targets + pair, mask=inside, other=0).to(tl.int64)
            a = tl.load(
                x + ((step * n_in + source) * c_in)[None, :] + i[:, None],
                mask=inside[None, :] & (i < c_in)[:, None],
                other=0.0,
            )
            b = tl.load(
                g + ((step * n_out + target) * c_out)[:, None] + o[None, :],
                mask=inside[:, None] & (o < c_out)[None, :],
                other=0.0,
            )
            total = tl.dot(a, b, total, input_precision=PRECISION)
        at = parts + part.to(tl.int64) * c_in * c_out + i[:, None] * c_out + o[None, :]
        tl.store(at, total, mask=(i < c_in)[:, None] & (o < c_out)[None, :])


@triton.jit(do_not_specialize=["n_out"])
def list_pairs(table, place, inputs, outputs, n_out, BLOCK: tl.constexpr):
    """Each pair of table (volume, n_out) into slot ``place`` - 1 of its offset's lists."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    start = tl.program_id(1).to(tl.int64) * n_out
    source = tl.load(table + start + row, mask=row < n_out, other=-1)
    slot = start - 1 + tl.load(place + start + row, mask=row < n_out, other=0)
    tl.store(inputs + slot, source, mask=source >= 0)
    tl.store(outputs + slot, row, mask=source >= 0)


@triton.jit
def add_parts(parts, first, out, size, blocks, AT_ONCE: tl.constexpr, BLOCK: tl.constexpr):
    """out (volume, size): the parts (chunks, size) of each offset, added AT_ONCE after another."""
    tap = tl.program_id(0) // blocks
    element = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    stop = tl.load(first + tap + 1)
    part = tl.load(first + tap) + tl.arange(0, AT_ONCE)
    total = tl.zeros((BLOCK,), tl.float32)
    for _ in range(tl.load(first + tap), stop, AT_ONCE):
        at = parts + part.to(tl.int64)[:, None] * size + element[None, :]
        mask = (part < stop)[:, None] & (element < size)[None, :]
        total += tl.sum(tl.load(at, mask=mask, other=0.0), 0)
        part += AT_ONCE
    at = out + tap.to(tl.int64) * size + element
    tl.store(at, total.to(out.dtype.element_ty), mask=element < size)
