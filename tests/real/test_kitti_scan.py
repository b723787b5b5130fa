"""Two KITTI frames: what the loader reads from the real files."""

from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import KITTI, read_velodyne

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "kitti"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/kitti"),
]


def test_both_frames_are_read() -> None:
    frames = KITTI(root=ROOT, split="train")
    assert frames.frames == ("000000", "000001")
    for index, objects in ((0, "Pedestrian"), (1, "Truck")):
        sample, paths = frames[index], frames.paths(index)
        points = sample["points"]
        assert points.dtype == np.float32
        assert points.nbytes == paths["velodyne"].stat().st_size
        assert paths["calib"].is_file()
        assert np.isfinite(points).all()
        assert np.abs(points[:, :3]).max() < 130
        assert 0 <= points[:, 3].min() <= points[:, 3].max() <= 1
        assert sample["label"][0].startswith(objects)
        assert np.array_equal(read_velodyne(paths["velodyne"]), points)
