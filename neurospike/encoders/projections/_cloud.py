"""What projections of clouds share: reading points, and the cells of a box that they lie in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.encoders._arrays import finite, real, whole
from neurospike.errors import ArgumentError

Points = NDArray[Any]  # float32 or float64, contiguous
Limits = tuple[float, float, float, float, float, float]
Range = float | Sequence[float]


def read(owner: str, sample: Mapping[str, Any], key: str) -> NDArray[Any]:
    """The array that a projection reads of a sample."""
    if key not in sample:
        raise ArgumentError(
            f"{owner}.sample: must have {key}; got {', '.join(sorted(sample)) or 'nothing'}. "
            "Choose a projection that reads what the sample has."
        )
    return real(owner, key, sample[key])


def read_points(owner: str, sample: Mapping[str, Any], columns: int = 3) -> Points:
    """The first columns of a sample's points, (N, columns), finite."""
    given = read(owner, sample, "points")
    if given.ndim != 2 or given.shape[1] < columns:
        raise ArgumentError(
            f"{owner}.points: must be (N, {columns}) or wider, x, y, z first; got {given.shape}."
        )
    dtype = np.float32 if given.dtype == np.float32 else np.float64
    points: Points = np.array(given[:, :columns], dtype, order="C")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points)).any(axis=1).sum())
        raise ArgumentError(
            f"{owner}.points: must be finite; got {bad} of {len(points)} with a NaN or infinite "
            "value. Remove them first."
        )
    return points


def number(owner: str, name: str, value: float) -> float:
    """One finite number, of any sign."""
    given = finite(owner, name, value)
    if given.ndim:
        raise ArgumentError(f"{owner}.{name}: must be one number; got {value!r}.")
    return float(given)


def read_size(owner: str, size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width, from both or from one number."""
    sides = list(size) if isinstance(size, Sequence) else [size, size]
    if len(sides) != 2:
        raise ArgumentError(f"{owner}.size: must be height and width, or one number; got {size}.")
    return whole(owner, "size", sides[0], 1), whole(owner, "size", sides[1], 1)


def read_range(owner: str, point_range: Range) -> Limits:
    """Six limits; one number r stands for -r .. r along each axis."""
    given = np.atleast_1d(finite(owner, "point_range", point_range))
    if given.shape == (1,):
        given = np.repeat([-given[0], given[0]], 3)
    if given.shape != (6,) or not (given[:3] < given[3:]).all():
        raise ArgumentError(
            f"{owner}.point_range: must be x_low, y_low, z_low, x_high, y_high, z_high with each "
            f"low below its high, or one number above 0; got {point_range!r}."
        )
    x0, y0, z0, x1, y1, z1 = given.tolist()
    return x0, y0, z0, x1, y1, z1


def cells(points: Points, limits: Limits, shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """(N,) row-major cells of a box cut into (x, y, z) parts; below 0 out of the box.

    The lower faces belong to it and the upper ones not, as a ``Voxelizer`` has it.
    """
    from neurospike.kernels.voxels import numba as kernels

    low, high = np.array(limits[:3]), np.array(limits[3:])
    edges = np.array(shape, np.int64)
    no_batch = np.empty(0, np.int64)
    keys, _ = kernels.point_keys(points, no_batch, low[None], high, (high - low) / edges, edges)
    found: NDArray[np.int64] = keys
    return found


def middles(low: float, high: float, count: int) -> NDArray[np.float64]:
    """(count,) middles of equal parts, ascending."""
    return np.asarray(low + (np.arange(count) + 0.5) * ((high - low) / count), np.float64)


def axis_label(name: str, first: float, last: float) -> str:
    """An axis of a panel: what runs along it, from where to where."""
    return f"{name}, {first:.4g} to {last:.4g}"
