"""How much turned boxes overlap, and which of them to keep."""

from __future__ import annotations

from operator import index
from typing import Any

from neurospike.errors import ArgumentError
from neurospike.kernels.boxes import select
from neurospike.metrics._arrays import alike, boxes7, finite, one_of

MODES = ("3d", "bev")


def rotated_iou(a: Any, b: Any, mode: str = "3d", paired: bool = False) -> Any:
    """Intersection over union of boxes that turn about z.

    Parameters
    ----------
    a, b
        Boxes (x, y, z of the centre, dx, dy, dz, yaw) in metres and radians, arrays or tensors.
    mode
        "3d" compares volumes, "bev" the areas seen from above.
    paired
        Row by row instead of each with each.

    Shape
    -----
    in:  a (M, 7), b (N, 7)
    out: float64 (M, N), or (M,) with paired; a tensor on a's device where a is a tensor

    A box without area (or volume) overlaps nothing, not even itself: 0. Equal boxes have exactly 1.

    Raises
    ------
    ArgumentError
        Another shape, values that are not finite, negative edges, or pairs of unequal number.

    Cost
    ----
    Some 0.2 us a pair whose circles meet, some 5 ns else; one thread; no gradients.

    Source
    ------
    Sutherland and Hodgman, Communications of the ACM 17, 1974, for the cutting of polygons.

    Examples
    --------
    >>> car = [[10.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.0]]
    >>> ahead = [[12.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.0]]
    >>> rotated_iou(car, ahead).round(4)
    array([[0.3333]])
    """
    owner = "rotated_iou"
    volume = one_of(owner, "mode", mode, MODES) == "3d"
    first, second = boxes7(owner, "a", a), boxes7(owner, "b", b)
    if paired and len(first) != len(second):
        raise ArgumentError(
            f"{owner}.b: must have as many rows as a where paired; got {len(second)} for "
            f"{len(first)}. Leave paired out for each with each."
        )
    return alike(select.iou(first, second, volume=volume, paired=paired), a)


def rotated_nms(
    boxes: Any, scores: Any, threshold: float, *, mode: str = "bev", limit: int | None = None
) -> Any:
    """Keep boxes, best first, that overlap no better one by more than a threshold.

    Parameters
    ----------
    boxes, scores
        Boxes as ``rotated_iou`` takes them, and a number each; of equal scores the earlier row
        goes first, so the result is the same on every machine.
    threshold
        Largest intersection over union with a box that stays, 0..1.
    mode
        "bev" or "3d".
    limit
        Stop when so many boxes are kept.

    Shape
    -----
    in:  boxes (M, 7), scores (M,)
    out: int64 (K,) rows, best first; a tensor on boxes' device where boxes is a tensor

    Raises
    ------
    ArgumentError
        Another shape, values that are not finite, negative edges, a threshold outside 0..1, a
        negative limit.

    Cost
    ----
    M K overlaps at most; those of boxes far apart cost next to nothing.

    Examples
    --------
    >>> cars = [[0, 0, 0, 4, 2, 1.5, 0], [0.5, 0, 0, 4, 2, 1.5, 0], [9, 0, 0, 4, 2, 1.5, 0]]
    >>> rotated_nms(cars, [0.6, 0.9, 0.3], 0.5)
    array([1, 2])
    """
    owner = "rotated_nms"
    volume = one_of(owner, "mode", mode, MODES) == "3d"
    rows, values = boxes7(owner, "boxes", boxes), finite(owner, "scores", scores)
    if values.shape != (len(rows),):
        raise ArgumentError(
            f"{owner}.scores: must be one number a box; got shape {values.shape} for "
            f"{len(rows)} boxes."
        )
    if not 0.0 <= threshold <= 1.0:
        raise ArgumentError(f"{owner}.threshold: must lie within 0..1; got {threshold!r}.")
    if limit is not None and index(limit) < 0:
        raise ArgumentError(f"{owner}.limit: must be 0 or more; got {limit}.")
    return alike(select.nms(rows, values, threshold, volume=volume, limit=limit), boxes)
