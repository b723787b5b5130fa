"""Sparse convolution in plain numba: any CPU, float32 and float64.

The same tiles and the same order of additions as the fast path, but without fused multiply-add,
so the two agree to rounding and not bit for bit. Zeros are skipped, which changes no bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from neurospike.kernels.sparse.tiles import JIT, TILE
from neurospike.kernels.threads import one_at_a_time


@one_at_a_time
@njit(parallel=True, **JIT)
def convolve(x, w, ins, outs, table, out):  # type: ignore[no-untyped-def]
    """out (T, n_out, C_out) from x (T, n_in, C_in) and w (K, C_in, C_out)."""
    steps, n_out, co = out.shape
    ci = x.shape[2]
    tiles = table.shape[1] - 1
    for index in prange(steps * tiles):
        task = np.int64(index)
        step = task // tiles
        t = task % tiles
        for row in range(t * TILE, min(t * TILE + TILE, n_out)):
            out[step, row] = 0
        for k in range(table.shape[0]):
            for p in range(table[k, t], table[k, t + 1]):
                source = x[step, ins[p]]
                target = out[step, outs[p]]
                for c in range(ci):
                    value = source[c]
                    if value != 0:
                        weights = w[k, c]
                        for v in range(co):
                            target[v] += value * weights[v]


@one_at_a_time
@njit(parallel=True, **JIT)
def weight_parts(x, y, ins, outs, table, parts):  # type: ignore[no-untyped-def]
    """parts (parts, K, C_in, C_out): the weight gradient, summed over equal shares of the tiles."""
    steps, _, ci = x.shape
    co = y.shape[2]
    shares, volume = parts.shape[:2]
    tiles = table.shape[1] - 1
    for index in prange(shares):
        share = np.int64(index)
        parts[share] = 0
        first = tiles * share // shares
        last = tiles * (share + 1) // shares
        for step in range(steps):
            for t in range(first, last):
                for k in range(volume):
                    for p in range(table[k, t], table[k, t + 1]):
                        source = x[step, ins[p]]
                        gradient = y[step, outs[p]]
                        for c in range(ci):
                            value = source[c]
                            if value != 0:
                                target = parts[share, k, c]
                                for v in range(co):
                                    target[v] += value * gradient[v]
