"""A cloud as patches of neighbouring points."""

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
from neurospike.encoders.projections.point_set import distinct
from neurospike.encoders.projections.projection import Image, Panel, Projection


class PointPatches(Projection):
    """Patches of a cloud as rows of an image: a centre, then the points around it.

    Centres are a fixed number of points, and with each of them stand the points nearest to it,
    nearest first: column 0 is the centre itself. Channels are x, y, z and what follows them. For
    networks that take images; those that take points get a ``PointSet``.

    Parameters
    ----------
    size
        How many patches, and how many points in each.
    columns, sampling, seed, unit
        As in ``PointSet``; the sampling is that of the centres.

    Shape
    -----
    in:  points (M, columns or more)
    out: (columns, patches, points); where a cloud has fewer points they are repeated, and a cloud
         without any is all zeros

    Raises
    ------
    ArgumentError
        An unknown sampling; points of another shape, or that are not finite.

    Cost
    ----
    Two passes over the points a patch: 0.6 ms for 64 patches of 32 out of 2,048, 5 ms of any scan.

    Source
    ------
    Point-BERT, arXiv:2111.14819, section 3.1: farthest points and their nearest neighbours.
    Departures: points are not moved to their centre, which stands beside them, and clouds of more
    than 8,192 points are thinned first.

    Examples
    --------
    >>> points = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0]])
    >>> PointPatches((2, 3))({"points": points})[0].tolist()
    [[9.0, 2.0, 1.0], [0.0, 1.0, 2.0]]
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
        self.size = read_size("PointPatches", size)
        self.channels = whole("PointPatches", "columns", columns, 3)
        self.sampling = check_sampling("PointPatches", sampling)
        self.seed = whole("PointPatches", "seed", seed, 0)
        self.unit = positive("PointPatches", "unit", unit)

    def __call__(self, sample: Mapping[str, Any]) -> Image:
        from neurospike.kernels.points import numba as kernels

        points = read_points("PointPatches", sample, self.channels)
        if len(points) > LARGEST:
            points = thinned(points, self.seed)
        patches, count = self.size
        if not len(points):
            return np.zeros((self.channels, patches, count), np.float32)
        rows = points.astype(np.float32)
        rows[:, :3] /= np.float32(self.unit)
        xyz = np.ascontiguousarray(rows[:, :3])
        centres = picked(xyz, patches, sampling=self.sampling, seed=self.seed)
        near = kernels.nearest(xyz, repeated(centres, patches), min(count, len(xyz)))
        places = near[:, np.arange(count) % near.shape[1]]
        return np.ascontiguousarray(rows[places].transpose(2, 0, 1))

    def inverse(self, image: Image) -> dict[str, NDArray[Any]]:
        """The points of the patches, each once; none of an image of zeros."""
        return {"points": distinct(image[:3].reshape(3, -1).T * np.float32(self.unit))}

    def panels(self, image: Image) -> list[Panel]:
        """x, y and z of the points."""
        across, down = "point of the patch, the centre first", "patch"
        return [Panel(name, image[axis], across, down) for axis, name in enumerate("xyz")]
