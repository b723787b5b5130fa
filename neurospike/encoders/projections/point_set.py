"""A cloud as a fixed number of its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.encoders._arrays import positive, whole
from neurospike.encoders.projections._cloud import read_points, read_size
from neurospike.encoders.projections._pick import (
    LARGEST,
    Sampling,
    check_sampling,
    picked,
    repeated,
    thinned,
)
from neurospike.encoders.projections.projection import Image, Panel, Projection
from neurospike.errors import ArgumentError


class PointSet(Projection):
    """Points for networks that take points: the one projection that makes no image but (N, C).

    Batches of it are (B, N, C), as the networks of ``baselines`` that take points want them.
    Where a cloud has fewer points they are repeated, which changes nothing under a maximum over
    points; a cloud without any is all zeros.

    Parameters
    ----------
    size
        How many points; as ``create_projection`` gives it, twice the same number.
    columns
        Of the points that are kept: x, y, z, and what follows them.
    sampling
        "farthest", each point the farthest from those before it, the first the farthest from the
        middle; or "random", by seed. Clouds of more than 8,192 points are thinned to as many at
        random before the farthest are looked for.
    seed
        Of random choices, the same for every sample.
    unit
        The length that becomes 1, in the unit of the points; x, y and z are divided by it.

    Shape
    -----
    in:  points (M, columns or more)
    out: (N, columns)

    Raises
    ------
    ArgumentError
        Two different sizes, an unknown sampling; points of another shape, or that are not finite.

    Cost
    ----
    N passes over the points: 1.5 ms for 1,024 of 2,048.

    Source
    ------
    Farthest point sampling as in PointNet++, arXiv:1706.02413, section 3.2. Departure: the first
    point is not drawn.

    Examples
    --------
    >>> points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0]])
    >>> PointSet(3)({"points": points})[:, 0].tolist()
    [9.0, 0.0, 2.0]
    >>> PointSet(6)({"points": points})[:, 0].tolist()
    [0.0, 1.0, 2.0, 9.0, 0.0, 1.0]
    """

    reads: Literal["points"] = "points"

    def __init__(
        self,
        size: int | Sequence[int],
        *,
        columns: int = 3,
        sampling: Sampling = "farthest",
        seed: int = 0,
        unit: float = 1.0,
    ) -> None:
        self.size = read_size("PointSet", size)
        if self.size[0] != self.size[1]:
            raise ArgumentError(f"PointSet.size: must be one number of points; got {size}.")
        self.channels = whole("PointSet", "columns", columns, 3)
        self.sampling = check_sampling("PointSet", sampling)
        self.seed = whole("PointSet", "seed", seed, 0)
        self.unit = positive("PointSet", "unit", unit)

    def __call__(self, sample: Mapping[str, Any]) -> Image:
        points = read_points("PointSet", sample, self.channels)
        count = self.size[0]
        if self.sampling == "farthest" and len(points) > max(count, LARGEST):
            points = thinned(points, self.seed)
        image = points.astype(np.float32)
        if not len(image):
            return np.zeros((count, self.channels), np.float32)
        image[:, :3] /= np.float32(self.unit)
        xyz = np.ascontiguousarray(image[:, :3])
        rows = picked(xyz, count, sampling=self.sampling, seed=self.seed)
        return image[repeated(rows, count)]

    def inverse(self, image: Image) -> dict[str, NDArray[Any]]:
        """The points that were kept, each once; none of an image of zeros."""
        return {"points": distinct(image[:, :3] * np.float32(self.unit))}

    def panels(self, image: Image) -> list[Panel]:
        """The columns of the points as rows."""
        return [Panel("columns of the points", image.T, "point", "column")]


def distinct(points: Image) -> Image:
    """Rows that differ, in the order of their first; none where all of them are 0."""
    if not points.any():
        return points[:0]
    _, first = np.unique(points, axis=0, return_index=True)
    return points[np.sort(first)]
