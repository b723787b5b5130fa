"""A fixed number of points out of any number."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError

Sampling = Literal["farthest", "random"]
Ints = NDArray[np.int64]

LARGEST = 8192
"""Points among which the farthest are looked for; larger clouds are thinned at random first."""


def check_sampling(owner: str, sampling: str) -> Sampling:
    """One of the two."""
    if sampling == "farthest":
        return "farthest"
    if sampling == "random":
        return "random"
    raise ArgumentError(f"{owner}.sampling: must be farthest or random; got {sampling!r}.")


def thinned(points: NDArray[Any], seed: int) -> NDArray[Any]:
    """At most ``LARGEST`` points, in their order."""
    if len(points) <= LARGEST:
        return points
    rng = np.random.default_rng(seed)
    return points[np.sort(rng.choice(len(points), LARGEST, replace=False, shuffle=False))]


def picked(xyz: NDArray[np.float32], count: int, *, sampling: Sampling, seed: int) -> Ints:
    """Rows (min(count, N),): all of them in their order, or some in the order of choice."""
    if len(xyz) <= count:
        return np.arange(len(xyz))
    if sampling == "random":
        return np.random.default_rng(seed).permutation(len(xyz))[:count]
    from neurospike.kernels.points import numba as kernels

    # The first is the farthest from the middle, whatever the order of the points.
    apart = ((xyz - xyz.mean(axis=0)) ** 2).sum(axis=1)
    chosen: Ints = kernels.farthest(xyz, int(np.argmax(apart)), count)
    return chosen


def repeated(rows: Ints, count: int) -> Ints:
    """Rows over and over, until there are as many as asked for."""
    found: Ints = rows[np.arange(count) % len(rows)]
    return found
