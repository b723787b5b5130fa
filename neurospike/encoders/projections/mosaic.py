"""Views of a cloud beside one another in one image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.encoders.projections._cloud import Range, read_size
from neurospike.encoders.projections.depth_views import SHOWN, VIEWS, DepthViews, check_views
from neurospike.encoders.projections.projection import Image, Panel, Projection
from neurospike.errors import ArgumentError


class Mosaic(Projection):
    """Depth views side by side, so that the same filters see all of them.

    Views that share an image share a network's filters, and its pooling joins them; as channels
    of one image their pixels would be mixed, which belong to different places.

    Parameters
    ----------
    size
        Pixels of the whole image; what its tiles leave over at the lower and right edge is 0.
    views, dot, point_range, normals
        As ``DepthViews``. Six views lie in two rows.

    Shape
    -----
    in:  points (N, 3 or more), with normals x, y, z, nx, ny, nz
    out: (1, height, width), with normals (4, height, width)

    Raises
    ------
    ArgumentError
        An image with less than a pixel a view, and as ``DepthViews``.

    Cost
    ----
    As ``DepthViews`` at the size of a tile.

    Source
    ------
    Written for this package; views that share weights are those of MVCNN, arXiv:1505.00880.

    Examples
    --------
    >>> mosaic = Mosaic((2, 4), views=["front", "top"])
    >>> mosaic({"points": np.array([[0.5, 0.5, -0.5]])})[0].tolist()
    [[0.0, 0.0, 0.625, 0.0], [0.0, 0.875, 0.0, 0.0]]
    """

    reads: Literal["points"] = "points"

    def __init__(
        self,
        size: int | Sequence[int],
        *,
        views: Sequence[str] = tuple(VIEWS),
        dot: int = 1,
        point_range: Range = 1.0,
        normals: bool = False,
    ) -> None:
        self.size = read_size("Mosaic", size)
        count = len(check_views(views))
        self._rows = next(rows for rows in range(math.isqrt(count), 0, -1) if count % rows == 0)
        self._columns = count // self._rows
        tile = self.size[0] // self._rows, self.size[1] // self._columns
        if min(tile) < 1:
            raise ArgumentError(
                f"Mosaic.size: must have a pixel for each of {self._rows} x {self._columns} views; "
                f"got {self.size}."
            )
        self.tiles = DepthViews(
            tile, views=views, dot=dot, point_range=point_range, normals=normals
        )
        self.channels = self.tiles.channels // count

    def __call__(self, sample: Mapping[str, Any]) -> Image:
        height, width = self.tiles.size
        views = self.tiles(sample).reshape(self._rows, self._columns, self.channels, height, width)
        whole = views.transpose(2, 0, 3, 1, 4).reshape(
            self.channels, self._rows * height, self._columns * width
        )
        image = np.zeros((self.channels, *self.size), np.float32)
        image[:, : whole.shape[1], : whole.shape[2]] = whole
        return image

    def inverse(self, image: Image) -> dict[str, NDArray[Any]]:
        return self.tiles.inverse(self._apart(image))

    def panels(self, image: Image) -> list[Panel]:
        """The image as it is, a channel each."""
        names, columns = self.tiles.views, self._columns
        rows = [
            ", ".join(names[first : first + columns]) for first in range(0, len(names), columns)
        ]
        across, down = rows[0], f"below: {'; '.join(rows[1:])}" if rows[1:] else "one row"
        return [
            Panel(what, channel, across, down) for what, channel in zip(SHOWN, image, strict=False)
        ]

    def _apart(self, image: Image) -> Image:
        height, width = self.tiles.size
        whole = image[:, : self._rows * height, : self._columns * width]
        parts = whole.reshape(self.channels, self._rows, height, self._columns, width)
        return parts.transpose(1, 3, 0, 2, 4).reshape(-1, height, width)
