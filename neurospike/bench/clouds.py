"""Clouds that the benchmarks run on: a LiDAR frame, and sixteen surfaces as in ModelNet40."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.bench.voxels import POINT_RANGE_M, VOXEL_SIZE_M, scan
from neurospike.encoders import Voxelizer
from neurospike.sparse import ActiveSet

FRAMES = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "kitti"
"""Where a KITTI frame is looked for beside a checkout of the repository."""


def lidar() -> tuple[str, ActiveSet]:
    """The voxels of a KITTI frame where one is at hand, else of a synthetic scan."""
    case, points = lidar_points()
    voxels, _ = Voxelizer(VOXEL_SIZE_M, POINT_RANGE_M)(points[:, :3])
    return case, voxels.active


def lidar_points() -> tuple[str, NDArray[np.float32]]:
    """Points (N, 4) of a KITTI frame where one is at hand, else of a synthetic scan."""
    frames = sorted(FRAMES.rglob("velodyne/*.bin"))
    if not frames:
        return "synthetic scan", scan()
    return "KITTI frame", np.fromfile(frames[0], np.float32).reshape(-1, 4)


def surfaces(clouds: int = 16, points: int = 10_000, edge: int = 100, seed: int = 0) -> ActiveSet:
    """Voxels of turned spheres, tubes, boxes and rings, ``edge`` voxels long, as one batch."""
    rng = np.random.default_rng(seed)
    rows = []
    for sample in range(clouds):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        shape = _SHAPES[sample % len(_SHAPES)](rng, points) @ turn
        shape = shape - shape.min(0)
        cells = np.unique((shape / shape.max() * (edge - 1)).astype(np.int64), axis=0)
        rows.append(np.pad(cells, ((0, 0), (1, 0)), constant_values=sample))
    coords = torch.from_numpy(np.concatenate(rows)).int()
    return ActiveSet(coords, (edge, edge, edge), clouds)


def fresh(active: ActiveSet) -> ActiveSet:
    """The same voxels without any cached map."""
    return ActiveSet(active.coords, active.spatial_shape, active.batch_size)


def spikes(rows: int, channels: int, density: float, seed: int = 0) -> Tensor:
    """Integer spikes 1..4 at a density, float32."""
    draw = torch.Generator().manual_seed(seed)
    fires = torch.rand(rows, channels, generator=draw) < density
    return fires * torch.randint(1, 5, (rows, channels), generator=draw).float()


Points = NDArray[np.float64]


def _sphere(rng: np.random.Generator, n: int) -> Points:
    ball = rng.normal(size=(n, 3))
    unit: Points = ball / np.linalg.norm(ball, axis=1, keepdims=True)
    return unit


def _tube(rng: np.random.Generator, n: int) -> Points:
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.stack([0.7 * np.cos(angle), 0.7 * np.sin(angle), rng.uniform(-1, 1, n)], 1)


def _box(rng: np.random.Generator, n: int) -> Points:
    sides: Points = rng.uniform(-1, 1, (n, 3))
    axis = rng.integers(0, 3, n)
    sides[np.arange(n), axis] = np.sign(sides[np.arange(n), axis])
    return sides


def _ring(rng: np.random.Generator, n: int) -> Points:
    around, across = rng.uniform(0, 2 * np.pi, (2, n))
    reach = 0.7 + 0.3 * np.cos(across)
    return np.stack([reach * np.cos(around), reach * np.sin(around), 0.3 * np.sin(across)], 1)


_SHAPES = (_sphere, _tube, _box, _ring)
