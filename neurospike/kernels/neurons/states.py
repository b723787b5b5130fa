"""States of several tensors as the rows of one array, which is how kernels take them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from neurospike.kernels.buffers import DTYPES
from neurospike.kernels.neurons.cpu import Array
from neurospike.kernels.neurons.numba import chunk_columns


def stacked(states: Sequence[Tensor], x: Tensor, count: int) -> Array:
    """The states as rows of one array (count, N) of x's dtype, a copy; (count, 0) for none."""
    real = DTYPES[x.dtype]
    if not states:
        return np.empty((count, 0), real)
    rows = [state.detach().contiguous().numpy().reshape(-1) for state in states]
    return np.stack(rows).astype(real, copy=False)


def chunk_of(x: Tensor) -> int:
    """Columns at a time on the way back, which recomputes two states of each: the membrane, and
    the other one where coefficients learn."""
    return chunk_columns(2 * x.shape[0], x.element_size())


def unstack(rows: Array, states: Sequence[Tensor]) -> None:
    """Write the rows back into contiguous tensors, as many as there are."""
    for row, state in zip(rows, states, strict=False):
        state.numpy().reshape(-1)[:] = row
