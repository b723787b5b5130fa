"""Objects of a scan in KITTI's terms, labelled or detected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Objects:
    """Objects seen by the reference camera, a row each, as a KITTI label file has them.

    Attributes
    ----------
    names
        (M,) class names such as "Car"; "DontCare" marks a region of the image, not an object.
    truncated, occluded
        float64 (M,) share outside the image, 0..1; int64 (M,) 0 visible, 1 partly, 2 largely
        occluded, 3 unknown; -1 of regions.
    alpha, rotation_y
        float64 (M,) observation angle, and turn about the camera's y axis, in radians.
    bbox
        float64 (M, 4) left, top, right, bottom in pixels.
    dimensions
        float64 (M, 3) height, width, length in metres.
    location
        float64 (M, 3) middle of the bottom face in the rectified camera's frame, in metres.
    score
        float64 (M,) of detections; None of labels.
    """

    names: tuple[str, ...]
    truncated: Floats
    occluded: NDArray[np.int64]
    alpha: Floats
    bbox: Floats
    dimensions: Floats
    location: Floats
    rotation_y: Floats
    score: Floats | None = None

    @classmethod
    def empty(cls, *, scored: bool = False) -> Objects:
        """No objects: the labels of an empty street, or with ``scored`` its detections."""
        none, rows = np.zeros(0), np.zeros((0, 3))
        return cls(
            (),
            none,
            none.astype(np.int64),
            none,
            np.zeros((0, 4)),
            rows,
            rows,
            none,
            none if scored else None,
        )

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, rows: NDArray[Any]) -> Objects:
        """The rows of a mask (M,) or of indices."""
        places = np.arange(len(self))[rows]
        return Objects(
            tuple(self.names[place] for place in places),
            self.truncated[places],
            self.occluded[places],
            self.alpha[places],
            self.bbox[places],
            self.dimensions[places],
            self.location[places],
            self.rotation_y[places],
            None if self.score is None else self.score[places],
        )
