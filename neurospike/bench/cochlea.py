"""Cochleas side by side: 0.4 s of something like speech, 700 channels."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.bench.harness import Timing, interleave, row
from neurospike.encoders import Cochlea
from neurospike.errors import MissingExtraError

CHANNELS = 700
SAMPLE_RATE_HZ = 8000
CLIP_S = 0.4
OURS = "neurospike"

Wave = NDArray[np.float64]


def clip(seconds: float = CLIP_S) -> Wave:
    """A vowel: 120 Hz and its harmonics, louder around three formants, that swells and fades."""
    at = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    harmonics = 120.0 * np.arange(1, 33)[:, None]
    formants = np.array([700.0, 1200.0, 2600.0])[:, None, None]
    loud = np.exp(-(((harmonics - formants) / 150.0) ** 2)).sum(axis=0) + 0.02
    sound = (loud * np.sin(2.0 * np.pi * harmonics * at)).sum(axis=0)
    return np.asarray(sound * np.sin(np.pi * at / at[-1]) / 8.0)


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """One row: medians over ``repeats`` clips of ours and one clip of the peer's.

    The peer takes some 20 s a clip, so it is run once, after one short clip that compiles it.

    Raises
    ------
    MissingExtraError
        The peer, lauscher, is not installed.
    """
    if find_spec("lauscher") is None:
        raise MissingExtraError(
            "bench.cochlea: compares with lauscher, which is not installed; pip install lauscher."
        )
    wave = clip()
    cochlea = Cochlea(CHANNELS, sample_rate=SAMPLE_RATE_HZ)
    ours = interleave({OURS: lambda: cochlea(wave)}, repeats)[OURS]
    _peer(clip(0.02), channels=2)()
    published = _peer(wave, channels=CHANNELS)
    start = time.perf_counter()
    published()
    theirs = Timing.of([time.perf_counter() - start])
    case = f"cochlea, {CHANNELS} channels, {CLIP_S} s at {SAMPLE_RATE_HZ} Hz"
    return [row(case, "lauscher, all cores", ours, theirs)]


def _peer(wave: Wave, *, channels: int) -> Callable[[], object]:
    """The published converter on the wave at the rate that ours works at inside."""
    from lauscher.audiowaves import MonoAudioWave
    from lauscher.transformations.wave2spike import Wave2Spike
    from scipy.signal import resample_poly

    def convert() -> object:
        fast = resample_poly(wave, 3, 1)
        return MonoAudioWave(fast, 3 * SAMPLE_RATE_HZ).transform(Wave2Spike(channels))

    return convert
