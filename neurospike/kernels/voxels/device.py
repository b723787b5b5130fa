"""Points into voxels in torch, on the device of the points: bits as ``numba.py`` has them.

Keys are sorted stably and a voxel's points summed one after the other in float64, so that nothing
depends on the order in which a GPU's threads run. The host waits in ``group`` alone.

Numbers to divide by are tensors: torch multiplies a GPU's tensor by a number's reciprocal instead.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from neurospike.kernels.voxels.reference import CROPPED, REJECTED, row_hash

_LAST = 2**63 - 1  # where keys of points without a voxel are sorted to


class Groups(NamedTuple):
    """Points by voxel: V voxels of M points, of N in all."""

    keys: Tensor
    """int64 (V,), ascending."""
    order: Tensor
    """int64 (M,): points ordered by voxel and, within a voxel, by row."""
    number: Tensor
    """int64 (M,): the voxel of each of them."""
    starts: Tensor
    """int64 (V + 1,): where each voxel starts in that order."""
    point_to_voxel: Tensor
    """int64 (N,): the voxel of each point, -1 without one."""
    rejected: int
    """Points with a number that is not finite."""


def sample_bounds(rows: Tensor, batch: Tensor | None, batch_size: int) -> tuple[Tensor, Tensor]:
    """Smallest and largest xyz, float64 (B, 3), of every sample's finite rows; else (inf, -inf)."""
    low = torch.full((batch_size, 3), torch.inf, dtype=torch.float64, device=rows.device)
    high = -low
    if len(rows) == 0:
        return low, high
    finite, xyz = rows.isfinite().all(1), rows[:, :3].double()
    for sample in range(batch_size if batch is not None else 1):
        mine = (finite if batch is None else finite & (batch == sample))[:, None]
        low[sample] = torch.where(mine, xyz, torch.inf).amin(0)
        high[sample] = torch.where(mine, xyz, -torch.inf).amax(0)
    return low, high


def own_grid(
    rows: Tensor, batch: Tensor | None, batch_size: int, size: Tensor
) -> tuple[Tensor, Tensor, list[float]]:
    """Of clouds without a range: origins (B, 3), infinite limits (3,) and the edges in voxels.

    The host waits for the edges.
    """
    origin, largest = sample_bounds(rows, batch, batch_size)
    last = torch.floor((largest - origin) / size)
    edges: list[float] = (torch.cat([last, torch.zeros_like(size)[None]]).amax(0) + 1).tolist()
    return origin, torch.full_like(size, torch.inf), edges


def point_keys(
    rows: Tensor,
    batch: Tensor | None,
    origin: Tensor,
    high: Tensor,
    size: Tensor,
    shape: tuple[int, int, int],
) -> Tensor:
    """int64 (N,) row-major keys (batch, i, j, k); CROPPED or REJECTED where a point has none."""
    finite, xyz = rows.isfinite().all(1), rows[:, :3].double()
    start = origin[:1] if batch is None else origin[batch]
    inside = finite & ((xyz >= start) & (xyz < high)).all(1)
    index = torch.where(inside[:, None], torch.floor((xyz - start) / size), 0.0).long()
    key = torch.zeros_like(index[:, 0]) if batch is None else batch
    for axis in range(3):
        key = key * shape[axis] + index[:, axis].clamp(max=shape[axis] - 1)
    return torch.where(inside, key, torch.where(finite, CROPPED, REJECTED))


def group(keys: Tensor) -> Groups:
    """Group points by key; the host waits once, for the numbers of voxels and points."""
    kept = keys >= 0
    ordered, order = torch.where(kept, keys, _LAST).sort(stable=True)
    fresh = ordered != _LAST
    fresh[1:] &= ordered[1:] != ordered[:-1]
    sizes = torch.stack([fresh.sum(), kept.sum(), (keys == REJECTED).sum()])
    voxels, points, rejected = sizes.tolist()
    order, number = order[:points], (fresh.cumsum(0) - 1)[:points]
    starts = torch.searchsorted(number, torch.arange(voxels + 1, device=keys.device))
    point_to_voxel = torch.full_like(keys, -1).scatter_(0, order, number)
    return Groups(ordered[starts[:-1]], order, number, starts, point_to_voxel, rejected)


def segment_mean(rows: Tensor, groups: Groups, dtype: torch.dtype) -> Tensor:
    """Mean row of every voxel: summed in float64 in the order of its points, rounded once."""
    if len(groups.keys) == 0:
        return rows.new_empty(0, rows.shape[1], dtype=dtype)
    # One thread a voxel and channel adds its points up in order, on CUDA too.
    means: Tensor = torch.segment_reduce(
        rows[groups.order].double(), "mean", offsets=groups.starts, axis=0, unsafe=True
    )
    return means.to(dtype)


def segment_random(groups: Groups, seed: int) -> Tensor:
    """One point of every voxel: the one whose hash of (seed, row) is smallest."""
    by_hash = row_hash(groups.order, seed).sort(stable=True).indices
    by_voxel = groups.number[by_hash].sort(stable=True).indices
    chosen: Tensor = groups.order[by_hash[by_voxel[groups.starts[:-1]]]]
    return chosen
