"""Voxels whose features say where a point lies in the range, and where in its voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from neurospike.encoders._voxel_inputs import Points
from neurospike.encoders.voxelizer import Reduce, Voxelization, Voxelizer
from neurospike.errors import ArgumentError
from neurospike.kernels.devices import constants
from neurospike.sparse import VoxelTensor


class RelativeVoxelizer(Voxelizer):
    """A ``Voxelizer`` for networks that start from nothing: every feature is of the order of 1.

    Parameters
    ----------
    voxel_size, point_range, reduce, seed
        As in ``Voxelizer``; the range is needed.

    Shape
    -----
    in:  as ``Voxelizer``
    out: VoxelTensor with features (V, 6 + F): x, y, z from -1 to 1 over the range; x, y, z from
         the middle of the voxel, -0.5 to 0.5 of its edge; and the features as they are given

    Raises
    ------
    ArgumentError
        As ``Voxelizer``, and no range.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[0.0, 1.0, 3.0]], np.float32)
    >>> voxelizer = RelativeVoxelizer(2.0, (0, 0, 0, 4, 4, 4))
    >>> voxels, _ = voxelizer(points, np.array([[0.25]], np.float32))
    >>> voxels.features.tolist()
    [[-1.0, -0.5, 0.5, -0.5, 0.0, 0.0, 0.25]]
    """

    def __init__(
        self,
        voxel_size: float | Sequence[float],
        point_range: Sequence[float],
        reduce: Reduce = "mean",
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(voxel_size, point_range, reduce, seed=seed)
        if self.point_range is None:
            raise ArgumentError(
                "RelativeVoxelizer.point_range: must be given, for features say where in it a "
                "voxel lies; got None. Take Voxelizer to go without."
            )
        low, high = torch.tensor(point_range, dtype=torch.float64).view(2, 3)
        self._low, self._extent = low, high - low
        self._edges = torch.tensor(self.voxel_size, dtype=torch.float64)

    def voxelize(
        self,
        points: Points,
        features: Points | None = None,
        batch: Points | None = None,
        batch_size: int | None = None,
        *,
        seed: int | None = None,
    ) -> Voxelization:
        """Voxelise as ``Voxelizer`` does, and scale the features."""
        found = super().voxelize(points, features, batch, batch_size, seed=seed)
        return replace(found, voxels=found.voxels.replace(self._scaled(found.voxels)))

    def _scaled(self, voxels: VoxelTensor) -> Tensor:
        device, dtype = voxels.features.device, voxels.features.dtype
        low, extent, edges = self._low, self._extent, self._edges
        if device.type != "cpu":
            low, extent, edges = (constants(part.tolist(), device) for part in (low, extent, edges))
        from_corner = voxels.features[:, :3].double() - low
        over_range = 2 * from_corner / extent - 1
        in_voxel = from_corner / edges - voxels.coords[:, 1:].double() - 0.5
        return torch.cat([over_range.to(dtype), in_voxel.to(dtype), voxels.features[:, 3:]], 1)


def scan_voxelizer(
    voxel_size: float | Sequence[float], point_range: Sequence[float], *, relative: bool
) -> Voxelizer:
    """The voxeliser of LiDAR scans: a ``RelativeVoxelizer``, or a ``Voxelizer`` where not relative.

    Raises
    ------
    ArgumentError
        As ``Voxelizer``.

    Examples
    --------
    >>> type(scan_voxelizer(0.1, (0, 0, 0, 4, 4, 4), relative=True)).__name__
    'RelativeVoxelizer'
    """
    return (RelativeVoxelizer if relative else Voxelizer)(voxel_size, point_range)
