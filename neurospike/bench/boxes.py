"""Overlaps and suppression of turned boxes, and KITTI's evaluation, beside shapely."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.bench.harness import interleave, row
from neurospike.errors import MissingExtraError
from neurospike.metrics import rotated_iou, rotated_nms

Candidates = dict[str, Callable[[], Any]]
Floats = NDArray[np.float64]

OURS = "neurospike"
THRESHOLD = 0.1


def detections(count: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Boxes (count, 7) and scores as a detector makes them: some ten about every car."""
    rng = np.random.default_rng(seed)
    cars = max(count // 10, 1)
    places = np.column_stack(
        [rng.uniform(0, 70, cars), rng.uniform(-40, 40, cars), rng.normal(-1, 0.2, cars)]
    )
    edges = np.array([3.9, 1.6, 1.56]) * rng.uniform(0.9, 1.1, (cars, 3))
    boxes = np.column_stack([places, edges, rng.uniform(-np.pi, np.pi, cars)])
    near = boxes[np.arange(count) % cars]
    return near + rng.normal(0, 0.1, near.shape) * [3, 3, 1, 1, 1, 1, 1], rng.random(count)


def cases(pairs: int = 2_000, side: int = 60, proposals: int = 300) -> dict[str, Candidates]:
    """Candidates by case, ours first.

    Raises
    ------
    MissingExtraError
        Without shapely there is nothing to compare with.
    """
    if not find_spec("shapely"):
        raise MissingExtraError("bench.boxes: needs shapely; pip install 'neurospike[test]'.")
    a, b = detections(pairs, 1)[0], detections(pairs, 1)[0] + [0.3, 0.2, 0.1, 0, 0, 0, 0.2]
    few = detections(side, 2)[0]
    boxes, scores = detections(proposals, 3)
    return {
        f"rotated IoU in 3D, {pairs:,} pairs that meet": {
            OURS: lambda: rotated_iou(a, b, paired=True),
            "shapely, a loop": lambda: np.array([_iou(x, y) for x, y in zip(a, b, strict=True)]),
            "shapely, arrays": lambda: _iou_arrays(a, b),
        },
        f"rotated IoU from above, {side} x {side}": {
            OURS: lambda: rotated_iou(few, few, "bev"),
            "shapely, a loop": lambda: np.array(
                [[_iou(x, y, volume=False) for y in few] for x in few]
            ),
        },
        f"rotated NMS, {proposals} boxes": {
            OURS: lambda: rotated_nms(boxes, scores, THRESHOLD),
            "shapely, a loop": lambda: _nms(boxes, scores),
        },
    }


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """A row a case and peer: medians in milliseconds, and how many times ours is faster."""
    rows = []
    for case, candidates in cases().items():
        timings = interleave(candidates, repeats)
        ours = timings.pop(OURS)
        rows += [row(case, peer, ours, timing) for peer, timing in timings.items()]
    return rows


def _corners(boxes: Floats) -> Floats:
    """(M, 7) -> (M, 4, 2) on the ground."""
    along = boxes[:, 3:4] * [0.5, -0.5, -0.5, 0.5]
    across = boxes[:, 4:5] * [0.5, 0.5, -0.5, -0.5]
    c, s = np.cos(boxes[:, 6:]), np.sin(boxes[:, 6:])
    x, y = boxes[:, :1] + c * along - s * across, boxes[:, 1:2] + s * along + c * across
    return np.stack([x, y], axis=-1)


def _iou(a: Floats, b: Floats, *, volume: bool = True) -> float:
    """One pair, as one would write it with shapely."""
    from shapely.geometry import Polygon

    shared = Polygon(_corners(a[None])[0]).intersection(Polygon(_corners(b[None])[0])).area
    whole = a[3] * a[4], b[3] * b[4]
    if volume:
        top, bottom = min(a[2] + a[5] / 2, b[2] + b[5] / 2), max(a[2] - a[5] / 2, b[2] - b[5] / 2)
        shared, whole = shared * max(top - bottom, 0.0), (whole[0] * a[5], whole[1] * b[5])
    return float(shared / (sum(whole) - shared))


def _iou_arrays(a: Floats, b: Floats) -> Floats:
    """All pairs in a few calls."""
    import shapely

    faces = shapely.intersection(shapely.polygons(_corners(a)), shapely.polygons(_corners(b)))
    top = np.minimum(a[:, 2] + a[:, 5] / 2, b[:, 2] + b[:, 5] / 2)
    bottom = np.maximum(a[:, 2] - a[:, 5] / 2, b[:, 2] - b[:, 5] / 2)
    shared = shapely.area(faces) * np.maximum(top - bottom, 0.0)
    shares: Floats = shared / (a[:, 3:6].prod(1) + b[:, 3:6].prod(1) - shared)
    return shares


def _nms(boxes: Floats, scores: Floats) -> list[int]:
    """Polygons are made once; each box meets those that stay."""
    from shapely.geometry import Polygon

    faces = [Polygon(corners) for corners in _corners(boxes)]
    kept: list[int] = []
    for at in np.argsort(-scores, kind="stable").tolist():
        for other in kept:
            shared = faces[at].intersection(faces[other]).area
            if shared > THRESHOLD * (faces[at].area + faces[other].area - shared):
                break
        else:
            kept.append(at)
    return kept
