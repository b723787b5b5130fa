"""Conditioning of speech: level, tilt, evenness, and what is refused."""

import math
from typing import Any

import numpy as np
import pytest

from neurospike.encoders import condition_speech
from neurospike.errors import ArgumentError

RATE = 8000


def tone(hz: float, samples: int = 4000) -> Any:
    return np.sin(2 * np.pi * hz * np.arange(samples) / RATE)


@pytest.mark.parametrize("gain", [1e-3, 1.0, 40.0])
def test_the_level_is_set_whatever_it_was(gain: float) -> None:
    out = condition_speech(gain * tone(300), RATE, level=0.2)
    assert math.sqrt(float(np.mean(out.astype(float) ** 2))) == pytest.approx(0.2, rel=1e-5)
    assert out.dtype == np.float32


def test_emphasis_has_the_gain_of_its_difference_equation() -> None:
    low, high = (
        condition_speech(tone(200) + tone(3000), RATE, compression=0.0, corner_hz=hz)
        for hz in (math.inf, 134.0)
    )
    factor = math.exp(-2 * math.pi * 134 / RATE)

    def ratio(x: Any) -> float:
        spectrum = np.abs(np.fft.rfft(x[:4000]))
        return float(spectrum[1500] / spectrum[100])  # bins of 2 Hz

    def gain(hz: float) -> float:
        return abs(1 - factor * np.exp(-2j * np.pi * hz / RATE))

    assert ratio(high) / ratio(low) == pytest.approx(gain(3000) / gain(200), rel=0.02)


def test_the_clips_own_tilt_leaves_the_least_energy() -> None:
    wave = np.cumsum(np.random.default_rng(0).standard_normal(4000)) * 0.01

    def left(factor: float) -> float:
        return float(np.sum((wave[1:] - factor * wave[:-1]) ** 2) + wave[0] ** 2)

    flat = condition_speech(wave, RATE, compression=0.0).astype(float)
    spectrum = np.abs(np.fft.rfft(flat)) ** 2
    raw = np.abs(np.fft.rfft(wave)) ** 2
    assert raw[1:200].mean() / raw[1000:].mean() > 100
    assert spectrum[1:200].mean() / spectrum[1000:].mean() < 2
    best = float(wave[:-1] @ wave[1:] / (wave @ wave))
    assert left(best) <= min(left(best - 0.01), left(best + 0.01))
    taken = flat[1:] / (wave[1:] - best * wave[:-1])
    assert np.allclose(taken, taken[0], rtol=1e-4)


def test_full_compression_evens_out_loud_and_quiet() -> None:
    wave = tone(500) * np.repeat([1.0, 0.2], 2000)
    kept = condition_speech(wave, RATE, compression=0.0, corner_hz=math.inf)
    even = condition_speech(wave, RATE, compression=1.0, corner_hz=math.inf)
    assert kept[2500:3500].std() / kept[500:1500].std() == pytest.approx(0.2, rel=0.01)
    assert even[2500:3500].std() / even[500:1500].std() > 0.8


def test_silence_stays_silence() -> None:
    assert not condition_speech(np.zeros(100), RATE).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wave": np.zeros(0)}, "one or more"),
        ({"wave": np.zeros((2, 5))}, r"\(2, 5\)"),
        ({"wave": np.array([0.0, np.nan])}, "NaN"),
        ({"compression": 1.5}, "compression: must lie in 0..1"),
        ({"corner_hz": -1.0}, "corner_hz"),
        ({"window_ms": 0.0}, "window_ms"),
        ({"level": math.inf}, "level"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        condition_speech(**{"wave": np.ones(10), "sample_rate": RATE, **arguments})
