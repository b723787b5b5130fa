"""Voxel queries: what stands near a cell of a sparse grid."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.kernels.autocast import widened
from neurospike.sparse import VoxelTensor


class VoxelQuery(nn.Module):
    """The largest value of each channel among the voxels near given cells.

    Parameters
    ----------
    reach
        How far a voxel may be, as a sum of the differences of the three indices.

    Shape
    -----
    in:  VoxelTensor, features (N, C) or (T, N, C), and int64 cells (P, 4) as (batch, i, j, k),
         which may lie outside of the grid
    out: (P, C) or (T, P, C), zeros where no voxel is near; and bool (P,), whether one is

    Raises
    ------
    ArgumentError
        A reach below 0, cells of another shape.

    Cost
    ----
    The occupied voxels near each cell; an index of the grid's columns, built once a set of voxels.
    On a GPU, a search for each place within the reach; the host does not wait.

    Source
    ------
    Deng et al., Voxel R-CNN, AAAI 2021, arXiv:2012.15712. Departure: every voxel within the reach
    counts, where the paper takes at most 16 within a larger one.

    Examples
    --------
    >>> coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 2]])
    >>> x = VoxelTensor(coords, torch.tensor([[3.0], [5.0]]), (4, 4, 4), batch_size=1)
    >>> pooled, found = VoxelQuery(reach=1)(x, torch.tensor([[0, 0, 0, 1], [0, 3, 3, 3]]))
    >>> pooled.flatten().tolist(), found.tolist()
    ([5.0, 0.0], [True, False])
    """

    def __init__(self, reach: int = 2) -> None:
        super().__init__()
        if reach < 0:
            raise ArgumentError(f"VoxelQuery.reach: must be 0 or more; got {reach}.")
        self.reach = int(reach)

    def forward(self, x: VoxelTensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        if cells.ndim != 2 or cells.shape[1] != 4 or cells.dtype.is_floating_point:
            raise ArgumentError(
                "VoxelQuery.cells: must be integers (P, 4) as (batch, i, j, k); got "
                f"{cells.dtype} {tuple(cells.shape)}."
            )
        values = widened(x.features)
        steps = 1 if values.ndim == 2 else len(values)
        if values.ndim == 3:  # the steps of a voxel side by side
            values = values.movedim(0, 1).flatten(1)
        largest: Any = _Max if values.device.type == "cpu" else _MaxOnDevice
        pooled, found = largest.apply(values, x, cells, self.reach)
        if x.features.ndim == 3:
            pooled = pooled.unflatten(1, (steps, -1)).movedim(1, 0)
        return pooled.to(x.features.dtype), found

    def extra_repr(self) -> str:
        """What the representation shows."""
        return f"reach={self.reach}"


class _Max(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, x: VoxelTensor, cells: Tensor, reach: int
    ) -> tuple[Tensor, Tensor]:
        from neurospike.kernels.voxels import query_numba

        values = values.detach().contiguous()
        out = values.new_empty(len(cells), values.shape[1])
        source = torch.empty(out.shape, dtype=torch.int32)
        shape = x.spatial_shape
        query_numba.neighbourhood_max(
            values.numpy(), x.coords[:, 3].long().numpy(), _column_starts(x).numpy(),
            torch.tensor(shape[:2]).numpy(), cells.cpu().long().contiguous().numpy(), reach,
            out.numpy(), source.numpy(),
        )  # fmt: skip
        ctx.source, ctx.rows = source, len(values)
        found = _found(source)
        ctx.mark_non_differentiable(found)
        return out, found

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None, None, None]:
        from neurospike.kernels.voxels import query_numba

        given = grads[0].detach().contiguous()
        out = torch.zeros(ctx.rows, given.shape[1], dtype=given.dtype)
        query_numba.give_back(given.numpy(), ctx.source.numpy(), out.numpy())
        return out, None, None, None


class _MaxOnDevice(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, x: VoxelTensor, cells: Tensor, reach: int
    ) -> tuple[Tensor, Tensor]:
        from neurospike.kernels.voxels import query_device

        out, source = query_device.neighbourhood_max(
            values, x.active.keys, cells, x.spatial_shape, reach=reach
        )
        ctx.source, ctx.rows = source, len(values)
        found = _found(source)
        ctx.mark_non_differentiable(found)
        return out, found

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None, None, None]:
        from neurospike.kernels.voxels import query_device

        return query_device.give_back(grads[0], ctx.source, ctx.rows), None, None, None


def _found(source: Tensor) -> Tensor:
    """Whether any voxel is near: bool (P,)."""
    return source[:, 0] >= 0 if source.shape[1] else source.new_zeros(len(source)).bool()


def _column_starts(x: VoxelTensor) -> Tensor:
    """int64 (batch * X * Y + 1,): rows of column c are starts[c]:starts[c + 1]."""

    def build() -> Tensor:
        edges = x.spatial_shape
        columns = torch.div(x.active.keys, edges[2], rounding_mode="floor")
        counts = torch.bincount(columns, minlength=x.batch_size * edges[0] * edges[1])
        return torch.cat([counts.new_zeros(1), counts.cumsum(0)])

    return x.active.cached("column_starts", build)
