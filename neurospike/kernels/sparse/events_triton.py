"""Sparse convolution of spikes in Triton: only the channels that fired are added up.

A program owns BLOCK_M output rows and BLOCK_N output channels of one step, as in ``triton.py``. At
each offset it walks its neighbours' lists of events side by side, as far as the longest, and adds
the weight's rows of their channels in float32. Nothing is added atomically; offsets and channels
ascend. Weight rows are read for every event and not once for a tile, from the caches: this can win
where few channels fire, and never on tensor cores where many do.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["rows"])
def list_events(
    x, counts, channels, values, rows, c_in, BLOCK_M: tl.constexpr, BLOCK_C: tl.constexpr
):
    """The non-zero channels of x (rows, c_in), as ``kernels.events.Events`` holds them."""
    row = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    c = tl.arange(0, BLOCK_C)
    start = row.to(tl.int64)[:, None] * c_in
    value = tl.load(
        x + start + c[None, :], mask=(row < rows)[:, None] & (c < c_in)[None, :], other=0.0
    )
    fired = value != 0
    slot = start + tl.cumsum(fired.to(tl.int32), 1) - 1
    tl.store(channels + slot, c[None, :].to(tl.int16), mask=fired)
    tl.store(values + slot, value, mask=fired)
    tl.store(counts + row, tl.sum(fired.to(tl.int32), 1), mask=row < rows)


@triton.jit(do_not_specialize=["n_in", "n_out", "steps"])
def convolve_events(
    events, channels, values, w, bias, near, order, taps, counts, out, n_in, n_out, steps, columns,
    c_in, c_out, volume, w_k, w_i, w_o,
    HAS_VALUES: tl.constexpr, HAS_BIAS: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """``events`` (T * n_in,) counts ``channels`` (T * n_in, c_in); the rest as ``convolve`` has."""
    program = tl.program_id(0)
    col = (program % columns) * BLOCK_N + tl.arange(0, BLOCK_N)
    step = ((program // columns) % steps).to(tl.int64)
    tile = program // columns // steps
    slot = tile * BLOCK_M + tl.arange(0, BLOCK_M)
    inside = slot < n_out
    w += col.to(tl.int64)[None, :] * w_o
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for i in range(tl.load(counts + tile)):
        tap = tl.load(taps + tile.to(tl.int64) * volume + i).to(tl.int64)
        source = tl.load(near + tap * n_out + slot, mask=inside, other=-1)
        row = step * n_in + source
        length = tl.load(events + row, mask=source >= 0, other=0)
        at = row * c_in
        for e in range(tl.max(length, 0)):
            real = e < length
            c = tl.load(channels + at, mask=real, other=0).to(tl.int64)
            weight = tl.load(
                w + tap * w_k + c[:, None] * w_i,
                mask=real[:, None] & (col < c_out)[None, :],
                other=0.0,
            ).to(tl.float32)
            if HAS_VALUES:
                value = tl.load(values + at, mask=real, other=0.0).to(tl.float32)
                weight *= value[:, None]
            total += weight
            at += 1
    if HAS_BIAS:
        total += tl.load(bias + col, mask=col < c_out, other=0.0).to(tl.float32)[None, :]
    row = tl.load(order + slot, mask=inside, other=0).to(tl.int64)
    at = out + (step * n_out + row)[:, None] * c_out + col[None, :]
    tl.store(at, total.to(out.dtype.element_ty), mask=inside[:, None] & (col < c_out)[None, :])
