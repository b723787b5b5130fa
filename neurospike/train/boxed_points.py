"""Which points lie in which boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def points_in_boxes(
    points: NDArray[Any], boxes: NDArray[Any], *, margin_m: float = 0.0
) -> list[NDArray[np.int64]]:
    """Rows of the points inside each box, ascending; faces count as inside.

    Parameters
    ----------
    points, boxes
        (N, 3 or more) and (M, 7), in metres and radians.
    margin_m
        How much farther each face lies out.

    Cost
    ----
    One sort of the points by x, then for each box the points of its stretch of x alone: 4 ms for
    20,000 points and 20 boxes.

    Examples
    --------
    >>> points = np.array([[0.0, 0, 0], [1.9, 0, 0], [2.1, 0, 0]])
    >>> [rows.tolist() for rows in points_in_boxes(points, np.array([[0, 0, 0, 4, 2, 1, 0.0]]))]
    [[0, 1]]
    """
    xyz = np.asarray(points)[:, :3].astype(np.float64)
    order = np.argsort(xyz[:, 0], kind="stable")
    ahead = xyz[order, 0]
    found = []
    for x, y, z, length, width, height, yaw in np.asarray(boxes, np.float64).reshape(-1, 7):
        half = np.array([length, width, height]) / 2 + margin_m
        cosine, sine = np.cos(yaw), np.sin(yaw)
        reach = abs(cosine) * half[0] + abs(sine) * half[1]
        # A hair more, so that rounding in the search leaves nobody out.
        first, last = np.searchsorted(ahead, [x - reach - 1e-6, x + reach + 1e-6])
        rows = order[first:last]
        dx, dy, dz = (xyz[rows] - (x, y, z)).T
        inside = (
            (np.abs(dz) <= half[2])
            & (np.abs(cosine * dx + sine * dy) <= half[0])
            & (np.abs(cosine * dy - sine * dx) <= half[1])
        )
        found.append(np.sort(rows[inside]))
    return found
