"""Google Speech Commands in its published layout."""

import wave
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import SpeechCommands
from neurospike.errors import ArgumentError, DataError

WORDS = [f"word{number:02d}" for number in range(35)]
HASHES = ("aa11", "bb22", "cc33")


def write(path: Path, length: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.full(length, 8192, "<i2").tobytes())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "speech_commands_v0.02"
    for word in WORDS:
        for number, person in enumerate(HASHES):
            write(folder / word / f"{person}_nohash_0.wav", 5 + 10 * number)
    write(folder / "_background_noise_" / "white.wav", 50)
    for name, person in (("validation_list.txt", "bb22"), ("testing_list.txt", "cc33")):
        lines = [f"{word}/{person}_nohash_0.wav" for word in WORDS]
        (folder / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def test_splits_are_those_of_the_lists(root: Path) -> None:
    splits = {part: SpeechCommands(root, part) for part in ("train", "val", "test")}
    for (part, data), person in zip(splits.items(), HASHES, strict=True):
        assert len(data) == 35, part
        assert set(data.speakers) == {person}
        assert data.classes == tuple(WORDS)
        assert data.labels.tolist() == list(range(35))
    assert SpeechCommands(root, "val", protocol="legacy").names == splits["test"].names
    assert SpeechCommands(root / "speech_commands_v0.02").names == splits["train"].names


def test_recordings_are_given_one_length(root: Path) -> None:
    short = SpeechCommands(root, "train", samples=10)[3]
    long = SpeechCommands(root, "test", samples=10)[3]
    assert short["wave"].tolist() == [0.25] * 5 + [0.0] * 5
    assert long["wave"].tolist() == [0.25] * 10
    assert (short["sample_rate"], short["label"], short["speaker"]) == (16000, 3, "aa11")
    assert short["name"] == "word03/aa11_nohash_0"
    assert SpeechCommands(root)[0]["wave"].shape == (16000,)
    assert SpeechCommands(root, samples=None)[0]["wave"].shape == (5,)
    assert short["wave"].dtype == np.float32


def test_verify_counts_the_published_splits(root: Path) -> None:
    with pytest.raises(DataError, match=r"84843.*got \{'train': 35, 'val': 35, 'test': 35\}"):
        SpeechCommands(root).verify()


def test_what_is_missing_is_named(root: Path) -> None:
    folder = root / "speech_commands_v0.02"
    (folder / "word00" / "cc33_nohash_0.wav").unlink()
    with pytest.raises(DataError, match=r"1 of 35 recordings are not there, word00/cc33_nohash_0"):
        SpeechCommands(root)
    (folder / "word36").mkdir()
    with pytest.raises(DataError, match="has 35 words; got 36"):
        SpeechCommands(root)
    with pytest.raises(DataError, match=r"version 0.01 has 30 words"):
        SpeechCommands(root, version="0.01")
    (folder / "testing_list.txt").unlink()
    with pytest.raises(DataError, match=r"does not hold testing_list.txt.*data fetch"):
        SpeechCommands(root)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "valid"}, "SpeechCommands.split"),
        ({"version": "0.03"}, "SpeechCommands.version"),
        ({"samples": 0}, "SpeechCommands.samples: at least 1"),
    ],
)
def test_bad_arguments_are_named(root: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        SpeechCommands(root, **arguments)
