"""From waves to spikes: one result however the wave is cut, and what a cochlea must do."""

import logging
import math
import os
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurospike.encoders import Cochlea, _cache
from neurospike.encoders._filter_bank import _CUTOFF, FilterBank, Grid, _low_pass
from neurospike.encoders.cochlea import _window
from neurospike.errors import ArgumentError, StateError
from neurospike.files import user_cache_folder
from neurospike.kernels.audio import model, reference

CHANNELS = 20


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path / "cache"))


def chirp(samples: int = 4000, rate: int = 8000) -> np.ndarray:
    time = np.arange(samples) / rate
    wave = np.sin(2 * np.pi * (200 + 900 * time) * time) * (0.6 + 0.4 * np.sin(40 * time))
    return (wave + 0.01 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)


def same(first: tuple, second: tuple) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_events_are_typed_ascending_and_in_range() -> None:
    wave = chirp()
    times_s, units = Cochlea(CHANNELS, 8000)(wave)
    assert times_s.dtype == np.float64
    assert units.dtype == np.int64
    assert times_s.shape == units.shape
    assert len(times_s) > 50
    assert (np.diff(times_s) >= 0).all()
    assert 0 <= times_s.min() <= times_s.max() < len(wave) / 8000
    assert 0 <= units.min() <= units.max() < CHANNELS
    ties = np.diff(times_s) == 0
    assert (np.diff(units)[ties] > 0).all()


def test_a_seed_means_one_result() -> None:
    cochlea = Cochlea(CHANNELS, sample_rate=8000, seed=1)
    first = cochlea(chirp())
    assert same(first, cochlea(chirp()))
    assert same(first, Cochlea(CHANNELS, sample_rate=8000, seed=1)(torch.from_numpy(chirp())))
    assert same(first, Cochlea(CHANNELS, sample_rate=8000)(chirp(), seed=1))
    assert not same(first, cochlea(chirp(), seed=2))


def test_threads_change_nothing() -> None:
    import numba

    cochlea = Cochlea(40, sample_rate=8000)
    several = cochlea(chirp())
    torch_threads, numba_threads = torch.get_num_threads(), numba.get_num_threads()
    try:
        torch.set_num_threads(1)
        numba.set_num_threads(1)
        assert same(several, cochlea(chirp()))
    finally:
        torch.set_num_threads(torch_threads)
        numba.set_num_threads(numba_threads)


@pytest.mark.parametrize(("channels", "rate"), [(40, 8000), (353, 8000), (40, 48000)])
def test_threads_change_no_bit_of_the_membranes_answer(channels: int, rate: int) -> None:
    bank = FilterBank(channels, rate)
    wave = np.random.default_rng(0).standard_normal(bank.grid.source_block).astype(np.float32)
    torch_threads = torch.get_num_threads()
    answers = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            answers.append(torch.cat([part.clone() for _, part in bank.answer(wave)]))
    finally:
        torch.set_num_threads(torch_threads)
    assert answers[0].shape == (channels, bank.grid.block)
    assert all(torch.equal(answers[0], other) for other in answers[1:])


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 7000), max_size=6))
def test_a_stream_gives_the_same_spikes_however_it_is_cut(cuts: list[int]) -> None:
    cochlea = Cochlea(CHANNELS, sample_rate=8000)
    wave = chirp(7000)
    edges = [0, *sorted(cuts), 7000]
    stream = cochlea.stream(gain=0.4)
    parts = [stream.push(wave[a:b]) for a, b in pairwise(edges)]
    parts.append(stream.flush())
    joined = tuple(map(np.concatenate, zip(*parts, strict=True)))
    assert same(joined, cochlea(wave, gain=0.4))
    assert len(joined[0]) > 100


def test_a_stream_hands_out_spikes_as_it_goes() -> None:
    cochlea = Cochlea(CHANNELS, sample_rate=8000)
    stream = cochlea.stream(gain=0.4)
    found = [len(stream.push(piece)[0]) for piece in np.split(chirp(16_000), 100)]
    assert sum(found) > 100
    assert sum(1 for count in found if count) == 3  # blocks that 2 s hold with what is around


def test_a_whole_clip_is_a_levelled_and_windowed_stream() -> None:
    cochlea = Cochlea(CHANNELS, sample_rate=8000)
    wave = chirp(3999)
    gain = cochlea.gain_of(wave)
    assert np.sqrt(np.mean((gain * wave.astype(float)) ** 2)) == pytest.approx(0.3)
    shaped = wave * (_window(3999) * gain).astype(np.float32)
    assert same(cochlea(wave), cochlea(shaped, gain=1.0))


