"""From voxels to vectors and grids: global pooling, and the dense view."""

from __future__ import annotations

import itertools
from typing import get_args

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.kernels.sparse import pool
from neurospike.kernels.sparse.pool import Mode
from neurospike.nn.unary import collapse
from neurospike.sparse.voxel_tensor import VoxelTensor


class SparseGlobalPool(nn.Module):
    """Pool the occupied voxels of each sample into one vector.

    Parameters
    ----------
    mode
        "mean", "max" or "sum" over a sample's occupied voxels.

    Shape
    -----
    in:  features (N, C) or (T, N, C), batch_size B
    out: (B, C) or (T, B, C); a sample without voxels pools to 0. Unary events are summed to
    integers first.

    Raises
    ------
    ArgumentError
        An unknown mode.

    Cost
    ----
    One pass over the features.

    Examples
    --------
    >>> coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [2, 3, 3, 3]])
    >>> x = VoxelTensor(coords, torch.tensor([[1.0], [3.0], [5.0]]), (4, 4, 4), batch_size=3)
    >>> SparseGlobalPool("mean")(x).flatten().tolist()
    [2.0, 0.0, 5.0]
    """

    def __init__(self, mode: Mode = "mean") -> None:
        super().__init__()
        if mode not in get_args(Mode):
            raise ArgumentError(
                f"SparseGlobalPool.mode: must be 'mean', 'max' or 'sum'; got {mode!r}."
            )
        self.mode = mode

    def forward(self, x: VoxelTensor) -> Tensor:
        """Pool every sample of the batch."""
        x = collapse(x)
        if x.features.device.type != "cpu":
            return pool.pool(x.features, x.coords[:, 0], x.active.sample_bounds, self.mode)
        bounds = x.active.sample_bounds.tolist()
        counts = [high - low for low, high in itertools.pairwise(bounds)]
        if not counts:
            return x.features.new_zeros(*x.features.shape[:-2], 0, x.features.shape[-1])
        # One split has one backward, where a slice per sample would pad a gradient per sample.
        samples = torch.split(x.features, counts, dim=-2)
        return torch.stack([self._pool(rows) for rows in samples], dim=-2)

    def _pool(self, rows: Tensor) -> Tensor:
        if rows.shape[-2] == 0:
            return rows.sum(-2)
        if self.mode == "max":
            return rows.amax(-2)
        return rows.mean(-2) if self.mode == "mean" else rows.sum(-2)

    def extra_repr(self) -> str:
        """What the representation shows."""
        return repr(self.mode)


class ToDense(nn.Module):
    """Write the voxels into a dense grid.

    Shape
    -----
    in:  features (N, C) or (T, N, C)
    out: ([T,] B, C, X, Y, Z), zero where no voxel is. Unary events are summed to integers first.

    Cost
    ----
    Memory of the whole grid.
    """

    def forward(self, x: VoxelTensor) -> Tensor:
        """The dense view of the features."""
        return collapse(x).dense()
