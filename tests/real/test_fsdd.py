"""The recordings of FSDD, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import FSDD

ROOT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fsdd"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/fsdd"),
]

SPEAKERS = ("george", "jackson", "nicolas", "theo")


def test_every_take_is_there_and_can_be_read() -> None:
    assert FSDD(ROOT).verify() == 2000
    test = FSDD(ROOT, "test")
    assert len(test) == 200
    assert {sample["sample_rate"] for sample in test} == {8000}
    assert all(0.01 < np.abs(sample["wave"]).max() <= 1 for sample in test)


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_splits_by_speaker(speaker: str) -> None:
    held = f"speaker:{speaker}"
    train, val = (FSDD(ROOT, split, validation=held) for split in ("train", "val"))
    assert (len(train), len(val)) == (1350, 450)
    assert sorted({*train.speakers, speaker}) == list(SPEAKERS)
    left, right = (FSDD(ROOT, s, held_out_speaker=speaker) for s in ("train", "test"))
    assert set(right.speakers) == {speaker}
    assert len(right) == 500
    assert speaker not in left.speakers
