"""Numpy and torch in, the same kind out; the checks that encoders share."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.errors import ArgumentError

Values = NDArray[Any] | Tensor


def real(owner: str, name: str, values: Any) -> NDArray[Any]:
    """A real array of any shape, on the CPU; sequences are taken too."""
    if isinstance(values, Tensor):
        held = values.detach().cpu()
        array = (held.float() if held.dtype is torch.bfloat16 else held).numpy()
    else:
        array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"{owner}.{name}: must be real numbers; got dtype {array.dtype}.")
    return array


def finite(owner: str, name: str, values: Any) -> NDArray[np.float64]:
    """A real array without NaN or infinities, in float64."""
    array = real(owner, name, values).astype(np.float64)
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise ArgumentError(
            f"{owner}.{name}: must be finite; got {bad} NaN or infinite values. Remove them first."
        )
    return array


def alike(array: NDArray[Any], values: Any) -> Any:
    """The array as a tensor on the device of ``values``, if that is a tensor."""
    return torch.from_numpy(array).to(values.device) if isinstance(values, Tensor) else array


def whole(owner: str, name: str, value: Any, low: int) -> int:
    """A whole number of at least ``low``."""
    try:
        number = low - 1 if isinstance(value, bool) else index(value)
    except TypeError:
        number = low - 1
    if number < low:
        raise ArgumentError(
            f"{owner}.{name}: must be a whole number, {low} or more; got {value!r}."
        )
    return number


def positive(owner: str, name: str, value: Any) -> float:
    """A finite number above 0."""
    if not isinstance(value, (int, float, np.number)) or not 0.0 < float(value) < float("inf"):
        raise ArgumentError(f"{owner}.{name}: must be a number above 0 and finite; got {value!r}.")
    return float(value)
