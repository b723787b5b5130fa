"""Two real KITTI frames: their labels against themselves, and overlaps of their boxes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import KITTI
from neurospike.metrics import kitti_ap, rotated_iou, rotated_nms

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "kitti"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/kitti"),
]


def test_labels_find_themselves() -> None:
    labels = [sample["label"] for sample in KITTI(root=ROOT, split="train")]
    detections = [replace(label, score=np.ones(len(label))) for label in labels]
    once = kitti_ap(labels, detections)
    assert once.objects["Pedestrian", "easy"] == 1
    # One object fills one of the recall positions, recall 0, which 40 positions leave out.
    assert once["Pedestrian", "3d", "easy", 11] == pytest.approx(100 / 11)
    assert once["Pedestrian", "3d", "easy", 40] == 0.0
    often = kitti_ap(labels * 41, detections * 41)
    assert often["Pedestrian", "3d", "easy", 40] == 100.0
    assert often["Pedestrian", "aos", "easy", 11] == 100.0
    for (name, level), count in often.objects.items():
        assert not count or often[name, "3d", level, 40] == 100.0


def test_boxes_of_a_street_stand_apart() -> None:
    for sample in KITTI(root=ROOT, split="train"):
        boxes = sample["boxes"]
        np.testing.assert_array_equal(rotated_iou(boxes, boxes), np.eye(len(boxes)))
        scores = np.arange(len(boxes))
        assert rotated_nms(boxes, scores, 0.0).tolist() == scores[::-1].tolist()
