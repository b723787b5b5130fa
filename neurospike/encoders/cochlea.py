"""Sound into the spikes of a model cochlea."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neurospike.encoders._arrays import whole
from neurospike.encoders._sound import mono
from neurospike.errors import ArgumentError, StateError

__all__ = ["Cochlea", "CochleaStream"]

_log = logging.getLogger(__name__)

Wave = NDArray[Any] | Tensor
Events = tuple[NDArray[np.float64], NDArray[np.int64]]

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 2_000, 384_000


class Cochlea:
    """Turn a wave into spikes as the Heidelberg data sets were made from speech.

    The clip is brought to a root mean square of 0.3 and shaped by a Hann window over its whole
    length; a hydrodynamic model of the basilar membrane moves at ``channels`` places, a hair cell
    at each place sets how likely its 40 nerve fibres fire, and a bushy cell that hears them fires
    in phase. Channel 0 hears highest. The chain works at half the rate of its wave, and its hair
    cells need 12 kHz: a wave below 24 kHz is upsampled by a whole factor on the way, and the log
    says so.

    Parameters
    ----------
    channels
        Places along the membrane, evenly from one end to the other.
    sample_rate
        Of the waves to come, in Hz.
    seed
        Of the fibres' draws: the same wave and seed give the same spikes, on any number of
        threads; ``seed`` of a call stands in for it, for instance the number of the clip.

    Shape
    -----
    in:  wave (samples,), numpy or torch, real
    out: times_s (events,) float64, units (events,) int64 in 0 .. channels - 1; ascending in time

    Raises
    ------
    ArgumentError
        An empty, non-finite or many-dimensional wave; a rate or a channel count out of range.
    MissingExtraError
        No scipy, which computes the membrane.

    Cost
    ----
    700 channels of 8 kHz speech: some 0.14 s of one core per second of sound, spread over all. The
    first use of a rate computes the membrane's tables, 2 to 5 s, and keeps them, 22 MB, in the
    user's cache folder (``NEUROSPIKE_CACHE`` names another).

    Source
    ------
    Cramer et al., IEEE TNNLS 2020, arXiv:1910.07407; constants from its released converter.
    Departures: time steps of exactly two samples, where the converter stretches a clip of N
    samples by 2/N; a transform in blocks, equal to one of the whole clip with silence around it to
    1e-5 of the loudest place, where it wraps around; level and window taken before upsampling;
    spikes drawn by hazard, the same in law. Counts and first spikes of real speech agree with the
    converter's to within what two draws of either differ by.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 440.0 * np.arange(2000) / 8000)
    >>> times_s, units = Cochlea(70, sample_rate=8000)(tone)
    >>> bool((np.diff(times_s) >= 0).all()), int(np.bincount(units).argmax()) in range(45, 55)
    (True, True)
    """

    def __init__(self, channels: int = 700, sample_rate: int | None = None, seed: int = 0) -> None:
        if sample_rate is None:
            raise ArgumentError("Cochlea.sample_rate: must be given, in Hz; got nothing.")
        self.channels = _in_range("channels", channels, 2, 2**16)
        self.sample_rate = _in_range("sample_rate", sample_rate, LOWEST_RATE_HZ, HIGHEST_RATE_HZ)
        self.seed = _in_range("seed", seed, 0, 2**63 - 1)
        self._bank: Any = None

    def __repr__(self) -> str:
        return (
            f"Cochlea(channels={self.channels}, sample_rate={self.sample_rate}, seed={self.seed})"
        )

    def __getstate__(self) -> dict[str, Any]:
        # The tables are shared within a process and read from disk in the next.
        return {**self.__dict__, "_bank": None}

    def __call__(self, wave: Wave, *, gain: float | None = None, seed: int | None = None) -> Events:
        """Spikes of a whole clip.

        With ``gain`` the wave is multiplied by it and neither levelled nor windowed: the result
        then equals a stream's.
        """
        sound = mono("Cochlea", wave)
        if len(sound) == 0:
            raise ArgumentError("Cochlea.wave: must hold samples; got none.")
        if gain is None:
            levelled = sound * (_window(len(sound)) * self.gain_of(sound))
            sound, gain = levelled.astype(np.float32), 1.0
        stream = self.stream(gain=gain, seed=seed)
        return _joined(stream.push(sound), stream.flush())

    def prepare(self) -> None:
        """Compute or read the tables and compile the kernels now rather than at the first wave."""
        self(np.zeros(1, np.float32), gain=0.0)

    def gain_of(self, wave: Wave) -> float:
        """The factor that brings a clip to the model's level; 1 for silence."""
        from neurospike.kernels.audio import model

        sound = mono("Cochlea", wave).astype(np.float64)
        level = math.sqrt(float(np.mean(sound**2))) if len(sound) else 0.0
        if level == 0.0:
            _log.warning("Cochlea: the wave is silent; its few spikes are spontaneous.")
            return 1.0
        return model.RMS_LEVEL / level

    def stream(self, *, gain: float, seed: int | None = None) -> CochleaStream:
        """Hear a wave piece by piece, under a gain that is known beforehand.

        ``gain`` times the wave should have a root mean square of about 0.3; ``gain_of`` measures
        it on a clip at hand.
        """
        if not math.isfinite(gain):
            raise ArgumentError(f"Cochlea.gain: must be finite; got {gain}.")
        return CochleaStream(
            self, float(gain), self.seed if seed is None else _in_range("seed", seed, 0, 2**63 - 1)
        )

    def _filter_bank(self) -> Any:
        if self._bank is None:
            from neurospike.encoders._filter_bank import FilterBank

            self._bank = FilterBank(self.channels, self.sample_rate)
            up = self._bank.grid.upsampling
            if up > 1:
                _log.info(
                    "Cochlea: waves of %d Hz are upsampled %d times, to %d Hz: the hair cells' "
                    "time step needs 24 kHz or more.",
                    self.sample_rate,
                    up,
                    up * self.sample_rate,
                )
        return self._bank


