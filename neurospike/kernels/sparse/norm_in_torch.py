"""Parts of a batch normalisation in torch, for rows on any device and in any real dtype."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.kernels.autocast import widened


def sums(rows: Tensor) -> Tensor:
    """float64 (2, C): sums of each column and of its squares.

    By mean and variance in float32, in which torch loses nothing to a large mean: the float64 copy
    of the rows that plain sums of squares would need is twice as large as they are.
    """
    n = rows.shape[0]
    if not n:
        return rows.new_zeros((2, rows.shape[1]), dtype=torch.float64)
    var, mean = torch.var_mean(widened(rows), 0, correction=0)
    mean = mean.double()
    return n * torch.stack([mean, var.double() + mean * mean])


def affine(rows: Tensor, mean: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """(rows - mean) * scale + bias, rounded to the rows' dtype at the end."""
    x = widened(rows)
    return ((x - mean.to(x.dtype)) * scale.to(x.dtype) + bias.to(x.dtype)).to(rows.dtype)


def sums_of_gradient(rows: Tensor, grad: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """float64 (C,) twice: sums of the gradient, and of it times the centred rows."""
    x, g = widened(rows), widened(grad)
    return g.sum(0, dtype=torch.float64), (g * (x - mean.to(x.dtype))).sum(0, dtype=torch.float64)


def gradient_of_rows(
    rows: Tensor, grad: Tensor, mean: Tensor, scale: Tensor, level: Tensor, slope: Tensor
) -> Tensor:
    """grad * scale - level - (rows - mean) * slope."""
    x, g = widened(rows), widened(grad)
    found = g * scale.to(x.dtype) - level.to(x.dtype) - (x - mean.to(x.dtype)) * slope.to(x.dtype)
    return found.to(rows.dtype)
