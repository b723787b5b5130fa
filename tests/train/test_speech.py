"""Synthetic speech through the cochlea into SHD's files, and from there through the SHD recipe."""

import json
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from neurospike import models
from neurospike.cli.main import main
from neurospike.datasets import write_spikes
from neurospike.encoders import Cochlea
from neurospike.train import Recipe, evaluate, fit, load_recipe, parse_recipe

VOWELS = {"a": (750, 1200), "i": (280, 2300), "u": (320, 800), "e": (450, 1900)}
RATE = 8000
REDUCED = {
    "sequence": {"steps": 40},
    "model": {"arguments": {"task": "shd", "hidden": 24, "max_delay": 9, "dropout": 0.1}},
    "optimizer": {"lr": 2e-2},
    "delays": {"sigma_start": 4.0},
    "training": {"epochs": 6, "batch_size": 8},
}


def vowel(name: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """A fifth of a second of harmonics of some pitch under two formants, rising and falling."""
    time = np.arange(RATE // 5) / RATE
    pitch = rng.uniform(100, 180)
    harmonics = np.arange(1, int(3000 / pitch) + 1)[:, None] * pitch
    formants = [
        np.exp(-(((harmonics - f * rng.uniform(0.95, 1.05)) / 120) ** 2)) for f in VOWELS[name]
    ]
    wave = (sum(formants) * np.sin(2 * np.pi * harmonics * time)).sum(0)
    return (wave / np.abs(wave).max() * np.hanning(len(wave)) * 0.5).astype(np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shd")
    cochlea = Cochlea(700, sample_rate=RATE)
    rng = np.random.default_rng(0)
    for split, takes in (("train", 8), ("test", 2)):
        labels = np.tile(np.arange(4), takes)
        waves = [vowel(list(VOWELS)[label], rng) for label in labels]
        clips = [cochlea(wave, seed=index) for index, wave in enumerate(waves)]
        times, units = zip(*clips, strict=True)
        speakers = np.arange(len(labels)) // 4 % 4
        path = folder / f"shd_{split}.h5"
        write_spikes(path, times, units, labels, speakers=speakers, keys=list(VOWELS))
    return folder


def reduced(**changes: dict[str, Any]) -> Recipe:
    content = load_recipe("shd").model_dump(mode="json")
    for part, values in [*REDUCED.items(), *changes.items()]:
        content[part] = {**content[part], **values}
    return parse_recipe(content, origin="test")


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    fit(reduced(), out=out, root=root, seed=1, progress=False)
    return out


def test_a_reduced_run_learns(run: Path) -> None:
    history = json.loads((run / "history.json").read_text())
    losses = [row["train_loss"] for row in history]
    assert losses[-1] < losses[0]
    result = json.loads((run / "result.json").read_text())
    assert result["best_validation_accuracy"] >= 0.5
    assert result["test_samples"] == 8
    assert result["late_share"] == 0
    assert {"last_validation_accuracy", "last_test_accuracy", "best_epoch"} <= set(result)
    said = json.loads((run / "predictions.json").read_text())
    right = np.mean(np.array(said["last"]) == np.array(said["labels"]))
    assert right == result["last_test_accuracy"]


def test_the_spread_narrows_and_delays_are_learnt_within_range(run: Path) -> None:
    history = json.loads((run / "history.json").read_text())
    sigmas = [row["sigma"] for row in history]
    assert sigmas[0] == pytest.approx(4.0)
    assert sigmas[-1] == pytest.approx(0.5)
    last, best = (models.load(run / f"{name}.safetensors") for name in ("last", "best"))
    for name, delay in last.named_parameters():
        if name.endswith("delay"):
            assert delay.detach().min() >= 0
            assert delay.detach().max() <= 8
            assert (delay != delay.round()).any()
            rounded = best.get_parameter(name)
            assert (rounded == rounded.round()).all()


def test_the_run_folder_holds_its_figures(run: Path) -> None:
    for name in ("loss", "raster", "delays", "sigma"):
        assert (run / f"{name}.png").read_bytes()[1:4] == b"PNG"


def test_evaluation_repeats_what_the_run_has_found(run: Path, root: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    best = evaluate(run / "best.safetensors", root=root)
    assert best.accuracy == result["test_accuracy"]
    assert (best.integer_accuracy, best.unary_accuracy) == (None, None)
    last = evaluate(run / "last.safetensors", root=root)
    assert last.accuracy == result["last_test_accuracy"]
    assert evaluate(run / "best.safetensors", root=root, split="val").samples == 8


class StopAfter(lightning.Callback):
    """End the run as an interruption after an epoch would."""

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt


def test_a_resumed_run_ends_where_an_unbroken_one_does(
    run: Path, root: Path, tmp_path: Path
) -> None:
    arguments: dict[str, Any] = {"out": tmp_path, "root": root, "seed": 1, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        fit(reduced(), callbacks=[StopAfter()], **arguments)
    result = fit(reduced(), resume=True, **arguments)
    assert result.epochs == 6
    for name in ("last", "best"):
        whole, resumed = (models.load(p / f"{name}.safetensors") for p in (run, tmp_path))
        for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
            assert torch.equal(a, b)
    first, second = (json.loads((p / "result.json").read_text()) for p in (run, tmp_path))
    for name in ("best_epoch", "best_validation_accuracy", "test_accuracy", "last_test_accuracy"):
        assert first[name] == second[name]


def test_activity_is_priced_beside_the_loss(root: Path, tmp_path: Path) -> None:
    recipe = reduced(
        activity={"rate_high": 0.01, "rate_weight": 10.0, "synops_weight": 1.0},
        training={**REDUCED["training"], "epochs": 1},
    )
    fit(recipe, out=tmp_path, root=root, progress=False)
    (row,) = json.loads((tmp_path / "history.json").read_text())
    assert row["train_rate"] > 0
    assert row["train_synops"] > 0


def test_the_command_line_trains_evaluates_and_counts(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    settings = [
        *("sequence.steps=40", "training.epochs=1", "training.batch_size=8"),
        *("model.arguments.hidden=16", "model.arguments.max_delay=9", "delays.sigma_start=4.0"),
    ]
    changes = [part for setting in settings for part in ("--set", setting)]
    assert main(["train", "shd", "--root", str(root), "--out", str(out), *changes, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["classes"], result["test_samples"], result["epochs"]) == (4, 8, 1)
    assert main(["evaluate", result["checkpoint"]]) == 0
    shown = capsys.readouterr().out
    assert "8 samples" in shown
    assert "binary" not in shown
    assert main(["energy", result["checkpoint"], "--samples", "4", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["spiking"]["synops"] > 0
    assert counts["spiking"]["macs"] == 0
    assert counts["twin"]["macs"] > 0
