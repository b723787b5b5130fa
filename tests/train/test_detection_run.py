import json
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from typer.testing import CliRunner

from neurospike import models
from neurospike.cli.main import app, main
from neurospike.datasets import write_kitti_frame
from neurospike.train import evaluate, fit, load_recipe, parse_recipe
from tests.train.scenes import RANGE, Scenes

SMALL = {
    "stem": 4, "channels": [4, 8, 8], "blocks": 1, "out_channels": 8, "bev_channels": [8, 8],
    "bev_layers": [0, 0], "up_channels": 8,
}  # fmt: skip


def little_recipe(**training: Any) -> Any:
    content = load_recipe("streets-detect").model_dump(mode="json")
    content["data"] = {"name": "kitti"}
    content["scan"] |= {"voxel_size": [0.2, 0.2, 0.2], "point_range": list(RANGE)}
    content["detect"] = {"classes": ["Car", "Pedestrian"], "least_score": 0.001}
    content["augment_scan"]["objects"] = {"Car": 4}
    content["model"]["arguments"] = SMALL
    content["training"] = {"epochs": 2, "batch_size": 2, "gradient_clip": 10.0, **training}
    return parse_recipe(content, origin="test")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes in KITTI's layout: 4 to train with, 1 held out of them, 3 to test with."""
    folder = tmp_path_factory.mktemp("kitti")
    scenes = Scenes(8)
    for index in range(len(scenes)):
        one = scenes[index]
        write_kitti_frame(
            folder / "training", one["name"], one["points"], one["label"], one["calibration"]
        )
    listing = folder / "ImageSets"
    listing.mkdir()
    (listing / "train.txt").write_text("".join(f"{i:06d}\n" for i in range(5)))
    (listing / "val.txt").write_text("".join(f"{i:06d}\n" for i in range(5, 8)))
    return folder


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    fit(little_recipe(), out=out, root=root, seed=1, progress=False)
    return out


def test_a_run_is_measured_by_average_precision(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert (result["score"], result["classes"], result["test_samples"]) == ("AP", 2, 3)
    assert result["test_accuracy"] == result["metrics"]["AP"]
    history = json.loads((run / "history.json").read_text())
    assert {"train_loss", "train_box", "val_loss", "val_AP"} <= set(history[0])
    kept = json.loads((run / "predictions.json").read_text())
    assert kept["best"]["ap"]["Car"]["3d"].keys() == {"easy", "moderate", "hard"}
    assert (run / "loss.png").is_file()


class StopAfter(lightning.Callback):
    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def test_a_resumed_run_ends_where_an_unbroken_one_does(
    run: Path, root: Path, tmp_path: Path
) -> None:
    options: Any = {"out": tmp_path, "root": root, "seed": 1, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit(little_recipe(), **options, callbacks=[StopAfter()])
    fit(little_recipe(), **options, resume=True)
    whole, resumed = (models.load(p / "last.safetensors") for p in (run, tmp_path))
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_validation_may_be_rarer_than_epochs(root: Path, tmp_path: Path) -> None:
    recipe = little_recipe(validate_every=2, epochs=3)
    result = fit(recipe, out=tmp_path, root=root, seed=0, progress=False)
    history = json.loads((tmp_path / "history.json").read_text())
    assert ["val_AP" in row for row in history] == [False, True, False]
    assert (result.epochs, result.best_epoch) == (3, 1)


def test_evaluation_gives_the_official_table(run: Path) -> None:
    result = evaluate(run / "best.safetensors")
    assert result.score == "AP"
    assert result.samples == 3
    assert result.integer_accuracy == result.accuracy == result.metrics["AP"]
    assert result.unary_accuracy == pytest.approx(result.accuracy, abs=0.05)
    assert "R40 easy" in result.details["table"]


def test_the_commands_take_a_detector(run: Path, root: Path, tmp_path: Path) -> None:
    best = str(run / "best.safetensors")
    said = CliRunner().invoke(
        app, ["evaluate", best, "--no-unary", "--out", str(tmp_path / "e.json")]
    )
    assert said.exit_code == 0, said.output
    assert "R40 moderate" in said.output
    assert json.loads((tmp_path / "e.json").read_text())["unary_accuracy"] is None
    said = CliRunner().invoke(
        app, ["evaluate", best, "--dataset", "kitti", "--root", str(root), "--json"]
    )
    assert json.loads(said.output)["samples"] == 3
    said = CliRunner().invoke(app, ["energy", best, "--samples", "1", "--json"])
    assert said.exit_code == 0, said.output
    document = json.loads(said.output)
    assert document["spiking"]["energy_pj"] > 0
    assert document["twin"]["macs"] > 0


def test_another_data_set_that_does_not_exist_is_named(run: Path) -> None:
    said = CliRunner().invoke(app, ["evaluate", str(run / "best.safetensors"), "--dataset", "no"])
    assert said.exit_code != 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dataset", "solids"], "--dataset: a section detect needs the data kitti or streets"),
        (["--split", "tset"], "--split: must be one of train, val, test"),
        (["--out", "{file}/e.json"], "cannot be written"),
    ],
)
def test_an_evaluation_that_cannot_be_is_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    given = [option.format(file=tmp_path / "file") for option in options]
    assert main(["evaluate", str(run / "best.safetensors"), *given]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


def test_a_detector_is_priced_on_a_chip(run: Path) -> None:
    best = str(run / "best.safetensors")
    options = ["--chip", "loihi1_sanafe", "--samples", "1"]
    said = CliRunner().invoke(app, ["energy", best, *options, "--json"], catch_exceptions=False)
    found = json.loads(said.output)
    assert found["chips"][0]["refused"] == ""
    assert found["accuracy"] == []  # a scan has no one class
    said = CliRunner().invoke(app, ["energy", best, *options], catch_exceptions=False)
    assert "loihi1_sanafe" in said.output
    assert "accuracy" not in said.output


def test_detectors_are_not_swept(run: Path, tmp_path: Path) -> None:
    options = ["--chip", "loihi1_sanafe", "--max-spikes", "2", "--out", str(tmp_path / "s")]
    said = CliRunner().invoke(app, ["sweep", str(run / "best.safetensors"), *options])
    assert said.exit_code != 0
    assert "must be a classifier" in str(said.exception)
    assert not (tmp_path / "s").exists()
