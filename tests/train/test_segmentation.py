"""Segmentation as a task: losses, scores, turns, and a run from recipe to checkpoint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurospike import datasets, models, train
from neurospike.train.recipe import Recipe, parse_recipe
from neurospike.train.samples import build_loader
from neurospike.train.segmentation import (
    PointMeter,
    SegmentTask,
    class_shares,
    class_weights,
)

CLASSES = ("ground", "wall", "car", "pole")


def scan(seed: int, count: int = 1500) -> dict[str, Any]:
    """Ground all around, a wall, a box and a pole: told apart by height and by shape."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-11, 11, (count, 4))
    points[:, 3] = rng.random(count)
    label = rng.choice(4, count, p=(0.5, 0.2, 0.2, 0.1))
    x, y = rng.uniform(-6, 6, 2)
    points[label == 0, 2] = -1.7 + 0.05 * rng.standard_normal((label == 0).sum())
    points[label == 1, 1] = 8.0
    points[label == 1, 2] = rng.uniform(-1.7, 3, (label == 1).sum())
    points[label == 2, :3] = (x, y, -1.0) + rng.uniform(-1, 1, ((label == 2).sum(), 3)) * (
        2,
        1,
        0.6,
    )
    points[label == 3, :3] = (-x, -y, 0) + rng.uniform(-1, 1, ((label == 3).sum(), 3)) * (
        0.1,
        0.1,
        2,
    )
    label[rng.random(count) < 0.05] = -1
    return {"points": points.astype(np.float32), "label": label, "name": f"{seed:06d}"}


class Scenes:
    """Stands in for a data set."""

    classes = CLASSES

    def __init__(
        self, split: str = "train", *, scans: int = 6, seed: int = 0, **_others: Any
    ) -> None:
        self.first = {"train": 0, "val": 1000, "test": 2000}[split] + 10_000 * seed
        self.scans = scans if split == "train" else 2

    def __len__(self) -> int:
        return self.scans

    def __getitem__(self, index: int) -> dict[str, Any]:
        return scan(self.first + index)


def recipe(**changes: Any) -> Recipe:
    content: dict[str, Any] = {
        "name": "scenes",
        "description": "a test",
        "source": "none",
        "tested": "full",
        "data": {"name": "streets", "arguments": {"task": "segment"}},
        "scan": {
            "voxel_size": (0.5, 0.5, 0.5),
            "point_range": (-10, -10, -3, 10, 10, 5),
            "relative": True,
        },
        "segment": {"lovasz": 1.0},
        "model": {
            "factory": "e3dsnn_segmenter",
            "arguments": {"stem": 8, "channels": (8, 16), "blocks": 1, "decoder": 16},
        },
        "optimizer": {"name": "adamw", "lr": 0.01},
        "training": {"epochs": 1, "batch_size": 2},
    }
    return parse_recipe({**content, **changes}, origin="test")


def task_of(made: Recipe) -> SegmentTask:
    assert made.scan is not None
    assert made.segment is not None
    return SegmentTask(made, made.scan, made.segment)


def batches(task: SegmentTask, *, augmented: bool = False, scans: int = 3) -> list[Any]:
    samples = task.samples(Scenes(scans=scans), augmented=augmented, seed=0)
    return list(build_loader(samples, 2, collate=task.collate))


