"""Readable forms of the kernels on points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]


def squared_distances(points: Rows, row: int) -> Rows:
    """(N,) of all points from one of them."""
    x, y, z = (points - points[row]).T
    found: Rows = x * x + y * y + z * z
    return found


def farthest(points: Rows, start: int, count: int) -> Ints:
    """Rows (count,), each farthest from those before it; of several equally far, the first."""
    chosen = [start]
    nearest = np.full(len(points), np.inf, np.float32)
    while len(chosen) < count:
        nearest = np.minimum(nearest, squared_distances(points, chosen[-1]))
        nearest[chosen] = -1  # below every distance: a copy of a chosen point may follow, it not
        chosen.append(int(np.argmax(nearest)))
    return np.array(chosen[:count], np.int64)


def nearest(points: Rows, centres: Ints, count: int) -> Ints:
    """Rows (centres, count) nearest to each centre, nearest first; of equally near, the first."""
    found = [
        np.argsort(squared_distances(points, row), kind="stable")[:count]
        for row in centres.tolist()
    ]
    return np.array(found, np.int64).reshape(len(centres), count)
