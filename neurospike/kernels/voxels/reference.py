"""The slow oracle of ``kernels.voxels.numba``, in readable torch; results are equal bit for bit."""

from __future__ import annotations

import torch
from torch import Tensor

CROPPED = -1
REJECTED = -2

_MIX_STEP = 0x9E3779B97F4A7C15 - 2**64
_MIX_A = 0xBF58476D1CE4E5B9 - 2**64
_MIX_B = 0x94D049BB133111EB - 2**64


def sample_bounds(rows: Tensor, batch: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
    """Smallest and largest xyz of every sample, float64 (B, 3), over its finite rows.

    A sample without finite rows keeps (+inf, -inf).
    """
    low = torch.full((batch_size, 3), torch.inf, dtype=torch.float64)
    high = torch.full((batch_size, 3), -torch.inf, dtype=torch.float64)
    finite = rows.isfinite().all(1)
    for sample in range(batch_size):
        xyz = rows[finite & (batch == sample), :3].double()
        if len(xyz):
            low[sample], high[sample] = xyz.amin(0), xyz.amax(0)
    return low, high


def point_keys(
    rows: Tensor,
    batch: Tensor,
    origin: Tensor,
    high: Tensor,
    size: Tensor,
    shape: tuple[int, int, int],
) -> Tensor:
    """int64 (N,) row-major keys (batch, i, j, k); CROPPED or REJECTED where a point has none.

    A point belongs to the grid where origin <= xyz < high. The quotient of a point just below
    ``high`` may round up to the edge of the grid: such a point falls into the last voxel.
    """
    finite = rows.isfinite().all(1)
    xyz = rows[:, :3].double().nan_to_num()
    start = origin[batch]
    inside = ((xyz >= start) & (xyz < high)).all(1)
    edges = torch.tensor(shape)
    index = torch.floor((xyz - start) / size).nan_to_num(0.0, 0.0, 0.0)
    index = torch.where(inside[:, None], index, 0.0).long().minimum(edges - 1)
    x, y, z = shape
    keys = ((batch * x + index[:, 0]) * y + index[:, 1]) * z + index[:, 2]
    return torch.where(finite, torch.where(inside, keys, CROPPED), REJECTED)


def group(keys: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Group rows by key.

    Returns ascending voxel keys (V,); the kept rows ordered by key and, within a key, by row
    (M,); where each voxel starts in that order (V + 1,); each row's voxel, -1 without one (N,).
    """
    kept = (keys >= 0).nonzero()[:, 0]
    ordered, by_key = keys[kept].sort(stable=True)
    voxels, inverse, counts = torch.unique(ordered, return_inverse=True, return_counts=True)
    starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    order = kept[by_key]
    point_to_voxel = torch.full_like(keys, -1)
    point_to_voxel[order] = inverse
    return voxels, order, starts, point_to_voxel


def segment_mean(rows: Tensor, order: Tensor, starts: Tensor, dtype: torch.dtype) -> Tensor:
    """Mean row of every voxel: summed in float64 in the given order, rounded once at the end."""
    counts = starts[1:] - starts[:-1]
    voxel = torch.arange(len(counts)).repeat_interleave(counts)
    sums = torch.zeros(len(counts), rows.shape[1], dtype=torch.float64)
    sums.index_add_(0, voxel, rows[order].double())
    return (sums / counts[:, None]).to(dtype)


def segment_random(order: Tensor, starts: Tensor, seed: int) -> Tensor:
    """One row of every voxel: the one whose hash of (seed, row) is smallest."""
    score = row_hash(order, seed)
    picks = [
        int(order[a + int(score[a:b].argmin())])
        for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
    return torch.tensor(picks, dtype=torch.int64)


def row_hash(rows: Tensor, seed: int) -> Tensor:
    """Counter-based random numbers, int64 in [0, 2^63).

    Source
    ------
    The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), applied to seed and row.
    """
    x = _mix(torch.full_like(rows, seed) + _MIX_STEP) + rows * _MIX_STEP
    return _shift_right(_mix(x), 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift_right(x, 30)) * _MIX_A
    x = (x ^ _shift_right(x, 27)) * _MIX_B
    return x ^ _shift_right(x, 31)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    kept: Tensor = (x >> bits) & (2 ** (64 - bits) - 1)
    return kept
