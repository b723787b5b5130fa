"""Streets, written and read in others' layouts: their own labels are perfect in every metric."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import KITTI, SemanticKITTI, Streets
from neurospike.metrics import ConfusionMatrix, kitti_ap
from neurospike.metrics.kitti_result import MEASURES

pytest.importorskip("open3d")

# What open3d's own import warns of is its own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_labels_of_written_streets_are_perfect_detections(tmp_path: Path) -> None:
    streets = Streets(split="val", scans=3, scans_per_world=1, seed=0)
    samples = list(KITTI(root=streets.write_kitti(tmp_path), split="val"))
    assert len(samples) == 3
    labels = [sample["label"] for sample in samples]
    copies = [replace(label, score=np.ones(len(label))) for label in labels]
    # The same from boxes around points, as a detector gives them.
    boxes = [
        sample["calibration"].objects_of(
            sample["boxes"], sample["names"], scores=np.linspace(0.9, 0.1, len(sample["names"]))
        )
        for sample in samples
    ]
    for detections in (copies, boxes):
        # Often enough for 41 objects a class, as the sampling of recall needs.
        result = kitti_ap(labels * 41, detections * 41)
        assert min(result.objects[name, "hard"] for name in result.classes) > 41
        for name, level in result.objects:
            if result.objects[name, level]:
                values = {result[name, m, level, p] for m in MEASURES for p in (40, 11)}
                # Angles that went to the LiDAR's frame and back lost a last digit.
                assert min(values) == pytest.approx(100.0, abs=1e-9), (name, level)


def test_labels_of_written_streets_are_perfect_segments(tmp_path: Path) -> None:
    streets = Streets(split="val", scans=1, seed=0, task="segment")
    streets.write_semantic_kitti(tmp_path)
    confusion = ConfusionMatrix(19)
    read = SemanticKITTI(root=tmp_path, split="val")
    for ours, theirs in zip(streets, read, strict=True):
        confusion.update(theirs["label"], ours["label"])
    assert confusion.mean_iou() == confusion.accuracy() == 1.0
    assert np.isfinite(confusion.iou()).sum() > 5
