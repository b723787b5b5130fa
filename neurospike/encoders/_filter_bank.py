"""The basilar membrane as a bank of filters, run block by block on a grid fixed in time.

A block of sound is transformed once, multiplied with every channel's transfer function and
transformed back; of each block only the middle is kept, whose answer is complete. Blocks start at
multiples of one hop counted from the first sample, wherever a stream is cut, and all are computed
alike: so any cut gives the same bits.

Sound below 24 kHz is upsampled on the way: the low-pass filter of a polyphase resampler is part
of the transfer function, and the images of its spectrum above the transition band are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.encoders import _cache
from neurospike.kernels.audio import model

Table = NDArray[np.complex64]

BACK_S = 0.064
AHEAD_S = 0.192
"""Sound after and before a moment that a block's answer takes in; model.transfer says why.

At the slowest place, 100 Hz, all but 1e-8 of the impulse response's energy lies within.
"""

HOP_S = 0.5
_CUTOFF = 1.25  # of the wave's own band: beyond it the resampler's filter is down to its stop band
_CHEAP = 500_000  # values that are computed again rather than kept on disk
_FILTER_HALF = 10  # source samples either side, as in polyphase resampling with a Kaiser window
_KAISER_BETA = 5.0


@dataclass(frozen=True)
class Grid:
    """How a wave is cut into blocks; lengths in samples of the answer, at half the chain's rate."""

    sample_rate: int
    upsampling: int
    block: int
    back: int
    hop: int

    @classmethod
    def of(cls, sample_rate: int) -> Grid:
        """The shortest well factored block that holds a hop and what lies around it."""
        up = max(1, math.ceil(model.SLOWEST_RATE_HZ / sample_rate))
        half = up * sample_rate / 2
        back = _multiple(BACK_S * half, up)
        around = back + _multiple(AHEAD_S * half, up)
        block = _multiple(around + HOP_S * half, 2 * up)
        while not _well_factored(block):
            block += 2 * up
        return cls(sample_rate, up, block, back, (block - around) // up * up)

    @property
    def rate_hz(self) -> float:
        """Samples of the answer per second."""
        return self.upsampling * self.sample_rate / 2

    @property
    def source_block(self) -> int:
        """Samples of the wave in a block."""
        return 2 * self.block // self.upsampling

    def source_start(self, block: int) -> int:
        """The wave's sample that a block begins at; below 0 for the first."""
        return 2 * (block * self.hop - self.back) // self.upsampling

    def answers(self, source_samples: int) -> int:
        """Samples of the answer to a whole wave."""
        return -(-source_samples * self.upsampling // 2)


def _multiple(value: float, of: int) -> int:
    return math.ceil(value / of) * of


def _well_factored(n: int) -> bool:
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1


class FilterBank:
    """The membrane at some places for waves of one rate."""

    GROUP = 352  # channels at once: few rounds of threads, and buffers of some MB

    def __init__(self, channels: int, sample_rate: int) -> None:
        self.grid = Grid.of(sample_rate)
        self._low, self._high = _tables(channels, self.grid)
        self.channels = channels

    def answer(self, wave: NDArray[np.float32]) -> Iterator[tuple[int, Tensor]]:
        """First channel and velocities (C, block) float32 of a block of sound, group by group.

        ``hop`` of them, from ``back`` on, are complete; the array is written anew for each group.
        """
        grid = self.grid
        # Torch splits one transform, and one complex product, between threads in other orders of
        # adding: numpy does these two, and torch whole rows, so that threads change no bit.
        once = np.fft.fft(wave).astype(np.complex64)
        spectrum = once[np.arange(grid.block) % grid.source_block]
        low = spectrum[: self._low.shape[1]]
        half = grid.block // 2
        folded = self._high.shape[1]  # bins above the middle, mirrored to end just below it
        high = spectrum[half + 1 : half + 1 + folded][::-1].conj()
        rows = min(self.GROUP, self.channels)
        product = np.zeros((rows, half + 1), np.complex64)
        answer = torch.empty(rows, grid.block)
        for first in range(0, self.channels, self.GROUP):
            last = min(first + self.GROUP, self.channels)
            part = product[: last - first]
            np.multiply(self._low[first:last], low, out=part[:, : len(low)])
            if folded:
                part[:, half - folded : half] += self._high[first:last] * high
            several = max(len(part), 2)  # a row alone would be split between threads
            found = answer[:several]
            torch.fft.irfft(torch.from_numpy(product[:several]), n=grid.block, out=found)
            yield first, found[: len(part)]


@lru_cache(maxsize=4)
def _tables(channels: int, grid: Grid) -> tuple[Table, Table]:
    """Transfer functions of both halves of the answer's band, (C, bins) complex64.

    The converter keeps positive frequencies only, decimates by two and takes the real part: what
    lies in the upper half of the band folds back onto the lower one, and is handed over as such.
    """
    name = f"membrane-{channels}-{grid.sample_rate}-{grid.block}-v1"
    kept = _cache.load(name, np.complex64)
    if kept is None or kept.shape != (channels, _bins(grid)):
        kept = _transfer(channels, grid)
        if kept.size > _CHEAP:
            _cache.keep(name, kept)
    half = grid.block // 2
    low = kept[:, : half + 1].copy()
    high = np.ascontiguousarray(kept[:, :half:-1].conj())
    # Bin 0 and the middle are their own mirror images: they are not halved.
    low[:, 1:half] *= 0.5
    high *= 0.5
    return low, high


def _bins(grid: Grid) -> int:
    if grid.upsampling == 1:
        return grid.block
    return min(grid.block, math.ceil(_CUTOFF * grid.block / grid.upsampling))


def _transfer(channels: int, grid: Grid) -> NDArray[np.complex64]:
    rate = float(grid.upsampling * grid.sample_rate)
    frequency = np.arange(_bins(grid), dtype=np.float64) * (rate / 2 / grid.block)
    # The converter's grid runs from 1 Hz, where 0 would divide by zero, to half the rate.
    shifted = frequency + 1.0 - frequency / (rate / 2)
    gain = _low_pass(frequency / rate, grid.upsampling)
    with ThreadPoolExecutor() as workers:
        rows = workers.map(lambda part: model.transfer(part, shifted), _split(channels))
        return np.concatenate([(row * gain).astype(np.complex64) for row in rows])


def _split(channels: int) -> list[NDArray[np.float64]]:
    return np.array_split(model.places(channels), max(1, channels // 16))


def _low_pass(frequency: NDArray[np.floating[Any]], up: int) -> NDArray[np.float64]:
    """Gain of a polyphase resampler's Kaiser-windowed filter; frequency per fast sample."""
    if up == 1:
        return np.ones_like(frequency)
    taps = np.arange(-_FILTER_HALF * up, _FILTER_HALF * up + 1)
    weights = np.sinc(taps / up) * np.kaiser(len(taps), _KAISER_BETA)
    weights *= up / weights.sum()
    return np.cos(2.0 * np.pi * np.outer(frequency, taps)) @ weights
