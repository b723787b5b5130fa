"""Runs that one process and two give the same weights: one of each kind of task.

As a script under torchrun it is one of the two; see test_two_ranks.py.
"""

import sys
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

from neurospike.models.detection import proposals
from neurospike.train import fit, load_recipe, parse_recipe, run, samples
from neurospike.train.recipe import Recipe
from tests.train import test_detection_run, test_segmentation

BASE = {
    "optimizer": {"name": "sgd", "lr": 0.05, "weight_decay": 1e-3},
    "schedule": {"name": "onecycle"},
}


class StopAfterAnEpoch(lightning.Callback):
    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def recipes() -> dict[str, Recipe]:
    """Recipes by name; batches of an epoch leave samples over, and ranks differ in voxels."""
    solids = load_recipe("solids").model_dump(mode="json")
    sizes = {"train": 15, "val": 3, "test": 5}
    solids["data"]["arguments"] = {"size": sizes, "points": 96}
    solids["voxels"]["size"] = 0.15
    solids["training"] |= {"epochs": 2, "batch_size": 4, "gradient_clip": 0.5}

    tones = load_recipe("spoken-tones").model_dump(mode="json")
    tones["data"]["arguments"] = {"size": {"train": 16, "val": 4, "test": 4}}
    tones["model"]["arguments"] |= {"hidden": 12}
    tones["activity"] = {"rate_low": 0.2, "rate_weight": 1.0, "synops_weight": 0.1}
    tones["training"] |= {"epochs": 2, "batch_size": 8}

    segment = test_segmentation.recipe().model_dump(mode="json")
    segment["segment"]["weighted"] = True
    segment["augment_scan"] |= {"flip": "xy", "mix": 0.5}
    segment["training"] |= {"epochs": 2, "batch_size": 2, "label_smoothing": 0.1}

    detect = test_detection_run.little_recipe().model_dump(mode="json")
    detect["data"]["protocol"] = "legacy"  # else one scan is held out, too few for two
    detect["model"]["arguments"] |= {"refine": True, "refine_channels": [4, 8], "overlap": True}
    found = {"solids": solids, "tones": tones, "segment": segment, "detect": detect}
    return {name: parse_recipe(one | BASE, origin=name) for name, one in found.items()}


def run_all(out: Path, root: Path) -> dict[str, Any]:
    """Every recipe, the first one broken off and resumed besides; what each came to."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        # Copies of objects are drawn by each process for itself: none is to be moved.
        patch.setattr(proposals, "MISPLACED", 0.0)
        patch.setattr(samples.datasets, "Streets", test_segmentation.Scenes)
        for drawing in ("draw_run", "draw_scenes"):  # slow, and of no weight here
            patch.setattr(run, drawing, lambda *_args, **_options: None)
        for name, recipe in recipes().items():
            options: Any = {"root": root, "seed": 1, "progress": False}
            if name != "detect":
                options["root"] = None
            found[name] = fit(recipe, out=out / name, **options)
    return found


def broken_and_resumed(out: Path) -> None:
    """The run on solids, interrupted before its second epoch, and gone on with."""
    recipe, options = recipes()["solids"], {"out": out, "seed": 1, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, **options, callbacks=[StopAfterAnEpoch()])  # type: ignore[arg-type]
    fit(recipe, **options, resume=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, data = Path(sys.argv[1]), Path(sys.argv[2])
    run_all(folder, data)
    broken_and_resumed(folder / "resumed")
