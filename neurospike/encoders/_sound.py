"""Waves as encoders take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.encoders._arrays import real
from neurospike.errors import ArgumentError

_FULL_SCALE = 0.9999  # 16-bit recordings end at 32767 / 32768


def mono(owner: str, wave: Any) -> NDArray[np.float32]:
    """Finite float32 samples in one dimension; integers keep their values."""
    array = real(owner, "wave", wave)
    if array.ndim != 1:
        raise ArgumentError(
            f"{owner}.wave: must be samples in one dimension; got shape {array.shape}. Mix "
            "several channels down to one."
        )
    with np.errstate(over="ignore"):
        sound: NDArray[np.float32] = array.astype(np.float32)
    bad = int((~np.isfinite(sound)).sum())
    if bad:
        raise ArgumentError(
            f"{owner}.wave: must be finite; got {bad} NaN or infinite samples. Repair the "
            "recording."
        )
    return sound


def clipped_samples(sound: NDArray[np.float32]) -> int:
    """Samples in runs of three or more that stand still at the top or bottom of [-1, 1]."""
    stuck = np.abs(sound) >= _FULL_SCALE
    inside = stuck[1:-1] & stuck[:-2] & stuck[2:] & (np.diff(np.sign(sound), n=2) == 0)
    runs = np.zeros(len(sound), np.bool_)
    for shift in range(3):
        runs[shift : shift + len(inside)] |= inside
    return int(runs.sum())
