"""Waves into events, coded once and kept, and into mel bands."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike import encoders
from neurospike.errors import ArgumentError
from neurospike.train.frontends import CochleaEvents, EventStore, MelFrames, apply_frontend
from neurospike.train.samples import cache_folder
from neurospike.train.sections import SequencePart
from neurospike.train.sequences import SequenceSamples

COCHLEA = SequencePart(frontend="cochlea", channels=70, group=5, steps=20)


class Waves:
    """Tones at 8 kHz, clip i of 100 + 20 i ms at 300 (i + 1) Hz."""

    classes = ("a", "b")

    def __init__(self, first: int = 0, count: int = 3) -> None:
        self.first, self.count = first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        clip = self.first + index
        time = np.arange(800 + 160 * clip) / 8000
        wave = 0.5 * np.sin(2 * np.pi * 300 * (clip + 1) * time)
        return {"wave": wave.astype(np.float32), "sample_rate": 8000, "label": clip % 2}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples each call of the cochlea was given."""
    heard: list[int] = []
    original = encoders.Cochlea.__call__

    def call(self: Any, wave: Any, **options: Any) -> Any:
        heard.append(len(wave))
        return original(self, wave, **options)

    monkeypatch.setattr(encoders.Cochlea, "__call__", call)
    return heard


def test_clips_are_coded_once_whatever_the_split(tmp_path: Path, calls: list[int]) -> None:
    first = CochleaEvents(Waves(0, 3), COCHLEA, tmp_path)
    assert calls == [800, 960, 1120]
    other = CochleaEvents(Waves(1, 3), COCHLEA, tmp_path)
    assert calls == [800, 960, 1120, 1280]
    for name in ("times_s", "units"):
        np.testing.assert_array_equal(first[2][name], other[1][name])
    assert [first[i]["label"] for i in range(3)] == [0, 1, 0]
    CochleaEvents(Waves(), COCHLEA.model_copy(update={"options": {"seed": 1}}), tmp_path)
    assert len(calls) == 7
    assert len(list(tmp_path.glob("cochlea-*.npz"))) == 2


def test_kept_events_are_the_cochlea_s(tmp_path: Path) -> None:
    events = CochleaEvents(Waves(0, 1), COCHLEA, tmp_path)
    again = CochleaEvents(Waves(0, 1), COCHLEA, tmp_path)[0]
    np.testing.assert_array_equal(again["times_s"], events[0]["times_s"])
    assert (events.units_total, len(events)) == (70, 1)
    assert (np.diff(again["times_s"]) >= 0).all()
    assert again["units"].max() < 70
    # The same in law as with any other draws: about as many.
    times, _ = encoders.Cochlea(70, sample_rate=8000)(Waves()[0]["wave"])
    assert 0.7 < len(again["times_s"]) / len(times) < 1.4


def test_what_was_coded_before_an_interruption_is_kept(
    tmp_path: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = encoders.Cochlea.__call__

    def breaking(self: Any, wave: Any, **options: Any) -> Any:
        if len(calls) == 2:
            raise KeyboardInterrupt
        return counted(self, wave, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(encoders.Cochlea, "__call__", breaking)
        CochleaEvents(Waves(), COCHLEA, tmp_path)
    assert calls == [800, 960]
    CochleaEvents(Waves(), COCHLEA, tmp_path)
    assert calls == [800, 960, 1120]


def test_a_damaged_store_is_replaced_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    CochleaEvents(Waves(0, 1), COCHLEA, tmp_path)
    (path,) = tmp_path.glob("cochlea-*.npz")
    for damage in (b"", b"damaged", path.read_bytes()[:200]):
        path.write_bytes(damage)
        with caplog.at_level(logging.WARNING):
            assert EventStore(path).clips == {}
        assert "damaged" in caplog.text
        caplog.clear()
    CochleaEvents(Waves(0, 1), COCHLEA, tmp_path)
    assert len(EventStore(path).clips) == 1


def test_a_store_that_cannot_be_written_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        events = CochleaEvents(Waves(0, 1), COCHLEA, tmp_path / "file")
    assert len(events[0]["times_s"])
    assert "not kept" in caplog.text


def test_frames_of_silence_are_zero() -> None:
    class Silence(Waves):
        def __getitem__(self, index: int) -> dict[str, Any]:
            return {**super().__getitem__(index), "wave": np.zeros(1600, np.float32)}

    part = SequencePart(frontend="mel", channels=20, steps=30)
    assert not MelFrames(Silence(), part)[0]["frames"].any()
    sound = SequenceSamples(MelFrames(Waves(), part), part, None, seed=0)[(0, 0)]["x"]
    assert sound.shape == (30, 20)
    assert sound[:10].min() >= 0
    assert sound[:10].max() > 5
    assert not sound[10:].any()


def test_options_reach_the_front_end(tmp_path: Path) -> None:
    part = SequencePart(frontend="mel", channels=20, steps=30, options={"f_max": 9000.0})
    with pytest.raises(ArgumentError, match="half the sampling rate"):
        MelFrames(Waves(), part)[0]
    part = SequencePart(frontend="mel", channels=20, steps=30, options={"fmax": 1.0})
    with pytest.raises(ArgumentError, match=r"recipe\.sequence\.options.*fmax"):
        MelFrames(Waves(), part)[0]
    wrong = COCHLEA.model_copy(update={"options": {"chanels": 3}})
    with pytest.raises(ArgumentError, match=r"recipe\.sequence\.options.*chanels"):
        CochleaEvents(Waves(), wrong, tmp_path)


def test_conditioned_clips_are_heard_at_their_own_level(tmp_path: Path) -> None:
    part = COCHLEA.model_copy(update={"condition": {"compression": 0.3}})
    found = CochleaEvents(Waves(0, 1), part, tmp_path)[0]
    sample = Waves()[0]
    even = encoders.condition_speech(sample["wave"], 8000, compression=0.3)
    times, _ = encoders.Cochlea(70, sample_rate=8000)(even, gain=1.0)
    assert 0.7 < len(found["times_s"]) / len(times) < 1.4
    CochleaEvents(Waves(0, 1), COCHLEA, tmp_path)
    assert len(list(tmp_path.glob("cochlea-*.npz"))) == 2
    wrong = COCHLEA.model_copy(update={"condition": {"tilt": 1}})
    with pytest.raises(ArgumentError, match=r"recipe\.sequence\.condition.*tilt"):
        CochleaEvents(Waves(), wrong, tmp_path)


def test_a_front_end_for_the_other_kind_of_data_is_named(tmp_path: Path) -> None:
    class Events(Waves):
        units_total = 4

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"times_s": np.zeros(1), "units": np.zeros(1, int), "label": 0}

    with pytest.raises(ArgumentError, match="take data sets of waves; got one of label, times_s"):
        apply_frontend(Events(), COCHLEA, tmp_path)
    part = SequencePart(frontend="events", steps=10)
    with pytest.raises(ArgumentError, match="'events' takes a data set of events"):
        SequenceSamples(apply_frontend(Waves(), part, tmp_path), part, None, seed=0)


def test_work_is_kept_beside_data_that_may_be_written(tmp_path: Path) -> None:
    assert cache_folder(tmp_path) == tmp_path / ".neurospike"
    tmp_path.chmod(0o555)
    try:
        assert cache_folder(tmp_path) == Path.home() / ".cache" / "neurospike"
    finally:
        tmp_path.chmod(0o755)
    assert cache_folder(None) == Path.home() / ".cache" / "neurospike"
