"""Overlaps of turned boxes on the CPU, and the suppression of the weaker of two.

The second box is seen from the first, whose edges then lie along the axes: cutting by a constant
needs no cross products, has no parallel lines to fear, and keeps its digits at any distance from
the origin. Boxes whose circles do not meet are told apart before any sine is taken.

Every kernel is sequential, so results do not depend on the number of threads; all of them release
the interpreter lock.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Four corners, and one more for each of four cuts, are 8. Rounding may dent a polygon that is
# thinner than its last digit: half as many again for each cut, at most, are 19.
_MOST_CORNERS = 20


@njit(cache=True, nogil=True)
def iou_matrix(a: Floats, b: Floats, volume: bool) -> Floats:
    """(M, 7), (N, 7) -> (M, N) shares of the union of areas, or of volumes."""
    out = np.empty((a.shape[0], b.shape[0]))
    room = np.empty((4, _MOST_CORNERS))
    reach_a, reach_b = _reaches(a), _reaches(b)
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            x, y, reach = b[j, 0] - a[i, 0], b[j, 1] - a[i, 1], reach_a[i] + reach_b[j]
            out[i, j] = 0.0
            if x * x + y * y <= reach * reach:
                out[i, j] = _iou(a, i, b, j, x, y, volume, room)
    return out


@njit(cache=True, nogil=True)
def iou_pairs(a: Floats, b: Floats, volume: bool) -> Floats:
    """(M, 7), (M, 7) -> (M,), row by row."""
    out = np.empty(a.shape[0])
    room = np.empty((4, _MOST_CORNERS))
    reach_a, reach_b = _reaches(a), _reaches(b)
    for i in range(a.shape[0]):
        x, y, reach = b[i, 0] - a[i, 0], b[i, 1] - a[i, 1], reach_a[i] + reach_b[i]
        out[i] = 0.0
        if x * x + y * y <= reach * reach:
            out[i] = _iou(a, i, b, i, x, y, volume, room)
    return out


@njit(cache=True, nogil=True)
def suppress(boxes: Floats, order: Ints, threshold: float, volume: bool, limit: int) -> Ints:
    """Rows that stay, in the given order: none overlaps a row kept before by more."""
    kept = np.empty(min(limit, order.size), np.int64)
    room = np.empty((4, _MOST_CORNERS))
    reach = _reaches(boxes)
    count = 0
    for at in range(order.size):
        if count == limit:
            break
        row = order[at]
        stays = True
        for place in range(count):
            other = kept[place]
            x, y = boxes[row, 0] - boxes[other, 0], boxes[row, 1] - boxes[other, 1]
            far = reach[other] + reach[row]
            if x * x + y * y > far * far:
                continue
            if _iou(boxes, other, boxes, row, x, y, volume, room) > threshold:
                stays = False
                break
        if stays:
            kept[count] = row
            count += 1
    return kept[:count].copy()


@njit(cache=True, nogil=True)
def _reaches(boxes: Floats) -> Floats:
    """Radius of the circle about each ground face."""
    out = np.empty(boxes.shape[0])
    for row in range(boxes.shape[0]):
        out[row] = 0.5 * np.sqrt(boxes[row, 3] ** 2 + boxes[row, 4] ** 2)
    return out


@njit(cache=True, nogil=True)
def _iou(
    a: Floats, i: int, b: Floats, j: int, x: float, y: float, volume: bool, room: Floats
) -> float:
    """Share of row i of a and row j of b; (x, y) leads from a's centre to b's.

    Callers tell boxes apart whose circles do not meet: a call costs ten times that.
    """
    first, second, height = a[i, 3] * a[i, 4], b[j, 3] * b[j, 4], 1.0
    if volume:
        least = min(a[i, 5], b[j, 5])
        height = min(0.5 * (a[i, 5] + b[j, 5]) - abs(b[j, 2] - a[i, 2]), least)
        if height <= 0.0:
            return 0.0
        first, second = first * a[i, 5], second * b[j, 5]
    # Rounding must not let the shared part be larger than either whole.
    shared = min(height * _shared_area(a, i, b, j, x, y, room), min(first, second))
    union = first + second - shared
    return shared / union if shared > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _shared_area(a: Floats, i: int, b: Floats, j: int, x: float, y: float, room: Floats) -> float:
    """Area of b's ground face within a's."""
    c, s = np.cos(a[i, 6]), np.sin(a[i, 6])
    centre_x, centre_y = c * x + s * y, c * y - s * x
    turn = b[j, 6] - a[i, 6]
    c, s = np.cos(turn), np.sin(turn)
    along_x, along_y = 0.5 * b[j, 3] * c, 0.5 * b[j, 3] * s
    across_x, across_y = -0.5 * b[j, 4] * s, 0.5 * b[j, 4] * c
    xs, ys, next_xs, next_ys = room[0], room[1], room[2], room[3]
    xs[0], ys[0] = centre_x + along_x + across_x, centre_y + along_y + across_y
    xs[1], ys[1] = centre_x - along_x + across_x, centre_y - along_y + across_y
    xs[2], ys[2] = centre_x - along_x - across_x, centre_y - along_y - across_y
    xs[3], ys[3] = centre_x + along_x - across_x, centre_y + along_y - across_y
    half_x, half_y = 0.5 * a[i, 3], 0.5 * a[i, 4]
    count = _cut(xs, ys, 4, 1.0, half_x, next_xs, next_ys)
    count = _cut(next_xs, next_ys, count, -1.0, half_x, xs, ys)
    count = _cut(ys, xs, count, 1.0, half_y, next_ys, next_xs)
    count = _cut(next_ys, next_xs, count, -1.0, half_y, ys, xs)
    twice = 0.0
    for at in range(1, count - 1):  # a fan of triangles from the first corner
        left_x, left_y = xs[at] - xs[0], ys[at] - ys[0]
        right_x, right_y = xs[at + 1] - xs[0], ys[at + 1] - ys[0]
        twice += left_x * right_y - right_x * left_y
    return max(0.5 * twice, 0.0)


@njit(cache=True, nogil=True)
def _cut(u: Any, v: Any, count: int, sign: float, limit: float, next_u: Any, next_v: Any) -> int:
    """Keep what lies at sign * u <= limit of a convex polygon; its number of corners after that."""
    kept = 0
    before = count - 1
    for at in range(count):
        over, over_before = sign * u[at] - limit, sign * u[before] - limit
        if (over <= 0.0) != (over_before <= 0.0):
            part = over_before / (over_before - over)
            next_u[kept] = sign * limit
            next_v[kept] = v[before] + part * (v[at] - v[before])
            kept += 1
        if over <= 0.0:
            next_u[kept] = u[at]
            next_v[kept] = v[at]
            kept += 1
        before = at
    return kept