def test_loudness_of_a_clip_makes_no_difference() -> None:
    cochlea = Cochlea(CHANNELS, sample_rate=8000)
    assert same(cochlea(chirp()), cochlea(chirp() * 2**-7))
    assert same(cochlea(chirp()), cochlea((chirp() * 1.0).astype(np.float64)))
    assert len(cochlea(chirp() * np.float32(1e-38))[0]) > 50
    assert len(cochlea((chirp() * 1e4).astype(np.int16))[0]) > 50


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 44_100])
def test_the_bank_is_the_converters_membrane_on_the_whole_clip(rate: int) -> None:
    """Blocks against one transform of the whole clip, zeros around it; upsampled by scipy.

    The images that its filter lets through are taken out; the bank leaves out what lies so high.
    """
    signal = pytest.importorskip("scipy.signal")
    bank = FilterBank(CHANNELS, rate)
    grid = bank.grid
    source = rate // 8
    wave = chirp(source, rate) * _window(source).astype(np.float32)
    held = np.pad(wave, (-grid.source_start(0), 2 * grid.source_block))
    found = np.concatenate(
        [answer.numpy().copy() for _, answer in bank.answer(held[: grid.source_block])]
    )[:, grid.back : grid.back + grid.answers(source)]
    # Silence long enough that nothing wraps around; an even number of fast samples.
    around = rate - rate % 2
    fast = signal.resample_poly(np.pad(wave.astype(float), around), grid.upsampling, 1)
    spectrum = np.fft.rfft(fast[: len(fast) // 2 * 2])
    spectrum[math.ceil(_CUTOFF * len(spectrum) / grid.upsampling) :] = 0.0
    fast = np.fft.irfft(spectrum)
    whole = reference.membrane(
        fast, grid.upsampling * rate, model.places(CHANNELS), answers=len(fast) // 2
    )
    begin = around * grid.upsampling // 2
    expected = whole[:, begin : begin + found.shape[1]]
    loudest = np.abs(expected).max(axis=1)
    error = np.abs(found - expected).max(axis=1)
    assert error.max() < 1e-5 * loudest.max()
    assert (error / loudest).max() < 1e-3


def test_blocks_meet_without_a_seam() -> None:
    bank = FilterBank(CHANNELS, 8000)
    grid = bank.grid
    wave = np.random.default_rng(0).standard_normal(3 * grid.source_block).astype(np.float32)
    step = grid.source_start(1) - grid.source_start(0)
    first, second = (
        next(bank.answer(wave[a : a + grid.source_block]))[1].numpy().copy() for a in (0, step)
    )
    end = grid.back + grid.hop
    apart = first[:, end : end + 60] - second[:, grid.back : grid.back + 60]
    assert np.abs(apart).max() < 1e-3 * np.abs(first).max()


def test_the_low_pass_is_that_of_polyphase_resampling() -> None:
    signal = pytest.importorskip("scipy.signal")
    impulse = np.zeros(101)
    impulse[50] = 1.0
    response = np.fft.rfft(np.roll(signal.resample_poly(impulse, 3, 1), -150))
    frequency = np.arange(len(response)) / 303
    np.testing.assert_allclose(_low_pass(frequency, 3), response.real, atol=1e-12)


@pytest.mark.parametrize("rate", [2000, 8000, 11_025, 16_000, 48_000, 96_000])
def test_grids_cut_waves_at_whole_samples(rate: int) -> None:
    grid = Grid.of(rate)
    assert grid.rate_hz >= 12_000
    assert grid.hop >= 0.45 * grid.rate_hz
    assert 2 * grid.block % grid.upsampling == 0
    assert 2 * grid.hop % grid.upsampling == 0
    assert 2 * grid.back % grid.upsampling == 0
    assert grid.block - grid.hop - grid.back >= 0.19 * grid.rate_hz


def test_pitch_decides_where_it_is_loud() -> None:
    cochlea = Cochlea(100, sample_rate=24_000)
    time = np.arange(6000) / 24_000
    loudest = [
        np.bincount(cochlea(np.sin(2 * np.pi * pitch * time))[1], minlength=100).argmax()
        for pitch in (4000.0, 1500.0, 500.0)
    ]
    assert loudest == sorted(loudest)
    assert loudest[0] + 10 < loudest[1] < loudest[2] - 10


def test_spikes_lock_to_the_phase_of_a_low_tone() -> None:
    cochlea = Cochlea(100, sample_rate=24_000)
    time = np.arange(12_000) / 24_000
    times_s, units = cochlea(np.sin(2 * np.pi * 250.0 * time))
    busiest = np.bincount(units).argmax()
    phase = np.exp(2j * np.pi * 250.0 * times_s[units == busiest])
    assert len(phase) > 30
    assert abs(phase.mean()) > 0.8


def test_upsampling_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "neurospike"):
        Cochlea(4, sample_rate=8000)(chirp(100))
        assert "8000 Hz are upsampled 3 times, to 24000 Hz" in caplog.text
        caplog.clear()
        Cochlea(4, sample_rate=24_000)(chirp(100))
        assert not caplog.records


def test_silence_is_said_and_nearly_silent(caplog: pytest.LogCaptureFixture) -> None:
    times_s, _ = Cochlea(CHANNELS, sample_rate=8000)(np.zeros(4000))
    assert "silent" in caplog.text
    assert len(times_s) < 5 * CHANNELS


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_the_shortest_clips(samples: int) -> None:
    times_s, units = Cochlea(3, sample_rate=24_000)(np.ones(samples))
    assert len(times_s) == len(units) == 0


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.zeros(0), "must hold samples; got none"),
        (np.zeros((2, 9)), "one dimension; got shape"),
        (np.array([0.0, np.nan]), "finite; got 1 NaN"),
        (np.array([np.inf, np.nan]), "finite; got 2 NaN"),
        (np.array([1e300]), "finite; got 1 NaN"),
        (np.array(["a"]), "real numbers"),
        (np.zeros(3, complex), "real numbers"),
    ],
)
def test_bad_waves_are_refused(wave: np.ndarray, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"Cochlea.wave: .*{message}"):
        Cochlea(4, sample_rate=8000)(wave)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 1}, "channels"),
        ({"channels": 7.5}, "channels"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": None}, "sample_rate"),
        ({"sample_rate": 10**9}, "sample_rate"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"Cochlea.{message}: must be"):
        Cochlea(**{"channels": 4, "sample_rate": 8000, **arguments})


@pytest.mark.parametrize("gain", [np.nan, np.inf])
def test_gains_must_be_finite(gain: float) -> None:
    with pytest.raises(ArgumentError, match=r"Cochlea.gain: must be finite"):
        Cochlea(4, sample_rate=8000).stream(gain=gain)


def test_a_stream_ends_once() -> None:
    stream = Cochlea(4, sample_rate=8000).stream(gain=1.0)
    assert len(stream.flush()[0]) == 0
    for call in (stream.flush, lambda: stream.push(np.zeros(3))):
        with pytest.raises(StateError, match="has ended"):
            call()


def test_a_cochlea_travels_to_workers_without_its_tables() -> None:
    cochlea = Cochlea(CHANNELS, sample_rate=8000)
    expected = cochlea(chirp())
    content = pickle.dumps(cochlea)
    assert len(content) < 2000
    assert same(pickle.loads(content)(chirp()), expected)


class TestCache:
    def test_tables_come_back(self, tmp_path: Path) -> None:
        table = np.arange(6, dtype=np.complex64).reshape(2, 3)
        _cache.keep("a", table)
        assert np.array_equal(_cache.load("a", np.complex64), table)
        assert _cache.load("a", np.float32) is None
        assert _cache.load("b", np.complex64) is None

    @pytest.mark.parametrize("content", [b"", b"junk", b"\x93NUMPY\x01\x00"])
    def test_damage_is_no_table(self, content: bytes) -> None:
        user_cache_folder().mkdir(parents=True)
        (user_cache_folder() / "a.npy").write_bytes(content)
        assert _cache.load("a", np.float32) is None

    def test_a_folder_that_cannot_be_written_is_no_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path / "file"))
        _cache.keep("a", np.zeros(2))
        assert _cache.load("a", np.float64) is None

    def test_it_lies_where_the_system_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NEUROSPIKE_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", os.sep + "caches")
        assert user_cache_folder() == Path(os.sep, "caches", "neurospike")
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert user_cache_folder() == Path.home() / ".cache" / "neurospike"
