"""How real numbers become integers: the one place where it is said."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DECAY_UNITS = 4096
"""Decays count in 1 / 4096: the chip's 12 bits."""


def half_up(values: ArrayLike) -> NDArray[np.int64]:
    """The nearest whole numbers; halves go up.

    Examples
    --------
    >>> half_up([-0.5, 0.5, 1.49]).tolist()
    [0, 1, 1]
    """
    return np.floor(np.asarray(values, np.float64) + 0.5).astype(np.int64)


def to_grid(values: ArrayLike, scale: float) -> NDArray[np.int64]:
    """Real inputs in whole units of ``scale``, a power of two.

    Examples
    --------
    >>> to_grid([0.3, -0.3, 0.375], 0.25).tolist()
    [1, -1, 2]
    """
    return half_up(np.asarray(values, np.float64) / scale)


def requantised(totals: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    """Sums of products in units 2 ** shift times as large; halves go up.

    Examples
    --------
    >>> requantised(np.array([5, 6, -6, -7]), 2).tolist()
    [1, 2, -1, -2]
    """
    half = (1 << shift) >> 1
    lowered: NDArray[np.int64] = (totals + half) >> shift
    return lowered


def decay_units(decay: Any) -> Any:
    """Shares kept from step to step, in 1 / 4096: a number, or int64 an entry.

    Examples
    --------
    >>> decay_units(0.5)
    2048
    """
    units = np.clip(half_up(np.asarray(decay) * DECAY_UNITS), 0, DECAY_UNITS)
    return int(units) if units.ndim == 0 else units


def decayed(values: NDArray[np.int64], units: Any) -> NDArray[np.int64]:
    """values * units / 4096, rounded toward zero, as Loihi does on magnitudes.

    Source
    ------
    Davies et al., IEEE Micro 2018, as lava's bit-accurate model states it: u * (4096 - d) >> 12
    on the magnitude, with the sign put back.

    Examples
    --------
    >>> decayed(np.array([3, -3]), 2048).tolist()
    [1, -1]
    """
    kept: NDArray[np.int64] = np.sign(values) * (np.abs(values) * units >> 12)
    return kept
