"""Log energies of mel bands that the transform can resolve."""

import numpy as np
import pytest
import torch

from neurospike.encoders import Mel
from neurospike.errors import ArgumentError


def tone(pitch_hz: float, rate: int = 16_000, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * pitch_hz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def test_one_second_of_speech_commands_is_a_hundred_frames_of_140() -> None:
    frames = Mel(140, sample_rate=16_000)(tone(440, seconds=1.0))
    assert frames.shape == (100, 140)
    assert frames.dtype == np.float32
    assert np.isfinite(frames).all()


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050])
@pytest.mark.parametrize("bands", [1, 40, 140])
def test_no_band_is_empty_and_no_two_are_alike(rate: int, bands: int) -> None:
    mel = Mel(bands, sample_rate=rate)
    assert (mel.filters.sum(axis=1) > 0).all()
    assert len(np.unique(mel.filters, axis=0)) == bands
    assert not mel.filters[:, 0].any()
    assert mel.filters.max() <= 1


@pytest.mark.parametrize("pitch", [150.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_is_loudest_in_its_own_band(pitch: float) -> None:
    mel = Mel(80, sample_rate=16_000)
    frames = mel(tone(pitch))
    frequency = np.arange(mel.n_fft // 2 + 1) * 16_000 / mel.n_fft
    centre = frequency[mel.filters[frames[10:-10].mean(axis=0).argmax()].argmax()]
    assert centre == pytest.approx(pitch, rel=0.08)


def test_energies_are_those_of_one_frame_worked_out_by_hand() -> None:
    mel = Mel(20, sample_rate=8000, hop_ms=10, window_ms=25)
    wave = np.random.default_rng(0).standard_normal(1000)
    frames = mel(wave)
    begin = 5 * 80 + 40 - 100  # the middle of step 5, less half a window
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, 201) / 201)
    power = np.abs(np.fft.rfft(wave[begin : begin + 200] * window, mel.n_fft)) ** 2
    np.testing.assert_allclose(frames[5], np.log(mel.filters @ power + 1e-6), rtol=1e-4)


def test_frames_are_as_many_as_steps_begun() -> None:
    mel = Mel(10, sample_rate=8000)
    lengths = {1: 1, 79: 1, 80: 1, 81: 2, 8000: 100}
    assert {n: len(mel(np.ones(n))) for n in lengths} == lengths


def test_a_window_shorter_than_a_step_lies_in_its_middle() -> None:
    mel = Mel(5, sample_rate=8000, hop_ms=20, window_ms=5, n_fft=64)
    wave = np.zeros(320, np.float32)
    wave[160 + 80] = 1.0
    frames = mel(wave)
    assert frames.shape == (2, 5)
    assert frames[1].min() > frames[0].max()


def test_silence_is_the_floor() -> None:
    frames = Mel(10, sample_rate=8000, floor=1e-4)(np.zeros(800))
    np.testing.assert_allclose(frames, np.log(1e-4), rtol=1e-6)


def test_tensors_are_taken() -> None:
    mel = Mel(10, sample_rate=16_000)
    assert np.array_equal(mel(torch.from_numpy(tone(300))), mel(tone(300)))


def test_too_many_bands_are_refused_with_the_largest_number_that_works() -> None:
    with pytest.raises(ArgumentError, match="resolves at most") as caught:
        Mel(140, sample_rate=8000, n_fft=256)
    most = int(str(caught.value).split("at most ")[1].split()[0])
    assert 20 < most < 140
    assert Mel(most, sample_rate=8000, n_fft=256).filters.any(axis=1).all()
    with pytest.raises(ArgumentError, match=f"at most {most} bands"):
        Mel(most + 1, sample_rate=8000, n_fft=256)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"f_max": 4001.0}, "Mel.f_max: .* at most half the sampling rate, 4000 Hz; got 4001"),
        ({"f_max": 0.0}, "Mel.f_max"),
        ({"f_max": float("nan")}, "Mel.f_max"),
        ({"f_min": 4000.0}, "Mel.f_min"),
        ({"f_min": -1.0}, "Mel.f_min"),
        ({"n_fft": 128}, "Mel.n_fft: must hold the window of 200 samples; got 128"),
        ({"bands": 0}, "Mel.bands: must be a whole number, 1 or more"),
        ({"sample_rate": 0}, "Mel.sample_rate"),
        ({"hop_ms": 0}, "Mel.hop_ms"),
        ({"window_ms": -1}, "Mel.window_ms"),
        ({"floor": 0}, "Mel.floor"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Mel(**{"bands": 20, "sample_rate": 8000, **arguments})


@pytest.mark.parametrize("wave", [np.zeros(0), np.zeros((2, 5)), np.array([np.nan])])
def test_bad_waves_are_refused(wave: np.ndarray) -> None:
    with pytest.raises(ArgumentError, match=r"Mel.wave: must"):
        Mel(5, sample_rate=8000)(wave)
