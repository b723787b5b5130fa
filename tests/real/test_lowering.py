"""Networks lowered on real data: KITTI frames, chairs and monitors, spoken digits."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike.encoders import Cochlea
from neurospike.hw import lower
from neurospike.models import delay_net, e3dsnn
from neurospike.sparse import VoxelTensor
from tests.hw.lowering.loop import assert_equal
from tests.hw.lowering.test_delays import rounded
from tests.hw.lowering.test_voxels import enliven

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
FRAMES = sorted((DATA / "kitti").rglob("velodyne/*.bin"))[:2]
SHAPES = DATA / "modelnet10_voxels"
DIGITS = sorted((DATA / "fsdd").glob("*_george_0.wav"))[:2]

pytestmark = pytest.mark.real


def frame(path: Path) -> VoxelTensor:
    """The part of a LiDAR frame in front of the car, in voxels of 0.8 x 0.8 x 0.4 m."""
    points = np.fromfile(path, np.float32).reshape(-1, 4).astype(np.float64)
    low, high, size = (0.0, -20.0, -3.0), (40.0, 20.0, 1.0), (0.8, 0.8, 0.4)
    inside = ((points[:, :3] >= low) & (points[:, :3] < high)).all(1)
    cells, first = np.unique(
        ((points[inside, :3] - low) / size).astype(np.int64), axis=0, return_index=True
    )
    coords = torch.from_numpy(np.pad(cells, ((0, 0), (1, 0))))
    features = torch.from_numpy(points[inside][first] / (20.0, 20.0, 2.0, 1.0))
    return VoxelTensor(coords, features, (50, 50, 10), batch_size=1)


@pytest.mark.skipif(not FRAMES, reason="no KITTI scans beside the repository")
@pytest.mark.parametrize("path", FRAMES, ids=lambda p: p.stem)
def test_e3dsnn_on_a_lidar_frame(path: Path) -> None:
    torch.manual_seed(0)
    model = enliven(e3dsnn("T", num_classes=3, in_features=4), bias=0.2)
    network = lower(model, frame(FRAMES[0]))
    assert network.input_shape == (50, 50, 10)
    x = frame(path)
    assert len(x.active) > 500
    assert_equal(network, model, x)


@pytest.mark.skipif(not SHAPES.is_dir(), reason="no modelnet10_voxels beside the repository")
@pytest.mark.parametrize("index", [0, -1])
def test_e3dsnn_on_chairs_and_monitors(index: int) -> None:
    from neurospike.datasets import OccupancyVoxels

    voxels = OccupancyVoxels(SHAPES, split="test")
    torch.manual_seed(0)
    model = enliven(e3dsnn("T", num_classes=2, in_features=3), bias=0.2)

    def sample(at: int) -> VoxelTensor:
        cells = torch.as_tensor(np.asarray(voxels[at % len(voxels)]["coords"])).long()[:, -3:]
        coords = torch.nn.functional.pad(cells, (1, 0))
        features = cells.double() / 16 - 1
        return VoxelTensor.from_unsorted(coords, features, (32, 32, 32), batch_size=1)

    network = lower(model, sample(1))
    assert_equal(network, model, sample(index))


@pytest.mark.skipif(not DIGITS, reason="no spoken digits beside the repository")
@pytest.mark.parametrize("path", DIGITS, ids=lambda p: p.stem)
def test_delay_net_on_spoken_digits(path: Path) -> None:
    from neurospike.datasets import read_wave

    wave, rate = read_wave(path)
    times, units = Cochlea(channels=64, sample_rate=rate)(wave)
    x = torch.zeros(int(times.max() / 0.01) + 1, 1, 64, dtype=torch.float64)
    x.index_put_(
        (
            torch.from_numpy((times / 0.01).astype(np.int64)),
            torch.tensor(0),
            torch.from_numpy(units),
        ),
        torch.tensor(1.0, dtype=torch.float64),
        accumulate=True,
    )
    torch.manual_seed(0)
    net = rounded(delay_net("shd", hidden=32, num_classes=10, in_features=64))
    network = lower(net, x)
    assert not network.populations[0].neuron.real
    assert x.sum() > 100
    assert_equal(network, net, x)
