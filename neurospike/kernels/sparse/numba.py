"""Sparse convolution on CPUs with AVX2 and FMA: float32, widths padded to multiples of 8.

Output rows are cut into tiles; a tile belongs to one task, which walks the offsets in order, so
nothing is added atomically and the bits do not depend on the number of threads. Dense and
event-driven paths add in one order, offset by offset and channel by channel, so they agree in
every bit: skipping a zero changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from neurospike.kernels.sparse import micro
from neurospike.kernels.sparse.tiles import INNER, JIT, TILE
from neurospike.kernels.threads import one_at_a_time

_CHUNK = 64  # pairs whose rows stay in the first-level cache while a weight block is summed
_WIDE = micro.LANES == 16


def _make_rows(width: int, sizes: tuple[int, int, int, int]) -> Any:
    """All pairs first..last of one offset and one block of output channels."""
    r0, r1, r2, _ = sizes
    gemm0, gemm1, gemm2, gemm3 = (micro.make_gather_gemm(rows, width) for rows in sizes)

    @njit(**INNER)
    def rows(x, w, out, ins, outs, first, last, x0, ldx, o0, ldo, w0, ldw):  # type: ignore[no-untyped-def]
        p = first
        while p + r0 <= last:
            gemm0(
                x, w, out, ins, outs, p, min(2 * r0, last - p - r0), x0, ldx, o0, ldo, w0, ldw, ldx
            )
            p += r0
        while p + r1 <= last:
            gemm1(x, w, out, ins, outs, p, 0, x0, ldx, o0, ldo, w0, ldw, ldx)
            p += r1
        while p + r2 <= last:
            gemm2(x, w, out, ins, outs, p, 0, x0, ldx, o0, ldo, w0, ldw, ldx)
            p += r2
        while p < last:
            gemm3(x, w, out, ins, outs, p, 0, x0, ldx, o0, ldo, w0, ldw, ldx)
            p += 1

    return rows


def _make_outer(width: int, size: int) -> Any:
    """The weight gradient of one chunk of pairs, for all rows of one block of columns."""
    outer0 = micro.make_outer_gemm(size, width)
    outer1 = micro.make_outer_gemm(1, width)

    @njit(**INNER)
    def outer(x, y, dw, ins, outs, first, last, x0, ldx, y0, ldy, w0, ldw):  # type: ignore[no-untyped-def]
        c = 0
        while c + size <= ldx:
            outer0(x, y, dw, ins, outs, first, last, x0 + c, ldx, y0, ldy, w0 + c * ldw, ldw)
            c += size
        while c < ldx:
            outer1(x, y, dw, ins, outs, first, last, x0 + c, ldx, y0, ldy, w0 + c * ldw, ldw)
            c += 1

    return outer


_rows8 = _make_rows(8, (8, 4, 2, 1))
_rows16 = _make_rows(16, (8, 4, 2, 1) if _WIDE else (6, 3, 2, 1))
_rows32 = _make_rows(32, (8, 4, 2, 1)) if _WIDE else _rows16
_rows64 = _make_rows(64, (6, 3, 2, 1)) if _WIDE else _rows16
_outer8 = _make_outer(8, 8)
_outer16 = _make_outer(16, 16 if _WIDE else 4)
_outer32 = _make_outer(32, 8) if _WIDE else _outer16
_outer64 = _make_outer(64, 4) if _WIDE else _outer16
_events8, _events16, _events32, _events64 = (micro.make_gather_events(n) for n in (8, 16, 32, 64))
_outer_events8, _outer_events16, _outer_events32, _outer_events64 = (
    micro.make_outer_events(n) for n in (8, 16, 32, 64)
)


@one_at_a_time
@njit(parallel=True, **JIT)
def convolve_dense(x, w, ins, outs, table, group, out):  # type: ignore[no-untyped-def]
    """out (T, n_out, C_out) from every channel of x (T, n_in, C_in)."""
    steps, n_out, co = out.shape
    n_in, ci = x.shape[1:]
    tiles = table.shape[1] - 1
    tasks = (tiles + group - 1) // group
    xf, wf, of = x.reshape(-1), w.reshape(-1), out.reshape(-1)
    for index in prange(steps * tasks):
        task = np.int64(index)
        step = task // tasks
        t0 = (task % tasks) * group
        t1 = min(t0 + group, tiles)
        x0 = step * n_in * ci
        o0 = step * n_out * co
        of[o0 + t0 * TILE * co : o0 + min(t1 * TILE, n_out) * co] = 0.0
        for k in range(table.shape[0]):
            a = table[k, t0]
            b = table[k, t1]
            if a == b:
                continue
            w0 = k * ci * co
            v = 0
            if _WIDE:
                while v + 64 <= co:
                    _rows64(xf, wf, of, ins, outs, a, b, x0, ci, o0 + v, co, w0 + v, co)
                    v += 64
                if v + 32 <= co:
                    _rows32(xf, wf, of, ins, outs, a, b, x0, ci, o0 + v, co, w0 + v, co)
                    v += 32
            while v + 16 <= co:
                _rows16(xf, wf, of, ins, outs, a, b, x0, ci, o0 + v, co, w0 + v, co)
                v += 16
            if v < co:
                _rows8(xf, wf, of, ins, outs, a, b, x0, ci, o0 + v, co, w0 + v, co)


@one_at_a_time
@njit(parallel=True, **JIT)
def convolve_events(x, bits, w, ins, outs, table, group, out):  # type: ignore[no-untyped-def]
    """As ``convolve_dense``, from the channels whose bit is set."""
    steps, n_out, co = out.shape
    n_in, ci = x.shape[1:]
    words = bits.shape[2]
    tiles = table.shape[1] - 1
    tasks = (tiles + group - 1) // group
    xf, wf, of, bf = x.reshape(-1), w.reshape(-1), out.reshape(-1), bits.reshape(-1)
    for index in prange(steps * tasks):
        task = np.int64(index)
        step = task // tasks
        t0 = (task % tasks) * group
        t1 = min(t0 + group, tiles)
        o0 = step * n_out * co
        of[o0 + t0 * TILE * co : o0 + min(t1 * TILE, n_out) * co] = 0.0
        for k in range(table.shape[0]):
            for p in range(table[k, t0], table[k, t1]):
                row = step * n_in + ins[p]
                o = o0 + np.int64(outs[p]) * co
                for q in range(words):
                    m = bf[row * words + q]
                    xi = row * ci + q * 64
                    w0 = (k * ci + q * 64) * co
                    v = 0
                    while v + 64 <= co:
                        _events64(xf, wf, of, m, xi, o + v, w0 + v, co)
                        v += 64
                    if v + 32 <= co:
                        _events32(xf, wf, of, m, xi, o + v, w0 + v, co)
                        v += 32
                    if v + 16 <= co:
                        _events16(xf, wf, of, m, xi, o + v, w0 + v, co)
                        v += 16
                    if v < co:
                        _events8(xf, wf, of, m, xi, o + v, w0 + v, co)


@one_at_a_time
@njit(parallel=True, **JIT)
def spike_bits(x, bits):  # type: ignore[no-untyped-def]
    """Fill uint64 (T, N, ceil(C / 64)): bit c % 64 of word c // 64 says that channel c fires."""
    steps, n, c = x.shape
    words = bits.shape[2]
    xf, bf = x.reshape(-1), bits.reshape(-1)
    rows = steps * n
    tasks = (rows + 1023) // 1024
    for index in prange(tasks):
        task = np.int64(index)
        for row in range(task * 1024, min(task * 1024 + 1024, rows)):
            for q in range(words):
                m = np.uint64(0)
                j = q * 64
                end = min(j + 64, c)
                while j + micro.LANES <= end:
                    m |= micro.nonzero_bits(xf, row * c + j) << np.uint64(j - q * 64)
                    j += micro.LANES
                while j < end:
                    m |= np.uint64(xf[row * c + j] != 0) << np.uint64(j - q * 64)
                    j += 1
                bf[row * words + q] = m


