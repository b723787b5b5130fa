"""What a picture of a LiDAR scan shows: points, boxes, labels, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Corner -> its place in units of half the box; the first four are the bottom, counter-clockwise
# from front left as seen from above, the last four the top in the same order.
_CORNERS = np.array(
    [(x, y, z) for z in (-1, 1) for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1))], np.float64
)
EDGES = tuple((a, (a + 1) % 4) for a in range(4))
EDGES += tuple((4 + a, 4 + (a + 1) % 4) for a in range(4))
EDGES += tuple((a, a + 4) for a in range(4))
"""Pairs of corners; the first eight run around the bottom and the top."""


@dataclass(frozen=True)
class SceneBoxes:
    """Boxes of a scan in the LiDAR frame.

    Attributes
    ----------
    boxes
        float64 (M, 7): x, y, z of the centre, length, width, height in metres, yaw in radians
        counter-clockwise about z from +x.
    names
        (M,) class names.
    scores
        float64 (M,) of detections; None of labels.
    """

    boxes: Floats
    names: tuple[str, ...]
    scores: Floats | None = None

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True)
class Scene:
    """A scan, what was found in it and what is known to be there.

    Attributes
    ----------
    points
        float64 (N, 4) x, y, z in metres, and intensity 0..1 (0 where it is not known).
    point_labels
        int64 (N,), the class of each point, -1 unknown; None where points have none.
    classes
        Names that ``point_labels`` counts into.
    detected, labelled
        Boxes found, and true boxes; None where nobody has looked.
    title
        One line above the picture.
    """

    points: Floats
    point_labels: Ints | None
    classes: tuple[str, ...]
    detected: SceneBoxes | None
    labelled: SceneBoxes | None
    title: str

    @property
    def drawn(self) -> list[tuple[str, SceneBoxes]]:
        """("label" or "detection", boxes), in the order of drawing."""
        kinds = (("detection", self.detected), ("label", self.labelled))
        return [(kind, boxes) for kind, boxes in kinds if boxes is not None]


def scene_boxes(
    boxes: ArrayLike, names: Sequence[str], scores: ArrayLike | None = None
) -> SceneBoxes:
    """Check and hold boxes (M, 7), their class names and, of detections, their scores.

    Raises
    ------
    ArgumentError
        Shapes that do not fit, values that are not finite, an edge below 0.

    Examples
    --------
    >>> car = scene_boxes([[12.0, 3.0, -0.9, 3.9, 1.6, 1.5, 0.1]], ["Car"], [0.9])
    >>> len(car), car.names
    (1, ('Car',))
    """
    rows = np.asarray(boxes, np.float64)
    rows = rows.reshape(0, 7) if rows.size == 0 else rows
    if rows.ndim != 2 or rows.shape[1] != 7:
        raise ArgumentError(
            "scene_boxes.boxes: must be (M, 7): x, y, z, length, width, height, yaw; "
            f"got {rows.shape}."
        )
    if not np.isfinite(rows).all() or (rows[:, 3:6] < 0).any():
        raise ArgumentError("scene_boxes.boxes: must be finite, with edges of 0 m or more.")
    if len(names) != len(rows):
        raise ArgumentError(f"scene_boxes.names: must be one a box, {len(rows)}; got {len(names)}.")
    found = None if scores is None else np.asarray(scores, np.float64)
    if found is not None and found.shape != (len(rows),):
        raise ArgumentError(
            f"scene_boxes.scores: must be one a box, ({len(rows)},); got {found.shape}."
        )
    return SceneBoxes(rows, tuple(str(name) for name in names), found)


def scan_scene(
    points: ArrayLike,
    *,
    point_labels: ArrayLike | None = None,
    classes: Sequence[str] = (),
    detected: SceneBoxes | None = None,
    labelled: SceneBoxes | None = None,
    title: str = "Scan",
) -> Scene:
    """Check and hold what a picture shows; points that are not finite are left out.

    Parameters
    ----------
    points
        (N, 3) or (N, 4 or more): x forward, y left, z up in metres, then the intensity 0..1.
    point_labels, classes
        (N,) integers, and the names they count into; -1 is unknown.

    Raises
    ------
    ArgumentError
        Shapes that do not fit, or a label beyond the classes.

    Examples
    --------
    >>> ground = scan_scene([[5.0, 0.0, -1.7], [6.0, 0.0, -1.7]], title="Two points")
    >>> ground.points.shape
    (2, 4)
    """
    given = np.asarray(points, np.float64)
    if given.ndim != 2 or given.shape[1] < 3:
        raise ArgumentError(
            f"scan_scene.points: must be (N, 3) or (N, 4), x, y, z in metres first; "
            f"got {given.shape}."
        )
    rows = np.zeros((len(given), 4))
    rows[:, : min(given.shape[1], 4)] = given[:, :4]
    known = np.isfinite(rows).all(axis=1)
    labels = None if point_labels is None else _labels(point_labels, len(rows), len(classes))
    return Scene(
        rows[known],
        None if labels is None else labels[known],
        tuple(str(name) for name in classes),
        detected,
        labelled,
        str(title),
    )


def box_corners(boxes: Floats) -> Floats:
    """(M, 7) to corners (M, 8, 3), as ``EDGES`` counts them.

    Examples
    --------
    >>> box_corners(np.array([[0, 0, 0, 4.0, 2.0, 1.0, np.pi / 2]]))[0, 0].round(6).tolist()
    [-1.0, 2.0, -0.5]
    """
    local = _CORNERS * boxes[:, None, 3:6] / 2
    cos, sin = np.cos(boxes[:, 6, None]), np.sin(boxes[:, 6, None])
    x = cos * local[..., 0] - sin * local[..., 1]
    y = sin * local[..., 0] + cos * local[..., 1]
    corners: Floats = np.stack([x, y, local[..., 2]], axis=-1) + boxes[:, None, :3]
    return corners


def heading_ticks(boxes: Floats) -> Floats:
    """(M, 2, 3): a line on the bottom from the centre to a little beyond the front."""
    ahead = np.stack([np.cos(boxes[:, 6]), np.sin(boxes[:, 6])], axis=1)
    foot = boxes[:, :3].copy()
    foot[:, 2] -= boxes[:, 5] / 2
    tip = foot.copy()
    tip[:, :2] += ahead * (0.5 * boxes[:, 3:4] + np.minimum(0.35 * boxes[:, 3:4], 1.3))
    return np.stack([foot, tip], axis=1)


def ground_height(points: Floats) -> float:
    """Height of the ground near the sensor: what many of the near points lie at, or a bit above."""
    if not len(points):
        return 0.0
    near = points[np.linalg.norm(points[:, :2], axis=1) < 30.0]
    return float(np.percentile((near if len(near) else points)[:, 2], 10))


def _labels(point_labels: ArrayLike, rows: int, classes: int) -> Ints:
    labels = np.asarray(point_labels)
    if labels.shape != (rows,) or labels.dtype.kind not in "iu":
        raise ArgumentError(
            f"scan_scene.point_labels: must be one integer a point, ({rows},); "
            f"got {labels.dtype} of shape {labels.shape}."
        )
    labels = labels.astype(np.int64)
    if rows and not -1 <= labels.min() <= labels.max() < classes:
        raise ArgumentError(
            f"scan_scene.point_labels: must lie in -1..{classes - 1}, one of the classes; "
            f"got {labels.min()}..{labels.max()}."
        )
    return labels
