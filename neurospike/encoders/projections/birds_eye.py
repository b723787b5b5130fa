"""A cloud seen from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.encoders.projections._cloud import (
    Range,
    axis_label,
    cells,
    middles,
    read_points,
    read_range,
    read_size,
)
from neurospike.encoders.projections.projection import Image, Panel, Projection

_FULL = 64  # one more than the points of a cell of density 1
_DENSITY = (np.log(np.arange(1, _FULL + 1)) / np.log(_FULL)).astype(np.float32)


class BirdsEye(Projection):
    """A picture from above: occupancy, height of the highest point, density and intensity.

    Rows run from the highest x down and columns from the highest y down: forward is up and left
    is left.

    Parameters
    ----------
    size
        Parts along x and y.
    point_range
        The box: x_low, y_low, z_low, x_high, y_high, z_high in the unit of the points, or one
        number r for -r .. r; points out of it are dropped. By default that of KITTI's detectors,
        in metres.
    intensity
        Whether points have a fourth column, 0 to 1, and the image a channel of it.

    Shape
    -----
    in:  points (N, 3 or more); with intensity, 4 or more
    out: (3, height, width), or (4, height, width): 1 where there is a point; height from 0 at the
         bottom of the box to 1 at its top; log(1 + points) / log(64), at most 1; the largest
         intensity of a cell. All of them 0 in cells without a point

    Raises
    ------
    ArgumentError
        A size or box without an inside; points of another shape, or that are not finite.

    Cost
    ----
    A few passes over the points: 0.1 ms for 2,048, 3 ms for a scan of 120,000.

    Source
    ------
    Complex-YOLO, arXiv:1803.06199, section 3.1: height, density and intensity of a cell, the
    density as min(1, log(N + 1) / log 64). Departures: occupancy beside them, heights from 0 to 1.

    Examples
    --------
    >>> bird = BirdsEye(2, point_range=1.0)
    >>> image = bird({"points": np.array([[0.5, -0.5, 0.5], [0.5, -0.5, -0.9]])})
    >>> image[:2].tolist()
    [[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.75], [0.0, 0.0]]]
    >>> bird.inverse(image)["points"].tolist()
    [[0.5, -0.5, 0.5]]
    """

    reads: Literal["points"] = "points"

    def __init__(
        self,
        size: int | Sequence[int],
        *,
        point_range: Range = (0.0, -40.0, -3.0, 70.4, 40.0, 1.0),
        intensity: bool = False,
    ) -> None:
        self.size = read_size("BirdsEye", size)
        self.point_range = read_range("BirdsEye", point_range)
        self.intensity = intensity
        self.channels = 4 if intensity else 3

    def __call__(self, sample: Mapping[str, Any]) -> Image:
        points = read_points("BirdsEye", sample, 4 if self.intensity else 3)
        keys = cells(points, self.point_range, (*self.size, 1))
        kept = np.flatnonzero(keys >= 0)
        keys, points = keys.take(kept), points.take(kept, 0)
        low, high = self.point_range[2], self.point_range[5]
        image = np.zeros((self.channels, self.size[0] * self.size[1]), np.float32)
        counts = np.bincount(keys, minlength=image.shape[1])
        image[0] = counts > 0
        place = (points[:, 2].astype(np.float64) - low) / (high - low)
        np.maximum.at(image[1], keys, place.astype(np.float32))
        image[2] = _DENSITY[np.minimum(counts, _FULL - 1)]
        if self.intensity:
            np.maximum.at(image[3], keys, points[:, 3].astype(np.float32))
        flat = image.reshape(self.channels, *self.size)[:, ::-1, ::-1]
        return np.ascontiguousarray(flat)

    def inverse(self, image: Image) -> dict[str, NDArray[Any]]:
        x0, y0, z0, x1, y1, z1 = self.point_range
        row, column = np.nonzero(image[0] > 0.5)
        x = middles(x0, x1, self.size[0])[::-1][row]
        y = middles(y0, y1, self.size[1])[::-1][column]
        z = z0 + image[1, row, column].astype(np.float64) * (z1 - z0)
        return {"points": np.stack([x, y, z], axis=1).astype(np.float32)}

    def panels(self, image: Image) -> list[Panel]:
        """A channel each."""
        x0, y0, _, x1, y1, _ = self.point_range
        across, down = axis_label("y", y1, y0), axis_label("x", x1, x0)
        titles = ("occupancy", "height", "density", "intensity")[: self.channels]
        return [
            Panel(title, channel, across, down)
            for title, channel in zip(titles, image, strict=True)
        ]
