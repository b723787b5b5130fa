"""Two KITTI frames: what the loader reads from the real files."""

from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import KITTI, difficulty, read_velodyne, write_kitti_frame

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "kitti"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/kitti"),
]


def test_both_frames_are_read() -> None:
    frames = KITTI(root=ROOT, split="train")
    assert frames.frames == ("000000", "000001")
    for index, names in ((0, ("Pedestrian",)), (1, ("Truck", "Car", "Cyclist"))):
        sample, paths = frames[index], frames.paths(index)
        points = sample["points"]
        assert points.dtype == np.float32
        assert points.nbytes == paths["velodyne"].stat().st_size
        assert paths["calib"].is_file()
        assert np.isfinite(points).all()
        assert np.abs(points[:, :3]).max() < 130
        assert 0 <= points[:, 3].min() <= points[:, 3].max() <= 1
        assert sample["names"] == names
        assert sample["label"].names == names + ("DontCare",) * (4 * index)
        assert np.array_equal(read_velodyne(paths["velodyne"]), points)
    assert difficulty(frames[0]["label"]).tolist() == [0]
    assert difficulty(frames[1]["label"]).tolist() == [1, -1, -1, -1, -1, -1, -1]


@pytest.mark.parametrize("index", [0, 1])
def test_boxes_hold_the_points_of_their_objects(index: int) -> None:
    sample = KITTI(root=ROOT)[index]
    expected = ([377], [72, 9, 18])[index]
    found = []
    for x, y, z, length, width, height, yaw in sample["boxes"]:
        shifted = sample["points"][:, :3].astype(np.float64) - (x, y, z)
        along = shifted[:, 0] * np.cos(yaw) + shifted[:, 1] * np.sin(yaw)
        across = shifted[:, 1] * np.cos(yaw) - shifted[:, 0] * np.sin(yaw)
        found.append(
            int(
                (
                    (abs(along) <= length / 2)
                    & (abs(across) <= width / 2)
                    & (abs(shifted[:, 2]) <= height / 2)
                ).sum()
            )
        )
    assert found == expected


@pytest.mark.parametrize("index", [0, 1])
def test_boxes_go_to_the_lidar_and_back(index: int) -> None:
    sample = KITTI(root=ROOT)[index]
    label = sample["label"].chosen(np.array([n != "DontCare" for n in sample["label"].names]))
    again = sample["calibration"].objects_of(sample["boxes"], sample["names"])
    for field in ("location", "dimensions", "rotation_y"):
        assert np.abs(getattr(label, field) - getattr(again, field)).max() < 1e-9
    assert np.abs(label.alpha - again.alpha).max() < 0.01  # labels have two decimals
    # Drawn by hand around what is seen, so that they differ by some pixels from the box's corners.
    assert np.abs(label.bbox - again.bbox).max() < 10
    assert not again.truncated.any()


def test_points_in_the_image() -> None:
    whole, cropped = KITTI(root=ROOT), KITTI(root=ROOT, crop_to_image=True)
    sizes = [(len(a["points"]), len(b["points"])) for a, b in zip(whole, cropped, strict=True)]
    assert sizes == [(115384, 20285), (120268, 18630)]
    # Known by their focal lengths, which differ with the day of recording.
    assert [s["calibration"].image_size for s in whole] == [(1224, 370), (1242, 375)]


def test_frames_written_again_are_the_same(tmp_path: Path) -> None:
    for sample in KITTI(root=ROOT):
        write_kitti_frame(
            tmp_path / "training",
            sample["name"],
            sample["points"],
            sample["label"],
            sample["calibration"],
        )
    for before, after in zip(KITTI(root=ROOT), KITTI(root=tmp_path), strict=True):
        assert np.array_equal(before["points"], after["points"])
        assert np.array_equal(before["boxes"], after["boxes"])
        assert before["calibration"].image_size == after["calibration"].image_size
        assert before["names"] == after["names"]
