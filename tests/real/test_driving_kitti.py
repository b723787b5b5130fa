"""Two KITTI frames through loader, detector, evaluation and view."""

from pathlib import Path

import numpy as np
import pytest

from neurospike import metrics, models, viz
from neurospike.cli.main import main
from neurospike.datasets import KITTI
from neurospike.datasets.kitti_labels import read_objects
from neurospike.runtime import read_boxes, write_boxes

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "kitti"
FOLDER = ROOT / "training"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/kitti"),
]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small network that has learnt nothing: what it finds is of the right form."""
    model = models.create(
        "e3dsnn_detector", voxel_size=(0.2, 0.2, 0.2), stem=4, channels=(4, 8), blocks=1,
        out_channels=8, bev_channels=(8,), bev_layers=(1,), up_channels=8,
    )  # fmt: skip
    models.save(model, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("frame", ["000000", "000001"])
def test_a_frame_is_detected_and_seen(frame: str, checkpoint: Path, tmp_path: Path) -> None:
    scan, calib = FOLDER / "velodyne" / f"{frame}.bin", FOLDER / "calib" / f"{frame}.txt"
    boxes, result = tmp_path / "boxes.json", tmp_path / "result.txt"
    camera = ["--calib", str(calib)]
    arguments = ["--ckpt", str(checkpoint), "--score", "0", "--out", str(boxes)]
    assert main(["detect", str(scan), *arguments, *camera, "--kitti-out", str(result)]) == 0
    found = read_boxes(boxes)
    assert found.meta["points"] - found.meta["outside_image"] > 18_000
    assert len(found.boxes) == 100
    objects = read_objects(result)
    assert 0 < len(objects) <= 100
    index = int(frame)
    table = metrics.kitti_ap([KITTI(root=ROOT)[index]["label"]], [objects])
    assert "Car" in table.table()
    labels = ["--labels", str(FOLDER / "label_2" / f"{frame}.txt"), *camera]
    picture = tmp_path / "view.png"
    arguments = ["--boxes", str(boxes), *labels, "--out", str(picture)]
    assert main(["view", str(scan), *arguments]) == 0
    assert picture.stat().st_size > 100_000


@pytest.mark.parametrize("index", [0, 1])
def test_true_boxes_return_through_the_file(index: int, tmp_path: Path) -> None:
    sample = KITTI(root=ROOT)[index]
    path = tmp_path / "true.json"
    write_boxes(path, sample["boxes"], sample["names"], None, classes=sample["names"])
    held = read_boxes(path)
    back = sample["calibration"].boxes_to_lidar(
        sample["calibration"].objects_of(held.boxes, held.names)
    )
    assert np.allclose(back, sample["boxes"], atol=1e-5)


def test_labels_of_a_frame_are_drawn_around_their_points() -> None:
    sample = KITTI(root=ROOT)[0]
    shown = viz.scan_scene(
        sample["points"], labelled=viz.scene_boxes(sample["boxes"], sample["names"])
    )
    assert shown.labelled is not None
    x, y, _, length, width, _, yaw = shown.labelled.boxes[0]
    turned = (shown.points[:, :2] - (x, y)) @ np.array(
        [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    )
    assert (np.abs(turned) < (length / 2, width / 2)).all(axis=1).sum() > 300
