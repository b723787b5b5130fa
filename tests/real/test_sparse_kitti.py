"""Sparse convolutions on real LiDAR frames: the kernels against torch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike import nn
from neurospike.kernels.sparse import select
from neurospike.sparse import VoxelTensor

SCANS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "kitti"
LOW, HIGH, SIZE = (0.0, -40.0, -3.0), (70.4, 40.0, 1.0), (0.05, 0.05, 0.1)
FRAMES = sorted(SCANS.rglob("velodyne/*.bin"))[:2]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FRAMES, reason="no KITTI scans beside the repository"),
]


def voxels(path: Path) -> VoxelTensor:
    points = np.fromfile(path, np.float32).reshape(-1, 4).astype(np.float64)
    inside = ((points[:, :3] >= LOW) & (points[:, :3] < HIGH)).all(1)
    cells = np.floor((points[inside, :3] - LOW) / SIZE).astype(np.int64)
    cells = np.unique(np.minimum(cells, (1407, 1599, 39)), axis=0)
    coords = torch.from_numpy(np.pad(cells, ((0, 0), (1, 0))))
    features = torch.randn(len(cells), 4, generator=torch.Generator().manual_seed(0))
    return VoxelTensor(coords, features, (1408, 1600, 40), batch_size=1)


@pytest.mark.parametrize("path", FRAMES, ids=lambda p: p.stem)
def test_a_frame_goes_down_and_up_as_in_torch(path: Path) -> None:
    torch.manual_seed(0)
    flat = nn.SubmanifoldConv3d(4, 16)
    down = nn.SparseConv3d(16, 24, kernel_size=3, stride=2, padding=1)
    up = nn.SparseInverseConv3d(24, 8, of=down)
    results = []
    for backend in ("auto", "reference"):
        x = voxels(path)
        assert 40_000 < len(x.active) < 45_000
        leaf = x.features.requires_grad_()
        with select.backend(backend):
            y = up(down(flat(x)))
        assert y.active is x.active
        weights = (leaf, flat.weight, down.weight, up.weight)
        results.append((y.features, *torch.autograd.grad(y.features.square().sum(), weights)))
    for found, wanted in zip(*results, strict=True):
        assert (found - wanted).abs().max() <= 2e-5 * wanted.abs().max()
