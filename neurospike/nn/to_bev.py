"""From voxels to the bird's-eye view: height becomes channels."""

from __future__ import annotations

from torch import Tensor, nn

from neurospike.nn.unary import collapse
from neurospike.sparse.voxel_tensor import VoxelTensor


class ToBEV(nn.Module):
    """Write the voxels into a dense map seen from above; a column's voxels become its channels.

    Shape
    -----
    in:  features (N, C) or (T, N, C) on a grid (X, Y, Z)
    out: ([T,] B, Z * C, X, Y), channel z * C + c, zero where no voxel is. In memory the channels
    of a cell lie side by side, as convolutions on the CPU like them best. Unary events are summed
    to integers first.

    Cost
    ----
    Memory of the whole map.

    Examples
    --------
    >>> import torch
    >>> coords = torch.tensor([[0, 0, 0, 0], [0, 1, 2, 1]])
    >>> x = VoxelTensor(coords, torch.tensor([[5.0], [7.0]]), (2, 3, 2), batch_size=1)
    >>> ToBEV()(x)[0, :, 1, 2].tolist()
    [0.0, 7.0]
    """

    def forward(self, x: VoxelTensor) -> Tensor:
        """The map of the features."""
        grid = collapse(x).dense().movedim(-1, -4)  # ([T,] B, Z, C, X, Y)
        return grid.flatten(-4, -3)
