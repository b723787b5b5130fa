"""The largest values among the voxels near a cell in torch, on any device, without waiting for it.

Values and gradients have the bits of ``query_numba.py``: neighbours are met in the same order, and
each voxel adds up the gradients of its points one after the other.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from neurospike.kernels.autocast import widened

Shape3 = tuple[int, int, int]


def neighbourhood_max(
    values: Tensor, keys: Tensor, cells: Tensor, shape: Shape3, *, reach: int
) -> tuple[Tensor, Tensor]:
    """Largest values (P, C) near each cell, and int64 (P, C), the row of each number, or -1.

    Shape
    -----
    values (N, C) of voxels with ascending keys (N,) on a grid; cells (P, 4)
    """
    best = values.new_zeros(len(cells), values.shape[1])
    source = torch.full(best.shape, -1, dtype=torch.int64, device=values.device)
    if len(keys) == 0:
        return best, source
    for rows in _near(keys, cells, shape, reach):
        here, row = values[rows.clamp(min=0)], rows[:, None]
        larger = (row >= 0) & ((source < 0) | (here > best))
        best, source = torch.where(larger, here, best), torch.where(larger, row, source)
    return best, source


def give_back(grads: Tensor, source: Tensor, rows: int) -> Tensor:
    """(rows, C): each number's gradient (P, C) added to the row that it came from."""
    channels = grads.shape[1]
    if grads.numel() == 0:
        return grads.new_zeros(rows, channels)
    column = torch.arange(channels, device=grads.device)
    target = torch.where(source < 0, rows * channels, source * channels + column).flatten()
    target, order = target.sort(stable=True)
    ends = torch.searchsorted(target, torch.arange(rows * channels + 1, device=grads.device))
    sums: Tensor = torch.segment_reduce(
        widened(grads).flatten()[order, None], "sum", offsets=ends, axis=0, unsafe=True
    )
    return sums.reshape(rows, channels).to(grads.dtype)


def _near(keys: Tensor, cells: Tensor, shape: Shape3, reach: int) -> Tensor:
    """int64 (D, P): the row of the voxel at each place around a cell, or -1, ascending in D."""
    steps = torch.arange(-reach, reach + 1, device=keys.device)
    cube = torch.cartesian_prod(steps, steps, steps)
    # Places near enough come first, in their order; how many they are the host can tell.
    places = [range(-reach, reach + 1)] * 3
    near = sum(abs(i) + abs(j) + abs(k) <= reach for i, j, k in product(*places))
    order = (cube.abs().sum(1) > reach).sort(stable=True).indices[:near]
    site = cells[:, 1:].long() + cube[order][:, None]
    i, j, k = site.unbind(-1)
    inside = (i >= 0) & (i < shape[0]) & (j >= 0) & (j < shape[1]) & (k >= 0) & (k < shape[2])
    wanted = ((cells[:, 0].long() * shape[0] + i) * shape[1] + j) * shape[2] + k
    at = torch.searchsorted(keys, wanted.contiguous()).clamp(max=len(keys) - 1)
    return torch.where(inside & (keys[at] == wanted), at, -1)
