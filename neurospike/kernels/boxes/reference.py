"""The slow oracle of ``kernels.boxes.numba``, in plain Python.

A box is (x, y, z, dx, dy, dz, yaw): its centre, its edges, and its turn about z from x to y.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import cos, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Box = Sequence[float]


def corners(box: Box, origin: Point = (0.0, 0.0)) -> list[Point]:
    """The corners of the ground face, counter-clockwise, seen from an origin."""
    x, y, along, across = box[0] - origin[0], box[1] - origin[1], box[3] / 2, box[4] / 2
    c, s = cos(box[6]), sin(box[6])
    signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    return [
        (x + c * i * along - s * j * across, y + s * i * along + c * j * across) for i, j in signs
    ]


def shared_area(a: Box, b: Box) -> float:
    """Area that two ground faces share: one is cut by the line of each edge of the other.

    Source
    ------
    Sutherland and Hodgman, Communications of the ACM 17, 1974.
    """
    origin = (a[0], a[1])  # far from zero, products of coordinates lose the digits that matter
    polygon, window = corners(b, origin), corners(a, origin)
    for start, end in pairwise([*window, window[0]]):
        polygon = _left_of(polygon, start, end)
    return max(_area(polygon), 0.0)


def iou(a: Box, b: Box, *, volume: bool) -> float:
    """Shared area over the area of the union, or the same of volumes; 0 where that is empty."""
    shared, first, second = shared_area(a, b), a[3] * a[4], b[3] * b[4]
    if volume:
        top = min(a[2] + a[5] / 2, b[2] + b[5] / 2)
        bottom = max(a[2] - a[5] / 2, b[2] - b[5] / 2)
        shared, first, second = shared * max(top - bottom, 0.0), first * a[5], second * b[5]
    union = first + second - shared
    return shared / union if union > 0 else 0.0


def iou_matrix(a: NDArray[Any], b: NDArray[Any], *, volume: bool) -> NDArray[np.float64]:
    """(M, 7), (N, 7) -> (M, N)."""
    values = [[iou(one, other, volume=volume) for other in b.tolist()] for one in a.tolist()]
    return np.array(values, np.float64).reshape(len(a), len(b))


def suppress(
    boxes: NDArray[Any], order: NDArray[Any], threshold: float, *, volume: bool, limit: int
) -> list[int]:
    """Rows that stay, in the given order: none overlaps a row kept before by more."""
    kept: list[int] = []
    for row in order.tolist():
        if len(kept) == limit:
            break
        if all(iou(boxes[other], boxes[row], volume=volume) <= threshold for other in kept):
            kept.append(row)
    return kept


def _left_of(polygon: list[Point], start: Point, end: Point) -> list[Point]:
    """The part of a convex polygon to the left of a line."""
    along = (end[0] - start[0], end[1] - start[1])
    sides = [along[0] * (y - start[1]) - along[1] * (x - start[0]) for x, y in polygon]
    kept: list[Point] = []
    for at, (here, side) in enumerate(zip(polygon, sides, strict=True)):
        before, side_before = polygon[at - 1], sides[at - 1]
        if (side >= 0) != (side_before >= 0):
            part = side_before / (side_before - side)
            step = (here[0] - before[0], here[1] - before[1])
            kept.append((before[0] + part * step[0], before[1] + part * step[1]))
        if side >= 0:
            kept.append(here)
    return kept


def _area(polygon: list[Point]) -> float:
    """The shoelace formula."""
    before = [*polygon[-1:], *polygon[:-1]]
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(before, polygon, strict=True)) / 2
