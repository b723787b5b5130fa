"""Voxelisers side by side, on a scan as a 64-beam LiDAR makes it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.bench.harness import interleave, row
from neurospike.encoders import Voxelizer

Candidates = dict[str, Callable[[], object]]
Floats = NDArray[np.float32]

VOXEL_SIZE_M = (0.05, 0.05, 0.1)
POINT_RANGE_M = (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)
OURS = "neurospike"


def scan(seed: int = 0) -> Floats:
    """115,200 points (x, y, z, intensity) of 64 beams over ground, walls and some boxes."""
    rng = np.random.default_rng(seed)
    elevation = np.deg2rad(np.linspace(2.0, -24.8, 64))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, 1800, endpoint=False)[None, :]
    height = 1.73
    ground = np.where(elevation < 0, height / np.tan(np.minimum(elevation, -1e-3) * -1), np.inf)
    walls = 12.0 / np.maximum(np.abs(np.sin(azimuth)), 0.15)
    boxes = np.full(azimuth.shape, np.inf)
    for centre, distance in zip(rng.uniform(-1, 1, 25), rng.uniform(5, 50, 25), strict=True):
        boxes = np.where(np.abs(azimuth - centre) < 1.5 / distance, distance, boxes)
    reach = np.minimum(np.minimum(ground, walls), np.minimum(boxes, 75.0))
    reach = reach + rng.normal(0, 0.02, reach.shape)
    points = np.stack(
        [
            reach * np.cos(azimuth),
            reach * np.sin(azimuth),
            reach * np.tan(elevation),
            rng.random(reach.shape),
        ],
        axis=-1,
    )
    return points.reshape(-1, 4).astype(np.float32)


def cases(points: Floats | None = None) -> dict[str, Candidates]:
    """Candidates by case, ours first; peers that are not installed are left out.

    Every candidate of the first case finds occupied voxels, each point's voxel, and the mean of
    coordinates and intensity. In the second ours does the same work, and the peer gathers at
    most five points of each voxel without averaging them.
    """
    cloud = scan() if points is None else points
    voxelizer = Voxelizer(VOXEL_SIZE_M, POINT_RANGE_M)
    kept = _crop(cloud)
    ours: Callable[[], object] = lambda: voxelizer(cloud[:, :3], cloud[:, 3:])  # noqa: E731
    means: Candidates = {
        OURS: ours,
        "numpy.unique, int64 keys": lambda: _numpy_means(_crop(cloud), keyed=True),
        "numpy.unique, rows": lambda: _numpy_means(_crop(cloud), keyed=False),
    }
    if find_spec("open3d"):
        means["open3d, voxel_down_sample_and_trace"] = _open3d(kept)
    found = {"means, points to voxels": means}
    if find_spec("spconv"):
        found["points of each voxel"] = {OURS: ours, "spconv, PointToVoxel on CPU": _spconv(cloud)}
    return found


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """A row a case and peer: medians in milliseconds, and how many times ours is faster."""
    rows = []
    for case, candidates in cases().items():
        timings = interleave(candidates, repeats)
        ours = timings.pop(OURS)
        title = f"voxelise 115,200 points: {case}"
        rows += [row(title, peer, ours, timing) for peer, timing in timings.items()]
    return rows


def _crop(cloud: Floats) -> Floats:
    low, high = np.array(POINT_RANGE_M[:3]), np.array(POINT_RANGE_M[3:])
    inside: Floats = cloud[((cloud[:, :3] >= low) & (cloud[:, :3] < high)).all(axis=1)]
    return inside


def _numpy_means(kept: Floats, *, keyed: bool) -> tuple[Any, Any, Any]:
    """Voxels, each point's voxel, and mean rows, as one would write them in numpy."""
    low, size = np.array(POINT_RANGE_M[:3]), np.array(VOXEL_SIZE_M)
    index = np.floor((kept[:, :3].astype(np.float64) - low) / size).astype(np.int64)
    if keyed:
        shape = np.round((np.array(POINT_RANGE_M[3:]) - low) / size).astype(np.int64)
        keys = (index[:, 0] * shape[1] + index[:, 1]) * shape[2] + index[:, 2]
        voxels, inverse = np.unique(keys, return_inverse=True)
    else:
        voxels, inverse = np.unique(index, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    counts = np.bincount(inverse)
    means = [np.bincount(inverse, kept[:, c].astype(np.float64)) / counts for c in range(4)]
    return voxels, inverse, np.stack(means, axis=1).astype(np.float32)


def _open3d(kept: Floats) -> Callable[[], object]:
    """Open3D averages colours beside coordinates: intensity travels as one."""
    import open3d

    cloud = open3d.geometry.PointCloud()
    cloud.points = open3d.utility.Vector3dVector(kept[:, :3].astype(np.float64))
    cloud.colors = open3d.utility.Vector3dVector(np.repeat(kept[:, 3:], 3, 1).astype(np.float64))
    low, high = np.array(POINT_RANGE_M[:3]), np.array(POINT_RANGE_M[3:])
    # It takes one edge for all axes: the finest here.
    return lambda: cloud.voxel_down_sample_and_trace(min(VOXEL_SIZE_M), low, high)


def _spconv(cloud: Floats) -> Callable[[], object]:
    import torch
    from spconv.pytorch.utils import PointToVoxel

    generator = PointToVoxel(list(VOXEL_SIZE_M), list(POINT_RANGE_M), 4, 100_000, 5)
    points = torch.from_numpy(cloud)
    return lambda: generator(points)
