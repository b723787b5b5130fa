"""The slow oracle of ``kernels.voxels.query_numba``, in readable torch."""

from __future__ import annotations

import torch
from torch import Tensor


def neighbourhood_max(
    values: Tensor, coords: Tensor, cells: Tensor, *, reach: int
) -> tuple[Tensor, Tensor]:
    """Largest value, channel by channel, of the voxels near each cell; zeros where there is none.

    A voxel is near a cell of its own sample if their indices differ by ``reach`` or less in all,
    |di| + |dj| + |dk|.

    Shape
    -----
    in:  values (N, C), coords (N, 4) and cells (P, 4) as (batch, i, j, k); a cell may lie outside
         of the grid
    out: (P, C), and bool (P,) whether any voxel is near
    """
    pooled = []
    found = torch.zeros(len(cells), dtype=torch.bool)
    for row, cell in enumerate(cells):
        apart = (coords[:, 1:] - cell[1:]).abs().sum(1)
        near = (coords[:, 0] == cell[0]) & (apart <= reach)
        found[row] = bool(near.any())
        pooled.append(values[near].amax(0) if found[row] else values.new_zeros(values.shape[1]))
    return torch.stack(pooled) if pooled else values.new_zeros(0, values.shape[1]), found
