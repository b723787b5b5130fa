"""SpokenTones: spikes whose classes differ in nothing but small gaps of time across channels."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import PROTOCOLS, SPLITS, Sample, Samples, check_choice
from neurospike.errors import ArgumentError

_SIZES = {"train": 4000, "val": 500, "test": 1000}
_GAPS = (3, 5, 7, 9)
"""Steps between the five tones of a word, in one order or another."""
_TONES = len(_GAPS) + 1
_REACH = sum(_GAPS)
_EVEN = 12
"""A gap and its counterpart add up to this."""
_DISTRACTORS = 3
_SHIFTED = 0.05


class SpokenTones(Samples):
    """Words of five tones, the same tones in the same order: only the gaps between them tell words.

    A tone is a chord, a group of neighbouring channels that fire together. Tone follows tone after
    gaps of 3, 5, 7 and 9 steps, in an order that makes the class; every word is also said the other
    way round, each gap g as 12 - g. A sample says its word several times, in turns the one way and
    the other, at onsets drawn anywhere in the window and wrapped at its end, among spikes at random
    times. So in every class each channel fires equally often, at any time with equal chance; tones
    have one order, words one length; each gap is 6 steps on average, wherever it stands. What is
    left is which gaps go together, to 2 steps over a reach of 24: a match for delays of up to 24
    steps and a coincidence. A leaky membrane that bridges gaps turns them into amplitudes, which
    average out, and gathers noise all the while.

    Parameters
    ----------
    split
        ``train``, ``val`` and ``test`` are drawn independently of one another.
    size
        Samples; None is 4,000 to train, 500 to validate and 1,000 to test. Classes take turns.
    seed
        Draws the samples; the words are the same for every seed.
    classes
        Words, 2 to 12; the fewer, the more their gaps differ.
    channels
        At least 5; neighbours share a tone.
    window_ms, dt_ms
        Length of a sample, and of a step; whole steps, 49 or more.
    plays
        How often the word is said.
    noise
        Multiplies the spikes at random times (3 a channel) and the share of a word's spikes that
        come a step early or late (5 %); 0 leaves the words alone.
    protocol
        ``legacy`` validates on the test split.
    root
        Taken so that all data sets are built alike; nothing is read.

    Attributes
    ----------
    units_total
        Channels.
    steps, dt_ms
        Bins that a sample fills, and their length: what ``encoders.bin_events`` wants.
    onsets
        (classes, 2, tones), steps from the start of a word to its tones, either way.

    Shape
    -----
    sample: times_s float32 (n,) ascending, in 0..window; units int32 (n,) in 0..channels-1; label
    int, name str. n = channels * (plays + distractors) in every sample.

    Raises
    ------
    ArgumentError
        An unknown split or protocol, or a number beyond its limits.

    Cost
    ----
    About 0.2 ms a sample; equal bits by (seed, split, index), in any order.

    Examples
    --------
    >>> tones = SpokenTones(split="train", size=16)
    >>> len(tones), len(tones.classes), tones.units_total, tones.steps
    (16, 8, 20, 100)
    """

    def __init__(
        self,
        split: Literal["train", "val", "test"] = "train",
        size: int | None = None,
        seed: int = 0,
        *,
        classes: int = 8,
        channels: int = 20,
        window_ms: float = 1000.0,
        dt_ms: float = 10.0,
        plays: int = 8,
        noise: float = 1.0,
        protocol: Literal["clean", "legacy"] = "clean",
        root: object = None,
    ) -> None:
        check_choice("SpokenTones", "split", split, SPLITS)
        check_choice("SpokenTones", "protocol", protocol, PROTOCOLS)
        size = _SIZES[split] if size is None else size
        least = (("size", size, 0), ("seed", seed, 0), ("channels", channels, _TONES))
        for name, value, minimum in (*least, ("plays", plays, 1), ("classes", classes, 2)):
            if value < minimum:
                raise ArgumentError(f"SpokenTones.{name}: at least {minimum}; got {value}")
        if not 0 <= noise < np.inf:
            raise ArgumentError(f"SpokenTones.noise: finite, 0 or more; got {noise}")
        self.steps = _steps(window_ms, dt_ms)
        self.dt_ms = float(dt_ms)
        self.split = "test" if protocol == "legacy" and split == "val" else split
        self.seed, self.plays, self.noise, self.units_total = seed, plays, noise, channels
        self.onsets = _onsets(classes)
        self.classes = tuple("-".join(str(gap) for gap in np.diff(ways[0])) for ways in self.onsets)
        self.labels = np.arange(size, dtype=np.int64) % classes

    def _sample(self, index: int) -> Sample:
        label = int(self.labels[index])
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), index])
        channel = np.arange(self.units_total)
        tone = channel * _TONES // self.units_total
        starts = rng.integers(0, self.steps, self.plays)
        said = self.onsets[label, np.arange(self.plays) % 2]
        played = starts[:, None] + said[:, tone]
        shift = rng.choice([-1, 1], played.shape)
        played += shift * (rng.random(played.shape) < min(1.0, _SHIFTED * self.noise))
        strays = rng.integers(0, self.steps, (round(_DISTRACTORS * self.noise), self.units_total))
        step = np.concatenate([played % self.steps, strays])
        # Within the middle of a step, so that no rounding moves a spike to another one.
        times_s = (step + rng.uniform(0.1, 0.9, step.shape)) * (self.dt_ms / 1000)
        order = np.argsort(times_s, axis=None, kind="stable")
        units = np.broadcast_to(channel, step.shape)
        return {
            "times_s": times_s.ravel()[order].astype(np.float32),
            "units": units.ravel()[order].astype(np.int32),
            "label": label,
            "name": f"tones_{self.split}_{index:05d}",
        }


def _steps(window_ms: float, dt_ms: float) -> int:
    steps = window_ms / dt_ms if dt_ms > 0 else 0.0
    # Shorter than two words, a wrapped word would meet itself.
    if not 2 * _REACH < steps < np.inf or abs(steps - round(steps)) > 1e-6 * steps:
        raise ArgumentError(
            f"SpokenTones.window_ms, dt_ms: a whole number of steps, {2 * _REACH + 1} or more; "
            f"got {window_ms} and {dt_ms}"
        )
    return round(steps)


@lru_cache
def _onsets(classes: int) -> NDArray[np.int64]:
    """(classes, 2, tones): words chosen one by one, each as unlike the others as can be."""
    words = [_both_ways(gaps) for gaps in permutations(_GAPS) if gaps[0] < _EVEN - gaps[0]]
    if classes > len(words):
        raise ArgumentError(f"SpokenTones.classes: at most {len(words)}; got {classes}")
    alike = np.array([[_tones_alike(word, other) for other in words] for word in words])
    chosen = [0]
    while len(chosen) < classes:
        left = [word for word in range(len(words)) if word not in chosen]
        chosen.append(min(left, key=lambda w: (alike[w, chosen].max(), alike[w, chosen].sum())))
    return np.stack([words[word] for word in chosen])


def _both_ways(gaps: tuple[int, ...]) -> NDArray[np.int64]:
    ways = np.array([gaps, [_EVEN - gap for gap in gaps]])
    return np.concatenate([np.zeros((2, 1), dtype=np.int64), ways.cumsum(axis=1)], axis=1)


def _tones_alike(word: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """How many tones of two words fall together, within a step, where they overlap best."""
    lags = (word[:, None] - other).reshape(-1, _TONES)
    return int(max((np.abs(lag - shift) <= 1).sum() for lag in lags for shift in lag))