class CochleaStream:
    """A wave heard piece by piece; made by ``Cochlea.stream``.

    ``push`` returns the spikes that are certain by now, ``flush`` the rest. However the wave is
    cut, the spikes are those of the whole. A spike comes out up to 0.7 s of sound after its time:
    the membrane's answer at its slowest places begins a fifth of a second before the sound, and
    half a second is computed at once.

    Raises
    ------
    ArgumentError
        A piece that is not finite or not one-dimensional.
    StateError
        A push after the flush.
    """

    def __init__(self, cochlea: Cochlea, gain: float, seed: int) -> None:
        from neurospike.kernels.audio.state import Nerve

        self._bank = cochlea._filter_bank()
        grid = self._bank.grid
        self._gain = np.float32(gain)
        self._nerves = [
            Nerve.at_rest(
                range(first, min(first + self._bank.GROUP, cochlea.channels)), grid.rate_hz, seed
            )
            for first in range(0, cochlea.channels, self._bank.GROUP)
        ]
        self._block = 0
        self._heard = 0
        self._held = np.zeros(-grid.source_start(0), np.float32)  # silence before the start
        self._flushed = False

    def push(self, wave: Wave) -> Events:
        """Hear more samples; the spikes that are certain by now, ascending in time."""
        self._check_open("push")
        sound = mono("Cochlea", wave) * self._gain
        self._heard += len(sound)
        self._held = np.concatenate([self._held, sound])
        grid = self._bank.grid
        events = []
        while len(self._held) >= grid.source_block:
            events.append(self._hear(grid.hop))
        return _joined(*events)

    def flush(self) -> Events:
        """End the wave: the remaining spikes."""
        self._check_open("flush")
        self._flushed = True
        grid = self._bank.grid
        events = []
        while (left := grid.answers(self._heard) - self._block * grid.hop) > 0:
            missing = max(0, grid.source_block - len(self._held))
            self._held = np.pad(self._held, (0, missing))
            events.append(self._hear(min(left, grid.hop)))
        return _joined(*events)

    def _hear(self, samples: int) -> Events:
        grid = self._bank.grid
        times, units = [], []
        answers = self._bank.answer(self._held[: grid.source_block])
        for nerve, (first, velocity) in zip(self._nerves, answers, strict=True):
            at, channels = nerve.hear(velocity.numpy(), grid.back, samples)
            times.append(at)
            units.append(channels + first)
        self._block += 1
        done = grid.source_start(self._block) - grid.source_start(self._block - 1)
        self._held = self._held[done:]
        at = np.concatenate(times)
        order = np.argsort(at, kind="stable")
        return at[order] / grid.rate_hz, np.concatenate(units)[order]

    def _check_open(self, method: str) -> None:
        if self._flushed:
            raise StateError(
                f"CochleaStream.{method}: the stream has ended; start another with Cochlea.stream."
            )


def _joined(*events: Events) -> Events:
    if not events:
        return np.empty(0), np.empty(0, np.int64)
    return np.concatenate([e[0] for e in events]), np.concatenate([e[1] for e in events])


def _window(samples: int) -> NDArray[np.float64]:
    """The converter's Hann window: two ramps of half the clip; a middle sample stays as it is."""
    half = samples // 2
    ramp = np.hanning(2 * half)[:half]
    return np.concatenate([ramp, np.ones(samples - 2 * half), ramp[::-1]])


def _in_range(name: str, value: Any, low: int, high: int) -> int:
    number = whole("Cochlea", name, value, low)
    if number > high:
        raise ArgumentError(f"Cochlea.{name}: must be at most {high}; got {number}.")
    return number
