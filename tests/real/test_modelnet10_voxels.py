"""Chairs and monitors of ModelNet10: what the loader finds in the real files."""

from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import OccupancyVoxels
from neurospike.datasets.transforms import turn_and_thin_voxels

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "modelnet10_voxels"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/modelnet10_voxels"),
]


def test_empty_and_repeated_samples_are_removed() -> None:
    train = OccupancyVoxels(ROOT, split="train", validation=0)
    assert len(train.empty) == 2
    assert len(train.duplicates) == 39
    test = OccupancyVoxels(ROOT, split="test")
    assert len(train) + len(test) == 711 + 372 - 2 - 39
    grids = {voxels.occupancy(i).tobytes() for voxels in (train, test) for i in range(len(voxels))}
    assert len(grids) == len(train) + len(test)
    assert b"\x01" in min(grids)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_splits_are_stratified(seed: int) -> None:
    splits = {
        split: OccupancyVoxels(ROOT, split=split, seed=seed, validation=0)
        for split in ("train", "test")
    }
    shares = [float((voxels.labels == 0).mean()) for voxels in splits.values()]
    assert abs(shares[0] - shares[1]) < 0.002
    assert len(splits["test"]) / 1042 == pytest.approx(0.2, abs=0.001)


def test_samples_turn_and_thin_to_256_voxels() -> None:
    voxels = OccupancyVoxels(ROOT, split="test")
    assert voxels.classes == ("chair", "monitor")
    assert voxels.grid == (32, 32, 32)
    for index in range(0, len(voxels), 20):
        coords = voxels[index]["coords"]
        points = turn_and_thin_voxels(coords, np.random.default_rng(index))
        assert points.shape == (min(256, len(coords)), 3)
        assert np.abs(points).max() < 16 * 3**0.5
