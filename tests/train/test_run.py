import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch

from neurospike import models
from neurospike.errors import ArgumentError, DataError
from neurospike.train import Recipe, evaluate, fit, load_recipe, open_run, parse_recipe
from neurospike.train.callbacks import RunFolder


def little_recipe(**training: Any) -> Recipe:
    content = load_recipe("solids").model_dump(mode="json")
    content["data"]["arguments"] = {"size": 24, "points": 128}
    content["voxels"]["size"] = 0.15
    content["training"] = {"epochs": 2, "batch_size": 8, **training}
    return parse_recipe(content, origin="test")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    fit(little_recipe(), out=out, seed=1, progress=False)
    return out


def test_a_run_leaves_weights_history_logs_and_result(run: Path) -> None:
    names = {p.name for p in run.iterdir()}
    assert {
        "best.safetensors",
        "last.safetensors",
        "history.json",
        "metrics.csv",
        "recipe.json",
        "result.json",
        "resume.ckpt",
        "tensorboard",
    } <= names
    assert not [name for name in names if name.startswith(".")]
    result = json.loads((run / "result.json").read_text())
    assert (result["epochs"], result["classes"], result["seed"]) == (2, 12, 1)
    assert result["score"] == "accuracy"
    assert result["metrics"] == {"accuracy": result["test_accuracy"]}
    kept = json.loads((run / "predictions.json").read_text())
    right = [a == b for a, b in zip(kept["labels"], kept["best"], strict=True)]
    assert sum(right) / len(right) == result["test_accuracy"]
    history = json.loads((run / "history.json").read_text())
    assert [row["epoch"] for row in history] == [0.0, 1.0]
    assert {"train_loss", "train_accuracy", "val_loss", "val_accuracy"} <= set(history[0])


def test_the_same_seed_gives_the_same_weights(run: Path, tmp_path: Path) -> None:
    fit(little_recipe(), out=tmp_path, seed=1, progress=False)
    first, second = (models.load(p / "last.safetensors") for p in (run, tmp_path))
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)


class StopAfter(lightning.Callback):
    """End the run as an interruption after an epoch would."""

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def test_a_resumed_run_ends_where_an_unbroken_one_does(run: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(little_recipe(), out=tmp_path, seed=1, progress=False, callbacks=[StopAfter()])
    result = fit(little_recipe(), out=tmp_path, seed=1, progress=False, resume=True)
    assert result.epochs == 2
    whole, resumed = (models.load(p / "last.safetensors") for p in (run, tmp_path))
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_evaluation_runs_both_kinds_of_spikes(run: Path) -> None:
    result = evaluate(run / "best.safetensors")
    assert result.samples == 24
    assert result.score == "accuracy"
    assert result.metrics == {"accuracy": result.integer_accuracy}
    assert result.details == {}
    assert 0 <= result.integer_accuracy <= 1
    assert abs(result.integer_accuracy - result.unary_accuracy) <= 1 / 24


def test_nothing_to_resume_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to resume from"):
        fit(little_recipe(), out=tmp_path, resume=True, progress=False)


def test_a_damaged_resume_point_is_named(tmp_path: Path) -> None:
    (tmp_path / "resume.ckpt").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"resume\.ckpt: cannot be resumed from"):
        fit(little_recipe(), out=tmp_path, resume=True, progress=False)


def test_a_wrong_number_of_classes_is_named(tmp_path: Path) -> None:
    content = little_recipe().model_dump(mode="json")
    content["model"]["arguments"]["num_classes"] = 7
    with pytest.raises(ArgumentError, match="the data has 12 classes; got 7"):
        fit(parse_recipe(content, origin="test"), out=tmp_path, progress=False)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="--root"):
        fit(load_recipe("modelnet40"), out=tmp_path, progress=False)


def test_an_unwritable_folder_is_named_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        fit(little_recipe(), out=tmp_path / "file" / "run", progress=False)


def test_a_checkpoint_without_recipe_is_named(tmp_path: Path) -> None:
    models.save(models.e3dsnn("T"), tmp_path / "m.safetensors")
    with pytest.raises(DataError, match="holds a network but no recipe"):
        open_run(tmp_path / "m.safetensors")


def test_other_classes_are_named(run: Path, tmp_path: Path) -> None:
    info = models.read_info(run / "best.safetensors")
    model = models.load(run / "best.safetensors")
    other = {**info.extra, "classes": ["a", "b"]}
    models.save(model, tmp_path / "m.safetensors", extra=other)
    with pytest.raises(DataError, match="was trained on 2 classes"):
        open_run(tmp_path / "m.safetensors")


def test_without_validation_every_epoch_is_the_best_so_far(tmp_path: Path) -> None:
    model = models.create("e3dsnn", size="T", num_classes=2, in_features=3)
    folder = RunFolder(tmp_path, load_recipe("solids"), lambda row: {"metrics": row})
    trainer = SimpleNamespace(
        check_val_every_n_epoch=5, enable_validation=False, callback_metrics={}, max_epochs=7,
        is_global_zero=True, save_checkpoint=lambda path: path.touch(),
    )  # fmt: skip
    for epoch in range(7):
        trainer.current_epoch = epoch
        folder.on_train_epoch_end(trainer, SimpleNamespace(model=model))
    assert folder.best_epoch == 6
    assert models.read_info(tmp_path / "best.safetensors").extra["metrics"]["epoch"] == 6
