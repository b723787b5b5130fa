"""The recipe of spoken digits on synthetic recordings: the official split, and no validation."""

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike.train import Recipe, fit, load_recipe, parse_recipe
from neurospike.train.opponents import with_baseline

RATE = 8000


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two digits of two speakers, seven takes: tones that glide up or down."""
    folder = tmp_path_factory.mktemp("fsdd")
    rng = np.random.default_rng(0)
    time = np.arange(RATE // 5) / RATE
    for digit in (0, 1):
        for speaker, pitch in (("ann", 500), ("bob", 400)):
            for take in range(7):
                hz = pitch * rng.uniform(0.9, 1.1) * (1 + (4 * time if digit else -2 * time))
                sound = np.sin(2 * np.pi * np.cumsum(hz) / RATE) * np.hanning(len(time))
                with wave.open(str(folder / f"{digit}_{speaker}_{take}.wav"), "wb") as file:
                    file.setparams((1, 2, RATE, 0, "NONE", ""))
                    file.writeframes((sound * 2e4).astype("<i2").tobytes())
    return folder


def reduced(**data: Any) -> Recipe:
    content = load_recipe("fsdd").model_dump(mode="json")
    content["data"]["arguments"] = data
    content["model"]["arguments"] |= {"hidden": 16}
    content["training"] |= {"epochs": 2, "batch_size": 4}
    return parse_recipe(content, origin="test")


def test_without_validation_the_last_epoch_is_what_counts(root: Path, tmp_path: Path) -> None:
    result = fit(reduced(validation=0), out=tmp_path, root=root, progress=False)
    assert result.test_samples == 20
    assert result.test_accuracy == result.last_test_accuracy
    said = json.loads((tmp_path / "predictions.json").read_text())
    assert len(said["labels"]) == len(said["last"]) == 20
    right = np.equal(said["last"], said["labels"]).mean()
    assert right == pytest.approx(result.last_test_accuracy)


def test_a_network_without_spikes_leaves_no_raster(root: Path, tmp_path: Path) -> None:
    recipe = with_baseline(reduced(validation=0), "metaformer:identity", image_size=32)
    fit(recipe, out=tmp_path, root=root, progress=False)
    assert (tmp_path / "loss.png").is_file()
    assert not (tmp_path / "raster.png").exists()


def test_a_speaker_may_be_left_out(root: Path, tmp_path: Path) -> None:
    recipe = reduced(held_out_speaker="bob", validation=0)
    assert fit(recipe, out=tmp_path, root=root, progress=False).test_samples == 14