class Oracle(torch.nn.Module):
    """Says of each voxel what is given, whatever the input."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, _x: Any) -> torch.Tensor:
        return self.logits


def test_truth_as_prediction_scores_everything() -> None:
    made = recipe(scan={"voxel_size": (0.01,) * 3, "point_range": (-20, -20, -5, 20, 20, 5)})
    task = task_of(made)
    given = batches(task)
    meter = task.meter()
    for batch in given:
        x = task.encode(batch)
        truth = torch.full((len(x.coords), 4), -20.0)
        inside = batch["label"] >= 0
        truth[batch["point_to_voxel"][inside], batch["label"][inside]] = 20.0
        meter.update(Oracle(truth), truth, batch)
    found = meter.result()
    assert found["mIoU"] == found["accuracy"] == 1.0
    assert {name for name in found if name.startswith("IoU")} == {f"IoU {n}" for n in CLASSES}


def test_points_out_of_range_are_scored_too() -> None:
    task = task_of(recipe())
    batch = batches(task)[0]
    task.encode(batch)
    cropped = batch["point_to_voxel"] < 0
    assert 0 < cropped.sum() < len(cropped) / 2
    meter = PointMeter(task)
    always_ground = torch.tensor([9.0, 0, 0, 0]).expand(int(batch["point_to_voxel"].max()) + 1, 4)
    meter.update(Oracle(always_ground), always_ground, batch)
    told = batch["label"] >= 0
    kept = meter.kept()
    assert sum(map(sum, kept["confusion"])) + sum(kept["unpredicted"]) == int(told.sum())
    assert not any(kept["unpredicted"])
    expected = float((batch["label"][told] == 0).float().mean())
    assert meter.result()["accuracy"] == pytest.approx(expected)


def test_the_loss_falls_as_predictions_get_better() -> None:
    task = task_of(recipe())
    batch = batches(task, augmented=True)[0]
    x = task.encode(batch)
    model = models.e3dsnn_segmenter(4, 7, stem=8, channels=(8,), blocks=1, decoder=8)
    bad = task.loss(model, torch.zeros(len(x.coords), 4), batch, training=True)
    from neurospike.train.labelling import voxel_labels

    label = voxel_labels(batch["label"], batch["point_to_voxel"], len(x.coords), 4)
    good = task.loss(
        model, 9.0 * torch.nn.functional.one_hot(label.clamp(min=0), 4), batch, training=True
    )
    assert good["loss"] < 0.1 < bad["loss"]
    assert good["voxel_accuracy"] == 1.0
    assert set(good) == {"loss", "cross_entropy", "lovasz", "voxel_accuracy"}


def test_a_batch_without_labels_costs_nothing() -> None:
    task = task_of(recipe())
    batch = batches(task)[0]
    outputs = torch.zeros(len(task.encode(batch).coords), 4, requires_grad=True)
    batch["label"] = torch.full_like(batch["label"], -1)
    task.loss(torch.nn.Identity(), outputs, batch, training=True)["loss"].backward()
    assert outputs.grad is not None
    assert not outputs.grad.any()


def test_rare_classes_weigh_more() -> None:
    shares = class_shares(Scenes())
    assert shares.sum() == pytest.approx(1.0)
    assert shares[0] > shares[3] > 0
    weights = class_weights(np.array([0.5, 0.0426078, 0.0]))
    np.testing.assert_allclose(weights[:2], [np.log(2), 3.1557], atol=1e-4)
    assert torch.isfinite(weights).all()


def test_published_shares_give_the_released_weights() -> None:
    class Published(Scenes):
        shares = datasets.SemanticKITTI.shares

    weights = class_weights(class_shares(Published()))
    released = [3.1557, 8.7029, 7.8281, 6.1354, 6.3161, 7.9937, 8.9704, 10.1922]
    np.testing.assert_allclose(weights[:8], released, atol=1e-3)
    assert weights[14] == pytest.approx(1.3212, abs=1e-3)


def test_turns_are_averaged_point_by_point() -> None:
    class North(torch.nn.Module):
        """Class 0 where a voxel's y is positive: not the same after a turn."""

        def forward(self, x: Any) -> torch.Tensor:
            side = 4.0 * (x.features[:, 1:2] > 0)
            return torch.cat([side, 2.0 - side, torch.full_like(side, -9.0), side * 0 - 9.0], 1)

    once, four = (task_of(recipe(segment={"rotations": turns})) for turns in (1, 4))
    batch, _ = batches(once)[0], batches(four)
    scored = []
    for task in (once, four):
        meter = task.meter()
        meter.update(North(), North()(task.encode(batch)), batch)
        scored.append(np.array(meter.kept()["confusion"]))
    # North in one turn, south in another: the average of four is the same for every point.
    assert (scored[0][0, :2] > 0).all()
    assert scored[1][:, 0].sum() > 0
    assert scored[1][:, 1].sum() == 0


def test_what_a_scan_undergoes_follows_from_its_key() -> None:
    made = recipe(augment_scan={"flip": "xy", "rotate_deg": 180, "mix": 1.0, "drop_points": 0.2})
    samples = task_of(made).samples(Scenes(), augmented=True, seed=3)
    again = task_of(made).samples(Scenes(), augmented=True, seed=3)
    one, other = samples[(2, 1)], again[(2, 1)]
    assert np.array_equal(one["points"], other["points"])
    assert np.array_equal(one["label"], other["label"])
    assert not np.array_equal(one["points"], samples[(3, 1)]["points"])
    assert len(one["points"]) == len(one["label"])


def test_a_run_from_recipe_to_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "Streets", Scenes, raising=False)
    made = recipe(
        data={"name": "streets", "arguments": {"task": "segment", "cache": None, "scans": 16}},
        augment_scan={"flip": "y", "mix": 0.5},
        training={"epochs": 12, "batch_size": 2},
        schedule={"name": "onecycle"},
    )
    result = train.fit(made, out=tmp_path, seed=1, progress=False)
    assert result.score == "mIoU"
    assert result.metrics["mIoU"] == result.test_accuracy > 0.5
    assert "IoU pole" in result.metrics
    kept = json.loads((tmp_path / "predictions.json").read_text())
    assert kept["best"]["classes"] == list(CLASSES)
    found = train.evaluate(tmp_path / "best.safetensors", modes=("integer",))
    assert found.metrics == result.metrics
    model = models.load(tmp_path / "best.safetensors", factory="e3dsnn_segmenter")
    assert sum(p.numel() for p in model.parameters()) == result.parameters
