"""The largest values among the voxels near a cell, on the CPU.

Rows of voxels are ascending, so those of a column (sample, i, j) lie side by side: where each
column starts is all the index that a query needs, and it stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from neurospike.kernels.threads import one_at_a_time

Ints32 = NDArray[np.int32]
Rows = NDArray[Any]  # float32 or float64


@one_at_a_time
@njit(cache=True, nogil=True, parallel=True)
def neighbourhood_max(values, heights, starts, edges, cells, reach, out, source):  # type: ignore[no-untyped-def]
    """Fill ``out`` (P, C) and ``source`` (P, C), the row that each number came from, or -1.

    heights (N,) are the voxels' last indices, starts (samples * X * Y + 1,) where columns start,
    edges (X, Y). Of equal values the first row counts.
    """
    for point in prange(cells.shape[0]):
        sample, i, j, k = cells[point, 0], cells[point, 1], cells[point, 2], cells[point, 3]
        best, origin = out[point], source[point]
        empty = True
        for x in range(max(i - reach, 0), min(i + reach, edges[0] - 1) + 1):
            side = reach - abs(x - i)
            column = (sample * edges[0] + x) * edges[1]
            for y in range(max(j - side, 0), min(j + side, edges[1] - 1) + 1):
                left = side - abs(y - j)
                for row in range(starts[column + y], starts[column + y + 1]):
                    if abs(heights[row] - k) > left:
                        continue
                    if empty:
                        empty = False
                        best[:] = values[row]
                        origin[:] = row
                        continue
                    for channel in range(best.size):
                        if values[row, channel] > best[channel]:
                            best[channel] = values[row, channel]
                            origin[channel] = row
        if empty:
            best[:] = 0
            origin[:] = -1


@njit(cache=True, nogil=True)
def give_back(grads: Rows, source: Ints32, out: Rows) -> None:
    """Add each number's gradient (P, C) to the row of ``out`` (N, C) that it came from."""
    for point in range(source.shape[0]):
        if source[point, 0] < 0:
            continue
        for channel in range(source.shape[1]):
            out[source[point, channel], channel] += grads[point, channel]
