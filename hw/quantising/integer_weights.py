"""Weights as integers of a width, in units of a power of two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Projection, WeightError
from neurospike.hw.quantising.rounding import half_up

_FINER = 3
"""Scales tried below the one at which nothing is clipped: each halves the unit."""


def integer_weights(weight: NDArray[Any], exponent: int, limit: int) -> NDArray[np.int32]:
    """Round to units of 2 ** -exponent; what lies beyond ``limit`` units is brought to it."""
    units = half_up(np.ldexp(np.asarray(weight, np.float64), exponent))
    clipped: NDArray[np.int32] = np.clip(units, -limit, limit).astype(np.int32)
    return clipped


def best_exponent(weights: Sequence[NDArray[Any]], limit: int) -> int | None:
    """The unit 2 ** -exponent with the least squared error over all the weights together.

    None where all weights are 0. Finer units round less and clip more; of two equal ones the
    coarser is taken.

    Examples
    --------
    >>> best_exponent([np.array([1.0, -0.5])], limit=127)
    6
    """
    largest = max((float(np.abs(w).max()) for w in weights if w.size), default=0.0)
    if largest == 0:
        return None
    widest = math.floor(math.log2(limit / largest))
    tried = range(widest, widest + _FINER)
    return min(tried, key=lambda e: (sum(_squared_error(w, e, limit) for w in weights), e))


def weight_error(weight: NDArray[Any], exponent: int, limit: int) -> WeightError:
    """How well the integers meet the weights."""
    if not weight.size:
        return WeightError(2.0**-exponent, 0.0, 0.0, 0.0)
    beyond = np.abs(half_up(np.ldexp(weight, exponent))) > limit
    rms = math.sqrt(_squared_error(weight, exponent, limit) / weight.size)
    size = math.sqrt(float(np.mean(np.square(weight))))
    return WeightError(2.0**-exponent, float(beyond.mean()), rms, rms / size if size else 0.0)


def spread(projection: Projection, weight: NDArray[Any]) -> float:
    """Deviation of the current of the most strongly driven channel, for inputs of deviation 1."""
    sources, taps, targets = weight.shape
    if not weight.size:
        return 0.0
    groups = weight.reshape(projection.groups, sources // projection.groups, taps, targets)
    return math.sqrt(float(np.square(groups).sum(axis=(1, 2)).max()))


def _squared_error(weight: NDArray[Any], exponent: int, limit: int) -> float:
    rounded = np.ldexp(integer_weights(weight, exponent, limit).astype(np.float64), -exponent)
    return float(np.square(rounded - weight).sum())