@one_at_a_time
@njit(parallel=True, **JIT)
def weight_parts_dense(x, y, ins, outs, table, group, parts):  # type: ignore[no-untyped-def]
    """parts (parts, K, C_in, C_out): the weight gradient, summed over equal shares of the tiles.

    A share is walked block by block of ``group`` tiles, so that the rows of a block serve all
    offsets from the second-level cache.
    """
    steps, n_in, ci = x.shape
    n_out, co = y.shape[1:]
    shares, volume = parts.shape[:2]
    tiles = table.shape[1] - 1
    xf, yf, pf = x.reshape(-1), y.reshape(-1), parts.reshape(-1)
    for index in prange(shares):
        share = np.int64(index)
        pf[share * volume * ci * co : (share + 1) * volume * ci * co] = 0.0
        end = tiles * (share + 1) // shares
        for step in range(steps):
            x0 = step * n_in * ci
            y0 = step * n_out * co
            for t in range(tiles * share // shares, end, group):
                for k in range(volume):
                    last = table[k, min(t + group, end)]
                    w0 = (share * volume + k) * ci * co
                    for a in range(table[k, t], last, _CHUNK):
                        b = min(a + _CHUNK, last)
                        v = 0
                        if _WIDE:
                            while v + 64 <= co:
                                _outer64(
                                    xf, yf, pf, ins, outs, a, b, x0, ci, y0 + v, co, w0 + v, co
                                )
                                v += 64
                            if v + 32 <= co:
                                _outer32(
                                    xf, yf, pf, ins, outs, a, b, x0, ci, y0 + v, co, w0 + v, co
                                )
                                v += 32
                        while v + 16 <= co:
                            _outer16(xf, yf, pf, ins, outs, a, b, x0, ci, y0 + v, co, w0 + v, co)
                            v += 16
                        if v < co:
                            _outer8(xf, yf, pf, ins, outs, a, b, x0, ci, y0 + v, co, w0 + v, co)


@njit(**INNER)
def _prefetch_rows(x, rows, first, last, base, width):  # type: ignore[no-untyped-def]
    """Fetch the rows of pairs first..last into the cache while others are worked on."""
    for p in range(first, last):
        at = base + np.int64(rows[p]) * width
        for c in range(0, width, 16):
            micro.prefetch(x, at + c)


@njit(**INNER)
def _transpose_bits(a):  # type: ignore[no-untyped-def]
    """Bit c of word p becomes bit p of word c, for 64 words of 64 bits, by halving blocks."""
    mask = np.uint64(0x00000000FFFFFFFF)
    half = 32
    while half:
        shift = np.uint64(half)
        for block in range(0, 64, 2 * half):
            for i in range(block, block + half):
                swap = ((a[i] >> shift) ^ a[i + half]) & mask
                a[i] ^= swap << shift
                a[i + half] ^= swap
        half //= 2
        mask ^= mask << np.uint64(half)


@njit(**INNER)
def _outer_chunk(xf, yf, pf, block, x_rows, y_rows, first, last, co, w0):  # type: ignore[no-untyped-def]
    """The gradient rows of channels first..last from one chunk of pairs."""
    for c in range(first, last):
        m = block[c - first]
        at = w0 + c * co
        v = 0
        while v + 64 <= co:
            _outer_events64(xf, yf, pf, x_rows, y_rows, m, c, v, at + v)
            v += 64
        if v + 32 <= co:
            _outer_events32(xf, yf, pf, x_rows, y_rows, m, c, v, at + v)
            v += 32
        if v + 16 <= co:
            _outer_events16(xf, yf, pf, x_rows, y_rows, m, c, v, at + v)
            v += 16
        if v < co:
            _outer_events8(xf, yf, pf, x_rows, y_rows, m, c, v, at + v)


@one_at_a_time
@njit(parallel=True, **JIT)
def weight_parts_events(x, bits, y, ins, outs, table, group, parts):  # type: ignore[no-untyped-def]
    """As ``weight_parts_dense``, from the channels whose bit is set.

    The bits of 64 pairs are transposed, so that a channel meets all its events in one loop with
    its row of the gradient in registers.
    """
    steps, n_in, ci = x.shape
    n_out, co = y.shape[1:]
    words = bits.shape[2]
    shares, volume = parts.shape[:2]
    tiles = table.shape[1] - 1
    xf, yf, pf, bf = x.reshape(-1), y.reshape(-1), parts.reshape(-1), bits.reshape(-1)
    for index in prange(shares):
        share = np.int64(index)
        block = np.empty(64, np.uint64)
        x_rows = np.empty(64, np.int64)
        y_rows = np.empty(64, np.int64)
        pf[share * volume * ci * co : (share + 1) * volume * ci * co] = 0.0
        end = tiles * (share + 1) // shares
        for step in range(steps):
            for t in range(tiles * share // shares, end, group):
                for k in range(volume):
                    last = table[k, min(t + group, end)]
                    w0 = (share * volume + k) * ci * co
                    for a in range(table[k, t], last, 64):
                        size = min(last - a, 64)
                        b = min(a + 128, last)
                        _prefetch_rows(xf, ins, a + size, b, step * n_in * ci, ci)
                        _prefetch_rows(yf, outs, a + size, b, step * n_out * co, co)
                        for p in range(size):
                            x_rows[p] = (step * n_in + ins[a + p]) * ci
                            y_rows[p] = (step * n_out + outs[a + p]) * co
                        for q in range(words):
                            for p in range(size):
                                block[p] = bf[(step * n_in + ins[a + p]) * words + q]
                            block[size:] = 0
                            _transpose_bits(block)
                            low, high = q * 64, min(q * 64 + 64, ci)
                            _outer_chunk(xf, yf, pf, block, x_rows, y_rows, low, high, co, w0)
