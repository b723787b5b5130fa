"""Real frames through the evaluation of a detector that learnt from simulated streets."""

from pathlib import Path

import pytest

from neurospike import models
from neurospike.datasets import KITTI
from neurospike.train import evaluate, load_recipe
from neurospike.train.detection import DetectTask, Targets

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "kitti"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/kitti"),
]


def test_a_detector_of_streets_is_evaluated_on_both_frames(tmp_path: Path) -> None:
    recipe = load_recipe("streets-detect")
    assert recipe.scan is not None
    assert recipe.detect is not None
    task = DetectTask(recipe, recipe.scan, recipe.detect)
    frames = KITTI(ROOT, crop_to_image=True)
    model = models.create("e3dsnn_detector", **task.model_arguments(frames), stem=4, blocks=1,
                          channels=[4, 8, 8], out_channels=8, bev_channels=[8, 8],
                          bev_layers=[0, 0], up_channels=8)  # fmt: skip
    extra = {
        "recipe": recipe.model_dump(mode="json"),
        "seed": 0,
        "classes": list(recipe.detect.classes),
        "root": None,
    }
    models.save(model, tmp_path / "untrained.safetensors", extra=extra)
    result = evaluate(
        tmp_path / "untrained.safetensors",
        dataset="kitti",
        root=ROOT,
        split="train",
        modes=("integer",),
    )
    assert (result.samples, result.score) == (2, "AP")
    counted = result.details["objects"]
    assert counted["Pedestrian"] == {"easy": 1, "moderate": 1, "hard": 1}
    assert {level: counted["Car"][level] for level in counted["Car"]} == dict.fromkeys(
        ("easy", "moderate", "hard"), 0
    )  # its one car is 58 m away, and too small to count


def test_targets_of_the_real_frames() -> None:
    recipe = load_recipe("kitti")
    assert recipe.scan is not None
    assert recipe.detect is not None
    targets = Targets(recipe.detect.classes, recipe.scan)
    frames = KITTI(ROOT, crop_to_image=True)
    labels = [targets(frames[index], None)["target_labels"].tolist() for index in range(2)]  # type: ignore[arg-type]
    # The truck of the second frame is background.
    assert labels == [[1], [0, 2]]
