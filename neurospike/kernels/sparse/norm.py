"""Batch normalisation of rows (N, C): sums in float64, in chunks of rows fixed by N.

Torch's own sums depend on the number of threads; these do not. Rows that the kernels do not take,
such as those on a GPU, go through torch where several processes share their statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.kernels.buffers import empty
from neurospike.kernels.sparse import norm_in_torch as in_torch
from neurospike.kernels.sparse.tiles import JIT
from neurospike.kernels.threads import one_at_a_time

_ROWS = 1024


def takes(rows: Tensor) -> bool:
    """Whether the kernels run on these rows."""
    return rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.float64)


@dataclass(frozen=True)
class Shared:
    """Rows that are only this process's of a larger batch.

    Attributes
    ----------
    count
        float64 scalar: rows on all processes. Statistics of fewer than two take no gradient.
    summed
        float64 tensor to the sum of all processes' such tensors; every process calls it.
    """

    count: Tensor
    summed: Callable[[Tensor], Tensor]


def sums(rows: Tensor) -> Tensor:
    """float64 (2, C): sums of each column and of its squares."""
    if takes(rows):
        return torch.from_numpy(_sums(rows.detach().contiguous().numpy()))
    return in_torch.sums(rows.detach())


def moments(sums: Tensor, count: int | Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) in float64, of sums (2, C) over so many rows."""
    mean = sums[0] / count
    # In float64 the subtraction is harmless: float32 rows leave 29 bits to cancel.
    return mean, (sums[1] / count - mean * mean).clamp_(min=0.0)


def statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of each column, in float64."""
    return moments(sums(rows), rows.shape[0])


def normalise(
    rows: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    eps: float,
    fixed: bool,
    shared: Shared | None = None,
) -> Tensor:
    """(rows - mean) / sqrt(var + eps) * weight + bias; ``fixed`` statistics take no gradient.

    With ``shared`` the statistics are of all processes' rows, and so is their gradient.
    """
    apply: Any = _Normalise.apply
    out: Tensor = apply(rows, weight, bias, mean, var, eps, fixed, shared)
    return out


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
        eps: float,
        fixed: bool,
        shared: Shared | None,
    ) -> Tensor:
        rows = rows.contiguous()
        inverse = (var.double() + eps).rsqrt()
        scale = inverse * weight.detach().double()
        ctx.save_for_backward(rows, mean, inverse, scale)
        ctx.fixed, ctx.shared, ctx.kind = fixed, shared, weight.dtype
        if not takes(rows):
            return in_torch.affine(rows, mean, scale, bias.detach())
        out = empty(rows.shape, rows)
        _affine(rows.numpy(), *_as(rows, mean, scale, bias.detach()), out.numpy())
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rows, mean, inverse, scale = ctx.saved_tensors
        grad = grads[0].contiguous()
        plain, crossed = _sums_of_gradient(rows, grad, mean)
        along = crossed * inverse
        d_weight, d_bias = along.to(ctx.kind), plain.to(ctx.kind)
        n: int | Tensor = max(rows.shape[0], 1)
        if ctx.shared is not None and not ctx.fixed:
            # Whoever waits for this process's sums needs no gradient of it to be wanted.
            plain, along = ctx.shared.summed(torch.stack([plain, along]))
            n = torch.where(ctx.shared.count > 1, ctx.shared.count, torch.inf)
        d_rows = None
        if ctx.needs_input_grad[0]:
            level = torch.zeros_like(scale) if ctx.fixed else plain * scale / n
            slope = torch.zeros_like(scale) if ctx.fixed else along * inverse * scale / n
            d_rows = _gradient_of_rows(rows, grad, mean, scale, level, slope)
        return d_rows, d_weight, d_bias, None, None, None, None, None


def _sums_of_gradient(rows: Tensor, grad: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    if not takes(rows):
        return in_torch.sums_of_gradient(rows, grad, mean)
    plain, crossed = _grad_sums(rows.numpy(), grad.numpy(), _as(rows, mean)[0])
    return torch.from_numpy(plain), torch.from_numpy(crossed)


def _gradient_of_rows(rows: Tensor, grad: Tensor, *columns: Tensor) -> Tensor:
    if not takes(rows):
        return in_torch.gradient_of_rows(rows, grad, *columns)
    out = empty(rows.shape, rows)
    _grad_rows(rows.numpy(), grad.numpy(), *_as(rows, *columns), out.numpy())
    return out


def _as(rows: Tensor, *columns: Tensor) -> list[Any]:
    return [column.to(rows.dtype).contiguous().numpy() for column in columns]


@one_at_a_time
@njit(parallel=True, **JIT)
def _sums(x):  # type: ignore[no-untyped-def]
    """float64 (2, C): sums of the values and of their squares."""
    n, c = x.shape
    tasks = (n + _ROWS - 1) // _ROWS
    parts = np.zeros((tasks, 2, c), np.float64)
    for index in prange(tasks):
        task = np.int64(index)
        first = parts[task, 0]
        second = parts[task, 1]
        for i in range(task * _ROWS, min(task * _ROWS + _ROWS, n)):
            for j in range(c):
                value = np.float64(x[i, j])
                first[j] += value
                second[j] += value * value
    total = np.zeros((2, c), np.float64)
    for part in range(tasks):
        for j in range(c):
            total[0, j] += parts[part, 0, j]
            total[1, j] += parts[part, 1, j]
    return total


@one_at_a_time
@njit(parallel=True, **JIT)
def _affine(x, mean, scale, bias, out):  # type: ignore[no-untyped-def]
    n, c = x.shape
    for index in prange((n + _ROWS - 1) // _ROWS):
        task = np.int64(index)
        for i in range(task * _ROWS, min(task * _ROWS + _ROWS, n)):
            for j in range(c):
                out[i, j] = (x[i, j] - mean[j]) * scale[j] + bias[j]


@one_at_a_time
@njit(parallel=True, **JIT)
def _grad_sums(x, grad, mean):  # type: ignore[no-untyped-def]
    """float64 (C,) twice: sums of the gradient, and of the gradient times the centred values."""
    n, c = x.shape
    tasks = (n + _ROWS - 1) // _ROWS
    parts = np.zeros((tasks, 2, c), np.float64)
    for index in prange(tasks):
        task = np.int64(index)
        first = parts[task, 0]
        second = parts[task, 1]
        for i in range(task * _ROWS, min(task * _ROWS + _ROWS, n)):
            for j in range(c):
                value = np.float64(grad[i, j])
                first[j] += value
                second[j] += value * np.float64(x[i, j] - mean[j])
    plain = np.zeros(c, np.float64)
    crossed = np.zeros(c, np.float64)
    for part in range(tasks):
        for j in range(c):
            plain[j] += parts[part, 0, j]
            crossed[j] += parts[part, 1, j]
    return plain, crossed


@one_at_a_time
@njit(parallel=True, **JIT)
def _grad_rows(x, grad, mean, scale, level, slope, out):  # type: ignore[no-untyped-def]
    n, c = x.shape
    for index in prange((n + _ROWS - 1) // _ROWS):
        task = np.int64(index)
        for i in range(task * _ROWS, min(task * _ROWS + _ROWS, n)):
            for j in range(c):
                out[i, j] = grad[i, j] * scale[j] - level[j] - (x[i, j] - mean[j]) * slope[j]
