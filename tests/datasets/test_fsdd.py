"""The splits of the Free Spoken Digit Dataset."""

import wave
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import FSDD
from neurospike.errors import ArgumentError, DataError

SPEAKERS = ("ann", "bob_by", "cy")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten takes of every digit by three speakers, a few samples long."""
    folder = tmp_path / "free-spoken-digit-dataset-1.0.10" / "recordings"
    folder.mkdir(parents=True)
    for digit in range(10):
        for number, speaker in enumerate(SPEAKERS):
            for take in range(10):
                with wave.open(str(folder / f"{digit}_{speaker}_{take}.wav"), "wb") as file:
                    file.setparams((1, 2, 8000, 0, "NONE", ""))
                    file.writeframes(np.full(3, 1024 * number, "<i2").tobytes())
    return tmp_path


def names(root: Path, split: str, **arguments: object) -> set[str]:
    return set(FSDD(root, split, **arguments).names)


def test_samples_say_who_speaks_what(root: Path) -> None:
    test = FSDD(root, "test")
    sample = test[0]
    assert sample["wave"].dtype == np.float32
    assert (sample["sample_rate"], sample["label"], sample["speaker"]) == (8000, 0, "ann")
    assert sample["name"] == "0_ann_0"
    assert test.classes == tuple("0123456789")
    last = test[-1]
    assert (last["label"], last["speaker"], last["name"]) == (9, "cy", "9_cy_4")
    assert np.allclose(last["wave"], 2048 / 32768)
    assert test.labels[-1] == 9
    assert test.speakers[-1] == "cy"


def test_the_official_split_is_by_take(root: Path) -> None:
    splits = {split: names(root, split) for split in ("train", "val", "test")}
    assert {name.split("_")[-1] for name in splits["test"]} == set("01234")
    assert len(splits["test"]) == 150
    assert splits["train"] | splits["val"] == names(root, "train", validation=0)
    assert not splits["train"] & splits["val"]
    # A tenth of five takes rounds to none; one of every speaker and digit is held out all the same.
    assert len(splits["val"]) == 30
    assert len({name.rsplit("_", 1)[0] for name in splits["val"]}) == 30
    assert splits["val"] == names(root, "val")
    assert splits["val"] != names(root, "val", seed=1)


def test_validation_may_be_a_speaker(root: Path) -> None:
    train = FSDD(root, "train", validation="speaker:bob_by")
    val = FSDD(root, "val", validation="speaker:bob_by")
    assert set(train.speakers) == {"ann", "cy"}
    assert set(val.speakers) == {"bob_by"}
    assert len(train) == 100
    assert len(val) == 50
    assert names(root, "test", validation="speaker:bob_by") == names(root, "test")


def test_one_speaker_is_left_out(root: Path) -> None:
    test = FSDD(root, "test", held_out_speaker="cy")
    assert set(test.speakers) == {"cy"}
    assert len(test) == 100
    train = FSDD(root, "train", held_out_speaker="cy", validation="speaker:ann")
    val = FSDD(root, "val", held_out_speaker="cy", validation="speaker:ann")
    assert set(train.speakers) == {"bob_by"}
    assert set(val.speakers) == {"ann"}
    assert len(FSDD(root, "train", held_out_speaker="cy", validation=0)) == 200
    assert len(FSDD(root, "val", held_out_speaker="cy", validation=0.2)) == 40


def test_legacy_validates_on_the_test_split(root: Path) -> None:
    assert names(root, "val", protocol="legacy") == names(root, "test")
    assert names(root, "train", protocol="legacy") == names(root, "train", validation=0)


def test_the_recordings_are_found_from_above_or_at_hand(root: Path) -> None:
    folder = root / "free-spoken-digit-dataset-1.0.10"
    assert FSDD(folder).names == FSDD(folder / "recordings").names == FSDD(root).names


def test_verify_names_what_is_missing(root: Path) -> None:
    with pytest.raises(DataError, match=r"40 missing, 0_ann_10.wav among them"):
        FSDD(root).verify()


BAD = {
    "split": ({"split": "valid"}, "FSDD.split"),
    "protocol": ({"protocol": "old"}, "FSDD.protocol"),
    "speaker": ({"validation": "speaker:dee"}, "ann, bob_by, cy; got 'speaker:dee'"),
    "form": ({"validation": "ann"}, "'speaker:NAME'"),
    "fraction": ({"validation": 1.0}, "0 <= fraction < 1"),
    "none": ({"split": "val", "validation": 0}, "no recording is held out"),
    "left out": ({"held_out_speaker": "dee"}, "FSDD.held_out_speaker"),
    "both": (
        {"held_out_speaker": "ann", "validation": "speaker:ann"},
        "bob_by, cy; got 'speaker:ann'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(root: Path, case: str) -> None:
    arguments, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        FSDD(root, **arguments)


def test_folders_without_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        FSDD(tmp_path / "none")
    (tmp_path / "other.wav").write_bytes(b"")
    with pytest.raises(DataError, match="holds no recordings"):
        FSDD(tmp_path)
