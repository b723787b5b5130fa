"""Sound into log energies of mel bands."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.encoders._arrays import Values, positive, whole
from neurospike.encoders._sound import mono
from neurospike.errors import ArgumentError

__all__ = ["Mel"]


class Mel:
    """Turn a wave into log energies of mel bands, a frame a step: real values, not spikes.

    Frame t is a Hann window around the middle of step t, zeros beyond the clip; its power spectrum
    is summed by triangles that lie evenly on the mel scale 2595 log10(1 + f / 700), and
    ``log(energy + floor)`` is taken.

    Parameters
    ----------
    bands, sample_rate
        How many bands; of the waves to come, in Hz.
    hop_ms, window_ms
        Length of a step and of the window.
    n_fft
        Length of the transform; by default the shortest power of two that holds the window and
        gives every band a frequency of its own.
    f_min, f_max
        Hz; ``f_max`` is half the sampling rate by default and at most.
    floor
        Added to energies of waves in [-1, 1], so that silence is finite.

    Shape
    -----
    in:  wave (samples,), numpy or torch
    out: (ceil(samples / hop), bands) float32

    Raises
    ------
    ArgumentError
        ``f_max`` above half the sampling rate, a transform shorter than the window, or bands that
        the transform cannot resolve: the message names how many it can.

    Cost
    ----
    A transform a step; 140 bands of one second at 16 kHz in a few ms. The first layer of a
    network on them multiplies: its operations are MACs.

    Source
    ------
    The front end of delay networks on Speech Commands, arXiv:2306.17670: 140 bands, steps of
    10 ms. Departure: there 140 bands share 129 frequencies, and many stay empty; here the
    transform is long enough for all.

    Examples
    --------
    >>> import numpy as np
    >>> mel = Mel(140, sample_rate=16000)
    >>> mel.n_fft, mel(np.zeros(16000)).shape
    (1024, (100, 140))
    """

    def __init__(
        self,
        bands: int = 140,
        *,
        sample_rate: int,
        hop_ms: float = 10.0,
        window_ms: float = 25.0,
        n_fft: int | None = None,
        f_min: float = 20.0,
        f_max: float | None = None,
        floor: float = 1e-6,
    ) -> None:
        self.bands = whole("Mel", "bands", bands, 1)
        self.sample_rate = whole("Mel", "sample_rate", sample_rate, 1)
        self.hop = max(1, round(positive("Mel", "hop_ms", hop_ms) * self.sample_rate / 1000))
        width = positive("Mel", "window_ms", window_ms)
        self.window = max(1, round(width * self.sample_rate / 1000))
        self.floor = positive("Mel", "floor", floor)
        self.f_min, self.f_max = self._range(f_min, f_max)
        self.n_fft = self._transform_length(n_fft)
        self.filters = self._triangles()
        self._shape = np.hanning(self.window + 2)[1:-1].astype(np.float32)

    def __repr__(self) -> str:
        return (
            f"Mel({self.bands}, sample_rate={self.sample_rate}, hop={self.hop}, "
            f"window={self.window}, n_fft={self.n_fft}, f_min={self.f_min:g}, f_max={self.f_max:g})"
        )

    def __call__(self, wave: Values) -> NDArray[np.float32]:
        """Log energies (steps, bands) of a wave."""
        sound = mono("Mel", wave)
        if not len(sound):
            raise ArgumentError("Mel.wave: must hold samples; got none.")
        steps = -(-len(sound) // self.hop)
        before = max(0, (self.window - self.hop) // 2)
        after = max(0, (steps - 1) * self.hop + self.window - before - len(sound))
        late = max(0, (self.hop - self.window) // 2)
        padded = np.pad(sound, (before, after + late))[late:]
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.window)[:: self.hop][:steps]
        spectrum = np.fft.rfft(frames * self._shape, self.n_fft, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        energies: NDArray[np.float32] = np.log(power @ self.filters.T + self.floor).astype("f4")
        return energies

    def _range(self, f_min: float, f_max: float | None) -> tuple[float, float]:
        half = self.sample_rate / 2
        top = half if f_max is None else float(f_max)
        if not 0.0 < top <= half:
            raise ArgumentError(
                f"Mel.f_max: must be above 0 and at most half the sampling rate, {half:g} Hz; "
                f"got {top:g}."
            )
        if not 0.0 <= f_min < top:
            raise ArgumentError(f"Mel.f_min: must lie in [0, f_max = {top:g}); got {f_min:g}.")
        return float(f_min), top

    def _transform_length(self, n_fft: int | None) -> int:
        shortest = 1 << max(1, (self.window - 1).bit_length())
        if n_fft is None:
            n_fft = shortest
            while not self._resolves(n_fft, self.bands):
                n_fft *= 2
            return n_fft
        n_fft = whole("Mel", "n_fft", n_fft, 2)
        if n_fft < self.window:
            raise ArgumentError(
                f"Mel.n_fft: must hold the window of {self.window} samples; got {n_fft}."
            )
        if not self._resolves(n_fft, self.bands):
            most = self._most_bands(n_fft)
            raise ArgumentError(
                f"Mel.bands: at {self.sample_rate} Hz a transform of {n_fft} resolves at most "
                f"{most} bands from {self.f_min:g} to {self.f_max:g} Hz; got {self.bands}, some "
                "of which hold no frequency. Leave n_fft out to have it chosen."
            )
        return n_fft

    def _edges(self, bands: int) -> NDArray[np.float64]:
        low, high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (self.f_min, self.f_max))
        return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, bands + 2) / 2595.0) - 1.0))

    def _peaks(self, n_fft: int, bands: int) -> tuple[Any, Any]:
        """The lowest and the highest frequency, as bins, strictly inside each band."""
        edges = self._edges(bands) * n_fft / self.sample_rate
        return np.floor(edges[:-2]).astype(int) + 1, np.ceil(edges[2:]).astype(int) - 1

    def _resolves(self, n_fft: int, bands: int) -> bool:
        """Every band holds a frequency, and no two bands hold the same frequencies alone."""
        low, high = self._peaks(n_fft, bands)
        alike = (low[1:] == low[:-1]) & (high[1:] == high[:-1])
        return bool((low <= high).all() and not alike.any())

    def _most_bands(self, n_fft: int) -> int:
        return next((n for n in range(self.bands - 1, 0, -1) if self._resolves(n_fft, n)), 0)

    def _triangles(self) -> NDArray[np.float64]:
        """Weights (bands, n_fft // 2 + 1) of power; each triangle rises to 1 at its centre."""
        edges = self._edges(self.bands)[:, None]
        frequency = np.arange(self.n_fft // 2 + 1) * (self.sample_rate / self.n_fft)
        rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
        return np.asarray(np.clip(np.minimum(rising, falling), 0.0, None))
