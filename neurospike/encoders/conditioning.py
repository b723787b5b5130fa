"""Bring a clip of speech to an even tilt and level, before a cochlea hears it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError

RMS_LEVEL = 0.3
"""The level that the model cochlea of arXiv:1910.07407 is given."""

FLOOR = 0.05
"""Share of the loudest moment's level below which nothing is raised further: pauses stay quiet."""


def condition_speech(
    wave: NDArray[Any],
    sample_rate: int,
    *,
    corner_hz: float | None = None,
    compression: float = 0.5,
    window_ms: float = 50.0,
    level: float = RMS_LEVEL,
) -> NDArray[np.float32]:
    """Flatten the spectrum's tilt, even out loud and quiet moments, set the level of the whole.

    Vowels are tens of decibels louder than fricatives; at one gain for the clip, a cochlea hears
    little else. How steeply a spectrum falls also tells speakers and microphones apart, not
    words. This is an offline step: it sees the whole clip. Give what comes out to ``Cochlea``
    with ``gain=1.0``, which then neither levels nor windows.

    Parameters
    ----------
    wave
        Samples (n,).
    sample_rate
        In Hz.
    corner_hz
        The tilt is taken off by y[t] = x[t] - a * x[t - 1]. None takes the clip's own a, which
        leaves the least energy (linear prediction of order 1); a frequency fixes it at
        exp(-2 pi corner_hz / sample_rate), so that 134 Hz is the usual 0.9 at 8 kHz, and infinity
        leaves the wave as it is.
    compression
        y / (local level)^compression: 0 leaves differences in level as they are, 1 removes them.
    window_ms
        Length of the Hann window under which the local level, a root mean square, is taken.
    level
        Root mean square of the result.

    Shape
    -----
    in:  wave (n,)
    out: (n,) float32; silence stays silence

    Raises
    ------
    ArgumentError
        A wave that is empty, not finite or not one-dimensional, or settings out of range.

    Cost
    ----
    A convolution with the window: milliseconds a clip.

    Source
    ------
    Pre-emphasis and linear prediction as usual in speech processing (Makhoul, Proc. IEEE 1975);
    the compression is this package's own choice.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=8000)
    >>> loud_then_quiet = noise * np.repeat([1.0, 0.1], 4000)
    >>> even = condition_speech(loud_then_quiet, 8000, compression=0.9)
    >>> bool(even[5000:].std() > 0.5 * even[:3000].std())
    True
    """
    sound = _checked(wave, sample_rate, corner_hz, compression, window_ms, level)
    emphasised = sound.copy()
    emphasised[1:] -= _tilt(sound, sample_rate, corner_hz) * sound[:-1]
    loudness = _local_rms(emphasised, max(1, round(window_ms * sample_rate / 1000)))
    peak = float(loudness.max())
    if peak == 0.0:
        return emphasised.astype(np.float32)
    even = emphasised * ((loudness + FLOOR * peak) / peak) ** -compression
    even *= level / math.sqrt(float(np.mean(even**2)))
    return even.astype(np.float32)


def _tilt(sound: NDArray[np.float64], sample_rate: int, corner_hz: float | None) -> float:
    """The factor a of the first difference."""
    if corner_hz is not None:
        return math.exp(-2 * math.pi * corner_hz / sample_rate)
    energy = float(sound @ sound)
    return float(sound[:-1] @ sound[1:]) / energy if energy else 0.0


def _local_rms(sound: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Level around every sample, under a Hann window of ``width`` samples and unit sum."""
    window = np.hanning(width + 2)[1:-1]
    energy = np.convolve(sound**2, window / window.sum(), "full")
    start = (width - 1) // 2
    # Rounding may leave tiny negative sums where there was silence.
    return np.sqrt(np.maximum(energy[start : start + len(sound)], 0.0))


def _checked(
    wave: NDArray[Any],
    sample_rate: int,
    corner_hz: float | None,
    compression: float,
    window_ms: float,
    level: float,
) -> NDArray[np.float64]:
    sound = np.asarray(wave, np.float64)
    owner = "condition_speech"
    if sound.ndim != 1 or len(sound) == 0 or not np.isfinite(sound).all():
        raise ArgumentError(
            f"{owner}.wave: must be samples (n,), one or more, all finite; got shape "
            f"{sound.shape}{'' if sound.ndim != 1 or not len(sound) else ' with NaN or infinity'}."
        )
    for name, value in (("sample_rate", sample_rate), ("window_ms", window_ms), ("level", level)):
        if not 0 < value < math.inf:
            raise ArgumentError(f"{owner}.{name}: must be above 0 and finite; got {value}.")
    if corner_hz is not None and not corner_hz >= 0:
        raise ArgumentError(f"{owner}.corner_hz: must be None, or 0 or more; got {corner_hz}.")
    if not 0 <= compression <= 1:
        raise ArgumentError(f"{owner}.compression: must lie in 0..1; got {compression}.")
    return sound
