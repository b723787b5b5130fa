"""Labels and detections of many frames, end to end in plain tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.metrics._arrays import LARGEST_M

Floats = NDArray[np.float64]

REGION = "dontcare"


class KittiObjects(Protocol):
    """What ``kitti_ap`` reads of a frame; ``datasets.Objects`` has it."""

    @property
    def names(self) -> Sequence[str]:
        """(M,) class names."""

    @property
    def truncated(self) -> Any:
        """(M,) share outside the image."""

    @property
    def occluded(self) -> Any:
        """(M,) 0 visible to 3 unknown."""

    @property
    def alpha(self) -> Any:
        """(M,) observation angle."""

    @property
    def bbox(self) -> Any:
        """(M, 4) left, top, right, bottom in pixels."""

    @property
    def dimensions(self) -> Any:
        """(M, 3) height, width, length in metres."""

    @property
    def location(self) -> Any:
        """(M, 3) middle of the bottom face in the camera's frame, in metres."""

    @property
    def rotation_y(self) -> Any:
        """(M,) turn about the camera's y axis."""

    @property
    def score(self) -> Any:
        """(M,) of detections."""


@dataclass(frozen=True)
class Table:
    """The objects of all frames, a row each; frame f holds rows starts[f]..starts[f + 1]."""

    starts: NDArray[np.int64]
    names: NDArray[np.str_]  # case folded
    truncated: Floats
    occluded: Floats
    alpha: Floats
    bbox: Floats
    boxes: Floats  # (M, 7), z up
    score: Floats

    @property
    def height_px(self) -> Floats:
        """Height of the picture."""
        height: Floats = self.bbox[:, 3] - self.bbox[:, 1]
        return height


def tabulate(what: str, frames: Sequence[KittiObjects], *, scored: bool) -> Table:
    """Check every frame and lay them end to end; ``what`` names the argument in errors."""
    columns = [_columns(f"{what}[{i}]", frame, scored=scored) for i, frame in enumerate(frames)]
    names = [name.casefold() for frame in frames for name in frame.names]
    values = np.concatenate([np.empty((0, 15)), *columns])
    return Table(
        starts=np.cumsum([0, *(len(rows) for rows in columns)], dtype=np.int64),
        names=np.array(names, dtype=np.str_),
        truncated=values[:, 0],
        occluded=values[:, 1],
        alpha=np.ascontiguousarray(values[:, 2]),
        bbox=values[:, 3:7],
        boxes=_upright(values[:, 7:10], values[:, 10:13], values[:, 13]),
        score=np.ascontiguousarray(values[:, 14]),
    )


def _columns(owner: str, frame: KittiObjects, *, scored: bool) -> Floats:
    """(M, 15) numbers of a frame."""
    count = len(frame.names)
    # The file of a frame without detections cannot say that it would have had scores.
    if scored and count and frame.score is None:
        raise ArgumentError(
            f"kitti_ap.{owner}.score: detections need scores; got None. Are these labels?"
        )
    fields: list[tuple[str, Any, int]] = [
        ("truncated", frame.truncated, 1),
        ("occluded", frame.occluded, 1),
        ("alpha", frame.alpha, 1),
        ("bbox", frame.bbox, 4),
        ("dimensions", frame.dimensions, 3),
        ("location", frame.location, 3),
        ("rotation_y", frame.rotation_y, 1),
        ("score", frame.score if scored and count else np.zeros(count), 1),
    ]
    parts = []
    for name, value, width in fields:
        array = np.asarray(value, np.float64)
        if array.size != count * width or array.shape[:1] != (count,):
            raise ArgumentError(
                f"kitti_ap.{owner}.{name}: must have a row for each of {count} names; got shape "
                f"{array.shape}."
            )
        parts.append(array.reshape(count, width))
    rows = np.concatenate(parts, axis=1)
    _check(owner, frame.names, rows)
    return rows


def _check(owner: str, names: Sequence[str], rows: Floats) -> None:
    objects = np.array([name.casefold() != REGION for name in names], dtype=bool)
    unknown = ~np.isfinite(rows).all(1)
    edges = rows[:, 7:10]
    wrong = objects & ((edges < 0) | (edges > LARGEST_M)).any(1)
    if unknown.any():
        row = int(unknown.argmax())
        raise ArgumentError(
            f"kitti_ap.{owner}: values must be finite; got NaN or infinity at row {row} "
            f"({names[row]}). Drop such rows first."
        )
    if wrong.any():
        row = int(wrong.argmax())
        raise ArgumentError(
            f"kitti_ap.{owner}.dimensions: must lie within 0..{LARGEST_M:g} m; got "
            f"{tuple(edges[row].tolist())} at row {row} ({names[row]}). Drop such rows first."
        )


def _upright(dimensions: Floats, location: Floats, rotation_y: Floats) -> Floats:
    """Boxes (M, 7) with z up: x is the camera's z, y its -x, z its -y.

    Regions, whose edges are -1, get edges of 0 and overlap nothing.
    """
    edges = np.maximum(dimensions, 0.0)
    height, width, length = edges[:, 0], edges[:, 1], edges[:, 2]
    x, y, z = location[:, 0], location[:, 1], location[:, 2]
    return np.column_stack([z, -x, height / 2 - y, length, width, height, -rotation_y - np.pi / 2])
