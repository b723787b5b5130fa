"""The voxeliser in torch, as GPUs have it, against the one on the CPU, bit for bit."""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from neurospike.encoders import RelativeVoxelizer, Voxelization, Voxelizer
from neurospike.encoders.voxelizer import Reduce
from neurospike.errors import ArgumentError
from neurospike.kernels import devices
from neurospike.sparse import VoxelTensor

RANGE = (-2.0, -1.5, -1.0, 2.0, 1.5, 1.0)
SIZE = (0.1, 0.3, 0.7)

SCANS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "kitti"
FRAMES = sorted(SCANS.rglob("velodyne/*.bin"))[:1]


def cloud(rows: int, seed: int = 0, dtype: Any = np.float32) -> tuple[Tensor, Tensor, Tensor]:
    """Points on and off the borders of voxels, some not finite, features, samples in any order."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 1.3, (rows, 3))
    points[::3] = np.round(points[::3] / SIZE) * SIZE
    points[::7] = np.round(points[::7] * 4) / 4
    features = rng.normal(size=(rows, 2))
    if rows > 20:
        points[5, 1], points[11, 0], features[13, 1], points[17] = np.nan, np.inf, -np.inf, np.nan
    samples = rng.choice([0, 2, 3], rows)
    return (
        torch.from_numpy(points.astype(dtype)),
        torch.from_numpy(features.astype(dtype)),
        torch.from_numpy(samples),
    )


def on_device(voxelizer: Voxelizer, device: torch.device, points: Tensor, *given: Any) -> Any:
    values = [part.to(device) if isinstance(part, Tensor) else part for part in (points, *given)]
    named = dict(zip(("points", "features", "batch", "batch_size"), values, strict=False))
    whole: Any = {"features": None, "batch": None, "batch_size": None, **named}
    return voxelizer._on_device(**whole, seed=voxelizer.seed)


def check_same(ours: Voxelization, right: Voxelization) -> None:
    for field in fields(Voxelization):
        one, other = getattr(ours, field.name), getattr(right, field.name)
        if isinstance(one, VoxelTensor):
            assert one.spatial_shape == other.spatial_shape
            assert one.batch_size == other.batch_size
            assert torch.equal(one.coords.cpu(), other.coords)
            assert one.coords.dtype == torch.int32
            assert one.coords.is_contiguous()
            one, other = one.features, other.features
        if isinstance(one, Tensor):
            assert one.dtype == other.dtype
            assert torch.equal(one.cpu(), other), field.name
        else:
            assert one == other, field.name


@pytest.mark.parametrize("reduce", get_args(Reduce))
@pytest.mark.parametrize("limits", [None, RANGE])
@pytest.mark.parametrize("rows", [0, 1, 2, 33, 3000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_are_those_of_the_cpu(
    dtype: Any, rows: int, limits: Any, reduce: Reduce, device: torch.device
) -> None:
    points, features, batch = cloud(rows, seed=rows, dtype=dtype)
    voxelizer = Voxelizer(SIZE, limits, reduce, seed=2**63 - 1)
    for given in ((), (features, None), (features, batch), (features[:, 0], batch, 6)):
        ours = on_device(voxelizer, device, points, *given)
        check_same(ours, voxelizer.voxelize(points, *given))


def test_samples_of_their_own_origin(device: torch.device) -> None:
    points, _, batch = cloud(500, seed=3)
    points = points + 10.0 * batch[:, None]
    ours = on_device(Voxelizer(0.4), device, points, None, batch, 5)
    check_same(ours, Voxelizer(0.4).voxelize(points, None, batch, 5))
    assert ours.origin[1].tolist() == [0.0, 0.0, 0.0]  # a sample without points


@pytest.mark.parametrize("low", [-math.inf, math.nan])
@pytest.mark.parametrize("limits", [None, RANGE])
def test_nothing_left(limits: Any, low: float, device: torch.device) -> None:
    points = torch.full((3, 3), low)
    ours = on_device(Voxelizer(0.5, limits), device, points)
    check_same(ours, Voxelizer(0.5, limits).voxelize(points))
    assert ours.rejected == 3


def test_a_point_just_below_the_range_stays_in_the_last_voxel(device: torch.device) -> None:
    voxelizer = Voxelizer((0.05, 0.05, 0.1), (0.0, -40.0, -3.0, 70.4, 40.0, 1.0))
    points = torch.tensor([[np.nextafter(70.4, 0), 0.0, 0.0], [70.4, 0.0, 0.0], [0.0, -40.0, -3.0]])
    points = torch.cat([points, points.double().nextafter(torch.tensor(math.inf).double())])
    check_same(on_device(voxelizer, device, points), voxelizer.voxelize(points))


def test_corners_of_a_grid_near_the_key_limit(device: torch.device) -> None:
    voxelizer = Voxelizer(1.0, (0, 0, 0, 2.0**20 - 2, 2.0**20 - 2, 2.0**21 - 2))
    ends = [[0.0, edge - 1] for edge in voxelizer.spatial_shape or ()]
    corners = torch.cartesian_prod(*torch.tensor(ends).double()).flip(0)
    check_same(on_device(voxelizer, device, corners), voxelizer.voxelize(corners))


@pytest.mark.parametrize(
    ("points", "features"),
    [
        (torch.float16, torch.bfloat16),
        (torch.int64, torch.uint8),
        (torch.int32, None),
        (torch.float32, torch.float64),
    ],
)
def test_dtypes(points: Any, features: Any, device: torch.device) -> None:
    xyz = torch.arange(12).reshape(4, 3).to(points)
    extra = None if features is None else torch.arange(8).reshape(4, 2).to(features)
    check_same(on_device(Voxelizer(2.0), device, xyz, extra), Voxelizer(2.0).voxelize(xyz, extra))


def test_large_integers_stay_exact(device: torch.device) -> None:
    points = torch.tensor([[2**24, 0, 0], [2**24 + 1, 0, 0]])
    check_same(on_device(Voxelizer(1.0), device, points), Voxelizer(1.0).voxelize(points))


def test_features_and_samples_from_the_host(device: torch.device) -> None:
    points, features, batch = cloud(60)
    ours = Voxelizer(0.4)._on_device(
        points.to(device), features.numpy(), batch.numpy(), None, seed=0
    )
    check_same(ours, Voxelizer(0.4).voxelize(points, features, batch))


def test_relative_features(device: torch.device) -> None:
    points, features, batch = cloud(200)
    voxelizer = RelativeVoxelizer(SIZE, RANGE)
    found = on_device(voxelizer, device, points, features, batch)
    scaled = voxelizer._scaled(found.voxels)
    right = voxelizer.voxelize(points, features, batch).voxels.features
    assert torch.equal(scaled.cpu(), right)


CLOUD = torch.zeros(4, 3)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ((torch.zeros(4, 4),), r"points: must be \(N, 3\).*got \(4, 4\).*further columns"),
        ((torch.zeros(4, 3, dtype=torch.bool),), "points: must be real numbers"),
        ((torch.zeros(4, 3, dtype=torch.complex64),), "points: must be real numbers"),
        ((CLOUD, torch.zeros(3, 1)), "a row a point"),
        ((CLOUD, None, torch.zeros(3, dtype=torch.long)), "one integer a point"),
        ((CLOUD, None, torch.zeros(4)), "one integer a point"),
        ((CLOUD, None, torch.full((4,), 2), 2), "must lie in"),
        ((CLOUD, None, torch.full((4,), -1)), "must lie in"),
        ((CLOUD, None, None, 0), "must count every sample"),
        ((torch.tensor([[1e30, 0, 0], [-1e30, 0, 0]]),), "beyond the key range"),
        (
            (1.7e308 * torch.tensor([[1.0] * 3, [-1.0] * 3], dtype=torch.float64),),
            "beyond the key range",
        ),
    ],
)
def test_bad_arguments_are_named(given: Any, match: str, device: torch.device) -> None:
    with pytest.raises(ArgumentError, match=match):
        on_device(Voxelizer(0.05), device, *given)


def test_numbers_are_filled_in_on_the_device(device: torch.device) -> None:
    made = devices.constants((0.1, 70.4, -3.0), device)
    assert made.dtype == torch.float64
    assert made.tolist() == [0.1, 70.4, -3.0]


@pytest.mark.real
@pytest.mark.skipif(not FRAMES, reason="no KITTI scans beside the repository")
@pytest.mark.parametrize("reduce", get_args(Reduce))
def test_a_scan_of_a_street(reduce: Reduce, device: torch.device) -> None:
    table = torch.from_numpy(np.fromfile(FRAMES[0], np.float32).reshape(-1, 4))
    points, features = table[:, :3], table[:, 3:]
    voxelizer = Voxelizer((0.05, 0.05, 0.1), (0.0, -40.0, -3.0, 70.4, 40.0, 1.0), reduce)
    ours = on_device(voxelizer, device, points, features)
    assert len(ours.counts) > 40_000
    check_same(ours, voxelizer.voxelize(points, features))
