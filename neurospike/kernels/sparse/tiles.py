"""What the CPU kernels share: tile tables, and sums in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from neurospike.kernels.threads import one_at_a_time

JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
"""How every kernel here is compiled; a division by zero cannot occur and is not checked."""

INNER: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
"""The same for functions that are compiled into a kernel."""

TILE = 128
"""Output rows between two entries of a tile table."""

_ROWS = 4096  # rows of one partial column sum; fixed, so that bits do not depend on the threads


@one_at_a_time
@njit(parallel=True, **JIT)
def tile_table(rows, bounds, tiles):  # type: ignore[no-untyped-def]
    """int64 (K, tiles + 1): where each tile's pairs begin in each offset's ascending list."""
    volume = bounds.shape[0] - 1
    table = np.empty((volume, tiles + 1), np.int64)
    for index in prange(volume):
        k = np.int64(index)
        p = bounds[k]
        for t in range(tiles):
            table[k, t] = p
            while p < bounds[k + 1] and rows[p] < (t + 1) * TILE:
                p += 1
        table[k, tiles] = bounds[k + 1]
    return table


@one_at_a_time
@njit(parallel=True, **JIT)
def add_parts(parts, out):  # type: ignore[no-untyped-def]
    """Sum the partial weight gradients (parts, n) in order."""
    count, n = parts.shape
    tasks = (n + 1023) // 1024
    for index in prange(tasks):
        task = np.int64(index)
        a, b = task * 1024, min(task * 1024 + 1024, n)
        out[a:b] = parts[0, a:b]
        for part in range(1, count):
            for i in range(a, b):
                out[i] += parts[part, i]


@one_at_a_time
@njit(parallel=True, **JIT)
def column_sums(y, out):  # type: ignore[no-untyped-def]
    """out (C,): the sum over the rows of y (N, C), in an order fixed by N."""
    n, c = y.shape
    tasks = (n + _ROWS - 1) // _ROWS
    parts = np.zeros((tasks, c), y.dtype)
    for index in prange(tasks):
        task = np.int64(index)
        for i in range(task * _ROWS, min(task * _ROWS + _ROWS, n)):
            for j in range(c):
                parts[task, j] += y[i, j]
    out[:] = 0
    for part in range(tasks):
        for j in range(c):
            out[j] += parts[part, j]


@njit(**JIT)
def sampled_density(x, rows):  # type: ignore[no-untyped-def]
    """Share of non-zero values in about ``rows`` evenly spaced rows of x (N, C)."""
    n, c = x.shape
    if n == 0 or c == 0:
        return 1.0
    step = max(n // rows, 1)
    count = 0
    seen = 0
    for i in range(0, n, step):
        seen += c
        for j in range(c):
            count += 1 if x[i, j] != 0 else 0
    return count / seen
