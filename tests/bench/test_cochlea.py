"""The cochlea's benchmark compares like with like."""

import numpy as np
import pytest

from neurospike.bench import cochlea
from neurospike.encoders import Cochlea

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_the_clip_is_heard_alike_by_both() -> None:
    pytest.importorskip("lauscher", reason="the published converter is not installed")
    wave = cochlea.clip(0.15)
    assert np.abs(wave).max() <= 1
    ours = [len(Cochlea(20, sample_rate=cochlea.SAMPLE_RATE_HZ)(wave, seed=s)[0]) for s in range(8)]
    theirs = len(cochlea._peer(wave, channels=20)().spike_times)
    assert theirs == pytest.approx(np.mean(ours), rel=0.25)


def test_the_row_holds_medians_and_a_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lauscher", reason="the published converter is not installed")
    monkeypatch.setattr(cochlea, "CHANNELS", 4)
    monkeypatch.setattr(cochlea, "clip", lambda seconds=0.02: np.sin(np.arange(400.0)))
    (found,) = cochlea.run(repeats=1)
    assert found["ratio"] == pytest.approx(found["peer_ms"] / found["ours_ms"])
    assert found["case"].startswith("cochlea, 4 channels")
