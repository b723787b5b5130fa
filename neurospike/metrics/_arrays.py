"""Numpy and torch in, the same kind out; the checks that metrics share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.errors import ArgumentError

LARGEST_M = 1e100
"""Volumes of larger boxes would not fit a double."""


def plain(values: Any) -> NDArray[Any]:
    """An array on the CPU; sequences are taken too."""
    if isinstance(values, Tensor):
        held = values.detach().cpu()
        return (held.float() if held.dtype is torch.bfloat16 else held).numpy()
    return np.asarray(values)


def alike(array: NDArray[Any], values: Any) -> Any:
    """The array as a tensor on the device of ``values``, if that is a tensor."""
    return torch.from_numpy(array).to(values.device) if isinstance(values, Tensor) else array


def finite(owner: str, name: str, values: Any) -> NDArray[np.float64]:
    """Real numbers without NaN or infinities, in float64."""
    array = plain(values)
    if array.dtype.kind not in "fiu":
        raise ArgumentError(f"{owner}.{name}: must be real numbers; got dtype {array.dtype}.")
    found = array.astype(np.float64)
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).sum())
        raise ArgumentError(
            f"{owner}.{name}: must be finite; got {bad} NaN or infinite values. Remove them first."
        )
    return found


def boxes7(owner: str, name: str, values: Any) -> NDArray[np.float64]:
    """Boxes (M, 7) whose edges are not negative."""
    found = finite(owner, name, values)
    if found.size == 0 and found.ndim < 2:
        return np.empty((0, 7))
    if found.ndim != 2 or found.shape[1] != 7:
        raise ArgumentError(
            f"{owner}.{name}: must have shape (M, 7), rows (x, y, z, dx, dy, dz, yaw); "
            f"got {found.shape}."
        )
    edges = found[:, 3:6]
    wrong = ((edges < 0) | (edges > LARGEST_M)).any(1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ArgumentError(
            f"{owner}.{name}: edges must lie within 0..{LARGEST_M:g} m; got "
            f"{tuple(edges[row].tolist())} at row {row}. Drop such boxes first."
        )
    return found


def one_of(owner: str, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """A word among those allowed."""
    if value not in allowed:
        raise ArgumentError(f"{owner}.{name}: must be among {', '.join(allowed)}; got {value!r}.")
    return str(value)
