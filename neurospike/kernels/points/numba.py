"""Points chosen by distance, on the CPU: the bits of ``reference``, in one thread.

Distances are float32 and nothing is fused, so the order of equally far points is the order of rows
on every machine.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def farthest(points: Rows, start: int, count: int) -> Ints:
    """As ``reference.farthest``, for finite points."""
    x, y, z = points[:, 0].copy(), points[:, 1].copy(), points[:, 2].copy()
    nearest = np.full(x.size, np.inf, np.float32)
    bits = nearest.view(np.int32)
    chosen = np.empty(count, np.int64)
    row = start
    for step in range(count):
        chosen[step] = row
        nearest[row] = -1.0  # below every distance: a copy of it may follow, it not
        _come_nearer(x, y, z, row, nearest)
        row = _first_largest(bits)
    return chosen


@njit(cache=True, nogil=True)
def _come_nearer(x: Rows, y: Rows, z: Rows, row: int, nearest: Rows) -> None:
    """Lower each point's distance to the nearest chosen one."""
    px, py, pz = x[row], y[row], z[row]
    for other in range(x.size):
        dx, dy, dz = x[other] - px, y[other] - py, z[other] - pz
        nearest[other] = min(nearest[other], dx * dx + dy * dy + dz * dz)


@njit(cache=True, nogil=True)
def _first_largest(bits: NDArray[np.int32]) -> int:
    """Where the largest is, of float32 numbers that are -1, 0 or more.

    As whole numbers their bits have the same order, and compilers look for the largest of those
    in many lanes at once, which they may not for floats.
    """
    largest = bits[0]
    for row in range(bits.size):
        largest = max(largest, bits[row])
    row = 0
    while bits[row] != largest:
        row += 1
    return row


@njit(cache=True, nogil=True)
def nearest(points: Rows, centres: Ints, count: int) -> Ints:
    """As ``reference.nearest``, for finite points."""
    found = np.empty((centres.size, count), np.int64)
    distances = np.empty(count, np.float32)
    for centre in range(centres.size):
        px, py, pz = points[centres[centre]]
        held = 0
        for row in range(points.shape[0]):
            dx, dy, dz = points[row, 0] - px, points[row, 1] - py, points[row, 2] - pz
            distance = dx * dx + dy * dy + dz * dz
            if held == count and distance >= distances[count - 1]:
                continue
            held = min(held + 1, count)
            place = held - 1
            while place > 0 and distances[place - 1] > distance:
                distances[place] = distances[place - 1]
                found[centre, place] = found[centre, place - 1]
                place -= 1
            distances[place] = distance
            found[centre, place] = row
    return found
