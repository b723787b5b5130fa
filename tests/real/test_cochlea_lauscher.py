"""Real speech through our cochlea and through the published converter, 70 of its places.

Both draw at random, so means over draws are compared in units of their own error.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike.datasets import read_wave
from neurospike.encoders import Cochlea

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "fsdd"
CHANNELS, DRAWS, THEIR_DRAWS = 70, 24, 2
CLIP_S = 0.3

Events = tuple[Any, Any]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ROOT.is_dir(), reason="needs shared/data/fsdd"),
]


def published(wave: np.ndarray, rate: int) -> list[Events]:
    """Draws of the released converter; what is drawn last is drawn again."""
    pytest.importorskip("lauscher", reason="the published converter is not installed")
    from lauscher.audiowaves import MonoAudioWave
    from lauscher.transformations import (
        BasilarMembrane,
        BushyCell,
        HairCell,
        HanningWindow,
        RmsNormalizer,
    )
    from scipy.signal import resample_poly

    sound = MonoAudioWave(resample_poly(wave.astype(float), 3, 1), 3 * rate)
    for stage in (RmsNormalizer(0.3), HanningWindow(), BasilarMembrane(CHANNELS), HairCell()):
        sound = sound.transform(stage)
    np.random.seed(0)  # the converter draws from the global generator
    draws = [sound.transform(BushyCell()) for _ in range(THEIR_DRAWS)]
    return [(draw.spike_times, draw.spike_labels.astype(int)) for draw in draws]


def counts(draws: list[Events]) -> np.ndarray:
    return np.array([np.bincount(units, minlength=CHANNELS) for _, units in draws])


def first_spikes(draws: list[Events]) -> np.ndarray:
    """Seconds, (draws, channels); NaN where a channel is silent."""
    first = np.full((len(draws), CHANNELS), np.nan)
    for row, (times_s, units) in zip(first, draws, strict=True):
        heard, at = np.unique(units, return_index=True)
        row[heard] = np.asarray(times_s)[at]
    return first


def z_scores(ours: np.ndarray, theirs: np.ndarray, floor: float) -> np.ndarray:
    spread = np.maximum(np.nanvar(ours, axis=0, ddof=1), floor)
    error = np.sqrt(spread * (1 / len(ours) + 1 / len(theirs)))
    return np.asarray((np.nanmean(theirs, axis=0) - np.nanmean(ours, axis=0)) / error)


@pytest.mark.parametrize("name", ["3_george_0", "0_jackson_1", "7_theo_2"])
def test_counts_and_first_spikes_agree(name: str) -> None:
    wave, rate = read_wave(ROOT / f"{name}.wav")
    wave = wave[: int(CLIP_S * rate)]
    theirs = published(wave, rate)
    cochlea = Cochlea(CHANNELS, sample_rate=rate)
    ours = [cochlea(wave, seed=seed) for seed in range(DRAWS)]

    # Spikes a clip: within 5 % and three standard errors; a channel: within 4.5, all of them
    # together spread as chance would have it.
    totals = counts(ours).sum(axis=1), counts(theirs).sum(axis=1)
    assert totals[0].mean() > 200
    assert totals[1].mean() == pytest.approx(totals[0].mean(), rel=0.05)
    assert abs(z_scores(totals[0][:, None], totals[1][:, None], 1.0)[0]) < 3
    z = z_scores(counts(ours), counts(theirs), floor=0.1)
    assert np.abs(z).max() < 4.5
    assert 0.5 < z.std() < 1.5
    assert abs(z.mean()) < 0.4

    # First spikes, where a channel always has one: within a step of each other or by chance.
    busy = counts(ours).min(axis=0) > 0
    assert busy.sum() > 20
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel without any spike
        z = z_scores(first_spikes(ours)[:, busy], first_spikes(theirs)[:, busy], floor=1e-6)
    assert np.nanmax(np.abs(z)) < 4.5
    assert abs(np.nanmean(z)) < 0.6

    # When spikes come, in bins of 10 ms.
    edges = np.arange(0.0, CLIP_S + 0.01, 0.01)
    ours_in_time, theirs_in_time = (
        np.array([np.histogram(times_s, edges)[0] for times_s, _ in draws])
        for draws in (ours, theirs)
    )
    z = z_scores(ours_in_time, theirs_in_time, floor=1.0)
    assert np.abs(z).max() < 4.5
    assert z.std() < 1.6
