"""Output buffers of CPU kernels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """An uninitialised contiguous CPU tensor of ``like``'s dtype.

    Allocated by numpy, which asks Linux for huge pages from 4 MB on where torch by default does
    not: first touching 64 MB then takes a quarter to a half of the time, and kernels that write
    each output once are bound by exactly that.
    """
    dtype = torch.empty(0, dtype=like.dtype).numpy().dtype
    return torch.from_numpy(np.empty(tuple(shape), dtype))
