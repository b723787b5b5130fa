import pickle
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.train import parse_recipe
from neurospike.train.detection import APMeter, DetectTask, Targets, objects_found
from neurospike.train.samples import build_loader
from neurospike.train.scan_sections import DetectPart, ScanPart
from neurospike.train.tasks import build_task
from tests.train.scenes import RANGE, Scenes

CLASSES = ("Car", "Pedestrian")
SCAN = ScanPart(voxel_size=(0.2, 0.2, 0.4), point_range=RANGE, relative=True)


def recipe(**sections: Any) -> Any:
    content = {
        "name": "t", "description": "t", "source": "t", "tested": "reduced",
        "data": {"name": "streets"},
        "scan": SCAN.model_dump(),
        "detect": {"classes": list(CLASSES)},
        "model": {"factory": "e3dsnn_detector"},
        "optimizer": {"name": "adamw", "lr": 1e-3},
        "training": {"epochs": 1},
    }  # fmt: skip
    return parse_recipe({**content, **sections}, origin="test")


@dataclass
class Found:
    boxes: torch.Tensor
    scores: torch.Tensor
    labels: torch.Tensor


class Oracle(torch.nn.Module):
    """Says what it is given as its outputs."""

    def loss(self, outputs: Any, boxes: Any, labels: Any) -> dict[str, torch.Tensor]:
        return {"loss": torch.zeros(())}

    def decode(self, outputs: Any, **limits: float) -> Any:
        return outputs


def perfect(batch: Any) -> list[Found]:
    """The learnt objects of each scan, as a detector would say them."""
    out = []
    for boxes, names in zip(batch["boxes"], batch["names"], strict=True):
        rows = [row for row, name in enumerate(names) if name in CLASSES]
        labels = torch.tensor([CLASSES.index(names[row]) for row in rows])
        out.append(Found(boxes[rows].float(), torch.linspace(1, 0.5, len(rows)), labels))
    return out


def batches(task: DetectTask, count: int, **options: Any) -> Any:
    samples = task.samples(Scenes(count), augmented=False, seed=0)
    return build_loader(samples, 8, collate=task.collate, **options)


def test_targets_are_the_learnt_classes_and_their_neighbours() -> None:
    sample = Scenes(1)[0]
    found = Targets(CLASSES, SCAN)(sample, np.random.default_rng(0))
    assert found["target_labels"].tolist() == [0, 0, -1, 1]
    np.testing.assert_allclose(found["target_boxes"], sample["boxes"], rtol=1e-6)
    only = Targets(("Pedestrian",), SCAN)(sample, np.random.default_rng(0))
    assert only["target_labels"].tolist() == [0]


def test_what_cannot_be_seen_is_not_trained() -> None:
    sample = Scenes(1)[0]
    sparse = {**sample, "points": sample["points"][:300]}
    found = Targets(CLASSES, SCAN)(sparse, np.random.default_rng(0))
    assert set(found["target_labels"].tolist()) == {-1}
    near = SCAN.model_copy(update={"point_range": (0.0, -12.8, -3.0, 10.0, 12.8, 1.0)})
    found = Targets(CLASSES, near)(sample, np.random.default_rng(0))
    assert found["target_labels"].tolist() == [0, -1, -1, -1]


def test_a_scan_without_objects_has_empty_targets() -> None:
    empty = {**Scenes(1)[0], "boxes": np.zeros((0, 7)), "names": ()}
    found = Targets(CLASSES, SCAN)(empty, np.random.default_rng(0))
    assert found["target_boxes"].shape == (0, 7)
    assert found["target_labels"].shape == (0,)


def test_labels_as_detections_are_perfect() -> None:
    task = build_task(recipe())
    assert isinstance(task, DetectTask)
    meter = task.meter()
    for batch in batches(task, 48):
        meter.update(Oracle(), perfect(batch), batch)
    found = meter.result()
    assert found["AP"] == found["Car_3d_moderate"] == pytest.approx(1.0)
    assert found["Pedestrian_bev_easy"] == pytest.approx(1.0)
    kept = meter.kept()
    assert kept["ap"]["Car"]["3d"]["moderate"]["R11"] == pytest.approx(100.0)
    assert "Pedestrian" in kept["table"]


def test_shifted_detections_are_misses() -> None:
    task = build_task(recipe())
    meter = task.meter()
    for batch in batches(task, 8):
        found = [replace(one, boxes=one.boxes + torch.eye(7)[0] * 3.0) for one in perfect(batch)]
        meter.update(Oracle(), found, batch)
    assert meter.result()["AP"] == 0.0


def test_nothing_measured_is_no_precision() -> None:
    assert APMeter(DetectPart()).result() == {"AP": 0.0}
    assert APMeter(DetectPart()).kept() == {}


def test_what_is_out_of_the_image_is_left_out() -> None:
    calibration = Scenes(1)[0]["calibration"]
    boxes = torch.tensor(
        [
            [10.0, 0, -1, 4, 2, 1.5, 0.3],
            [10.0, 40, -1, 4, 2, 1.5, 0.3],  # beside the image
            [-10.0, 0, -1, 4, 2, 1.5, 0.3],  # behind the camera
        ]
    )
    found = Found(boxes, torch.rand(3), torch.zeros(3, dtype=torch.int64))
    objects = objects_found(found, CLASSES, calibration)
    assert objects.names == ("Car",)
    assert objects.score is not None
    assert objects.score[0] == pytest.approx(float(found.scores[0]))
    nothing = Found(torch.zeros(0, 7), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    assert len(objects_found(nothing, CLASSES, calibration)) == 0


def test_training_samples_are_augmented_alike_for_the_same_key(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    augment = {"flip": "y", "rotate_deg": 45, "scale": [0.95, 1.05], "objects": {"Car": 5}}
    task = build_task(recipe(augment_scan=augment))
    one, other = (task.samples(Scenes(5), augmented=True, seed=3) for _ in range(2))
    a, b, later = one[(2, 1)], other[(2, 1)], one[(3, 1)]
    for key in ("points", "target_boxes", "target_labels"):
        np.testing.assert_array_equal(a[key], b[key])
    assert not np.array_equal(a["points"], later["points"])
    assert list(a["names"]).count("Car") > 2
    # As a worker of a loader receives them.
    sent = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(sent[(2, 1)]["points"], a["points"])
    # Boxes have gone where their points have, pasted ones too.
    assert (a["target_labels"] >= 0).sum() > 3


def test_a_network_without_boxes_is_named() -> None:
    task = build_task(recipe())
    with pytest.raises(ArgumentError, match="needs a network with loss and decode"):
        task.loss(torch.nn.Identity(), None, {}, training=True)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"mix": 0.5}, "mix: must be 0 with detect"),
        ({"objects": {"Tram": 2}}, "must be classes of the section detect"),
    ],
)
def test_what_detection_does_not_know_is_named(section: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        build_task(recipe(augment_scan=section)).samples(Scenes(1), augmented=True, seed=0)
