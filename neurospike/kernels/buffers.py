"""Output buffers of CPU kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

DTYPES: dict[torch.dtype, type[np.generic]] = {
    torch.float32: np.float32,
    torch.float64: np.float64,
}
"""What the CPU kernels compute in, as numpy names it."""


def empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """An uninitialised contiguous CPU tensor of ``like``'s dtype, float32 or float64.

    Allocated by numpy, which asks Linux for huge pages from 4 MB on where torch by default does
    not: first touching 64 MB then takes a quarter to a half of the time, and kernels that write
    each output once are bound by exactly that.
    """
    return torch.from_numpy(np.empty(shape, DTYPES[like.dtype]))
