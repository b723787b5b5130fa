"""The grid of a voxeliser: how many voxels cover a range, and whether their keys fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neurospike.errors import ArgumentError

_KEY_LIMIT = 2**62
_EDGE_LIMIT = 2**31 - 1  # coordinates are int32
_SNAP = 1e-6  # a range this close to a whole number of voxels is one: 70.4 / 0.05


def range_shape(
    point_range: tuple[float, ...], voxel_size: tuple[float, float, float]
) -> tuple[int, int, int]:
    """As many voxels along each axis as cover the range."""

    def cells(low: float, high: float, size: float) -> int:
        quotient = min((high - low) / size, 2.0**62)
        nearest = round(quotient)
        return max(nearest if abs(quotient - nearest) <= _SNAP else math.ceil(quotient), 1)

    x, y, z = map(cells, point_range[:3], point_range[3:], voxel_size)
    return x, y, z


def whole_edges(counts: list[float]) -> tuple[int, int, int]:
    """Numbers of voxels that may be infinite."""
    x, y, z = (int(min(count, 2.0**62)) for count in counts)
    return x, y, z


def three_edges(voxel_size: float | Sequence[float]) -> tuple[float, float, float]:
    """Edges of a voxel in metres."""
    try:
        edges = np.broadcast_to(np.asarray(voxel_size, np.float64), (3,)).tolist()
    except (TypeError, ValueError):
        edges = []
    if len(edges) != 3 or not all(0 < edge < math.inf for edge in edges):
        raise ArgumentError(
            "Voxelizer.voxel_size: must be a positive edge in metres, or three of them; "
            f"got {voxel_size!r}."
        )
    return edges[0], edges[1], edges[2]


def six_limits(point_range: Sequence[float]) -> tuple[float, ...]:
    """Limits of a range in metres, the lower three first."""
    try:
        limits = tuple(float(limit) for limit in point_range)
    except (TypeError, ValueError):
        limits = ()
    finite = len(limits) == 6 and all(math.isfinite(limit) for limit in limits)
    if not finite or any(low >= high for low, high in zip(limits[:3], limits[3:], strict=True)):
        raise ArgumentError(
            "Voxelizer.point_range: must be (x_low, y_low, z_low, x_high, y_high, z_high) in "
            f"metres with each low below its high; got {point_range!r}."
        )
    return limits


def check_seed(seed: int) -> int:
    """A seed of random choices."""
    if not 0 <= seed < 2**63:
        raise ArgumentError(f"Voxelizer.seed: must lie in [0, 2^63); got {seed}.")
    return int(seed)


def check_grid(
    shape: tuple[int, int, int], batch_size: int, voxel_size: tuple[float, float, float]
) -> None:
    """Keys keep room for the halo of one voxel that kernel maps add."""
    cells = max(batch_size, 1) * math.prod(edge + 2 for edge in shape)
    if cells >= _KEY_LIMIT or max(shape) > _EDGE_LIMIT:
        raise ArgumentError(
            f"Voxelizer.voxel_size: {voxel_size} makes a grid of {shape} voxels x batch "
            f"{batch_size}, beyond the key range of 2^62 cells and 2^31 - 1 an edge; use coarser "
            "voxels, or crop stray points with point_range."
        )
