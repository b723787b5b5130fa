"""SpokenTones: nothing but gaps between channels tells the classes."""

import numpy as np
import pytest

from neurospike.datasets import SpokenTones
from neurospike.errors import ArgumentError


def events(tones: SpokenTones) -> np.ndarray:
    """(samples, steps, channels) counts of events per step."""
    counts = np.zeros((len(tones), tones.steps, tones.units_total), dtype=np.int64)
    for row, sample in enumerate(tones):
        steps = (sample["times_s"] * 1000 / tones.dt_ms).astype(int)
        np.add.at(counts[row], (steps, sample["units"]), 1)
    return counts


def test_a_sample_is_sorted_events_of_a_window() -> None:
    tones = SpokenTones("val", 16, window_ms=500.0, dt_ms=5.0, channels=11, plays=2)
    sample = tones[3]
    assert sample["times_s"].dtype == np.float32
    assert sample["units"].dtype == np.int32
    assert len(sample["times_s"]) == len(sample["units"]) == 11 * (2 + 3)
    assert (np.diff(sample["times_s"]) >= 0).all()
    assert 0 <= sample["times_s"].min() <= sample["times_s"].max() < 0.5
    assert sample["label"] == 3 == tones.labels[3]
    assert sample["name"] == "tones_val_00003"
    assert (tones.steps, tones.units_total) == (100, 11)


def test_samples_follow_from_seed_split_and_index() -> None:
    first, again = SpokenTones(size=12), SpokenTones(size=12)
    for index in (7, 2, 11):
        assert np.array_equal(first[index]["times_s"], again[index]["times_s"])
        assert np.array_equal(first[index]["units"], again[index]["units"])
    others = (SpokenTones(size=12, seed=1), SpokenTones("test", 12), SpokenTones("val", 12))
    assert not any(np.array_equal(first[7]["times_s"], o[7]["times_s"]) for o in others)
    legacy = SpokenTones("val", 12, protocol="legacy")
    assert np.array_equal(legacy[7]["times_s"], SpokenTones("test", 12)[7]["times_s"])
    assert np.array_equal(first.onsets, SpokenTones(seed=5).onsets)


def test_without_noise_a_sample_is_its_word_said_both_ways() -> None:
    tones = SpokenTones(size=8, noise=0, plays=2, channels=5)
    for row, counts in enumerate(events(tones)):
        # Spikes of a channel are where the first channel's are, moved by the word's onsets.
        starts = np.repeat(np.arange(tones.steps), counts[:, 0])
        assert len(starts) == 2
        expected = [
            sorted((np.array(order) + tones.onsets[row, [0, 1]][:, tone]) % tones.steps)
            for tone in range(5)
            for order in (starts, starts[::-1])
        ]
        heard = [np.repeat(np.arange(tones.steps), counts[:, tone]).tolist() for tone in range(5)]
        ways = {tuple(map(tuple, expected[order::2])) for order in (0, 1)}
        assert tuple(map(tuple, heard)) in ways


def test_words_share_tones_order_length_and_mean_gaps() -> None:
    tones = SpokenTones(classes=12, size=0)
    gaps = np.diff(tones.onsets, axis=-1)
    assert tones.onsets.shape == (12, 2, 5)
    assert (np.sort(gaps, axis=-1) == [3, 5, 7, 9]).all()
    assert (tones.onsets[..., -1] == 24).all()
    assert (gaps.mean(axis=1) == 6).all()
    assert len({tuple(way) for way in gaps.reshape(-1, 4).tolist()}) == 24


def test_every_channel_fires_equally_often_in_every_sample() -> None:
    counts = events(SpokenTones(size=40)).sum(axis=1)
    assert (counts == 8 + 3).all()


def test_spikes_of_a_channel_come_at_any_time_in_every_class() -> None:
    tones = SpokenTones(size=1600)
    counts = events(tones)
    tenths = counts.reshape(len(tones), 10, 10, 20).sum(axis=2)
    for label in range(8):
        seen = tenths[tones.labels == label].sum(axis=0)  # (tenths of the window, channels)
        expected = seen.sum() / seen.size
        # Chi-square of 9 degrees a channel: mean 9, standard deviation 4.2. Channels of one tone
        # move together, so the mean over all is a mean over tones.
        chi2 = ((seen - expected) ** 2 / expected).sum(axis=0)
        assert chi2.mean() < 9 + 4 * 4.2 / np.sqrt(5)


def test_neither_counts_nor_times_of_channels_tell_the_classes() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    train, test = SpokenTones(size=1200), SpokenTones("test", 400)
    features = [
        events(tones).reshape(len(tones), 10, 10, 20).sum(axis=2).reshape(len(tones), -1)
        for tones in (train, test)
    ]
    fitted = linear.RidgeClassifier(alpha=100.0).fit(features[0], train.labels)
    # Chance is 12.5 %, with a standard deviation of 1.7 %.
    assert fitted.score(features[1], test.labels) < 0.125 + 4 * 0.017


BAD = {
    "split": ({"split": "valid"}, "SpokenTones.split"),
    "size": ({"size": -1}, "SpokenTones.size: at least 0"),
    "classes": ({"classes": 13}, "SpokenTones.classes: at most 12"),
    "one class": ({"classes": 1}, "SpokenTones.classes: at least 2"),
    "channels": ({"channels": 4}, "SpokenTones.channels: at least 5"),
    "plays": ({"plays": 0}, "SpokenTones.plays: at least 1"),
    "noise": ({"noise": -0.1}, "SpokenTones.noise"),
    "nan": ({"noise": float("nan")}, "SpokenTones.noise"),
    "window": ({"window_ms": 480.0}, "49 or more; got 480.0 and 10.0"),
    "part": ({"window_ms": 1001.0}, "a whole number of steps"),
    "dt": ({"dt_ms": 0.0}, "a whole number of steps"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case: str) -> None:
    arguments, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        SpokenTones(**arguments)
