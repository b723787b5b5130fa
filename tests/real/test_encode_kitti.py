"""Both KITTI frames become spikes, are saved and come back bit-equal."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike import models
from neurospike.encoders import Voxelizer, decode_identity, encode_points, load_svc
from neurospike.models.e3dsnn import pad_to_multiple

FRAMES = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "kitti" / "training"
SIZE = (0.05, 0.05, 0.1)
LIMITS = (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FRAMES.is_dir(), reason="no KITTI frames beside the repository"),
]


def scan(frame: str) -> np.ndarray:
    path = FRAMES / "velodyne" / f"{frame}.bin"
    return np.fromfile(path, np.float32).reshape(-1, 4)


@pytest.mark.parametrize("frame", ["000000", "000001"])
def test_a_frame_is_encoded_saved_and_restored(frame: str, tmp_path: Path) -> None:
    table = scan(frame)
    path = tmp_path / f"{frame}.svc"
    report = encode_points(table[:, :3], table[:, 3], voxel_size=SIZE, point_range=LIMITS, out=path)
    print(report)
    result = Voxelizer(SIZE, LIMITS).voxelize(table[:, :3], table[:, 3])
    after = load_svc(path)
    assert torch.equal(after.voxels.coords, result.voxels.coords)
    assert after.voxels.spatial_shape == (1408, 1600, 40)
    assert report.rejected == 0
    assert 40_000 < report.voxels < 45_000
    assert report.svc_bytes < report.raw_bytes / 10

    decoded = decode_identity(after)
    error = (decoded.points - result.voxels.features[:, :3]).abs()
    # Means are float32, whose own rounding is 4e-6 m at 70 m.
    assert bool((error <= torch.tensor(SIZE, dtype=torch.float64) / 8 + 4e-6).all())


@pytest.mark.parametrize("frame", ["000000", "000001"])
def test_every_point_lies_in_its_voxel(frame: str) -> None:
    table = scan(frame)
    result = Voxelizer(SIZE, LIMITS).voxelize(table[:, :3], table[:, 3])
    where = result.point_to_voxel.numpy()
    xyz = table[:, :3].astype(np.float64)
    inside = ((xyz >= LIMITS[:3]) & (xyz < np.array(LIMITS[3:]))).all(axis=1)
    np.testing.assert_array_equal(where >= 0, inside)
    index = np.floor((xyz[inside] - LIMITS[:3]) / SIZE).astype(int)
    coords = result.voxels.coords.numpy()
    np.testing.assert_array_equal(coords[where[inside], 1:], index)
    assert int(result.counts.sum()) == int(inside.sum())


@pytest.mark.parametrize("frame", ["000000", "000001"])
def test_a_network_goes_on_from_the_restored_spikes(frame: str, tmp_path: Path) -> None:
    table = scan(frame)
    torch.manual_seed(0)
    model = models.e3dsnn("T", num_classes=4, in_features=4).eval()
    with torch.no_grad():
        for norm in model.stem.norms:  # untrained norms let next to nothing fire
            norm.weight.fill_(6.0)
    path = tmp_path / f"{frame}.svc"
    report = encode_points(
        table[:, :3],
        table[:, 3],
        voxel_size=SIZE,
        point_range=LIMITS,
        out=path,
        stem=model.stem,
    )
    print(report)
    assert 0 < report.density < 1
    voxels, _ = Voxelizer(SIZE, LIMITS)(table[:, :3], table[:, 3])
    with torch.no_grad():
        expected = model(voxels)
        x = pad_to_multiple(load_svc(path).voxels, model.total_stride)
        for stage in model.stages:
            x = stage(x)
        restored = model.pool(x.replace(model.head(x.features)))
    assert bool(expected.isfinite().all())
    assert torch.equal(expected, restored)
