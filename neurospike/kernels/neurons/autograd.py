"""The fused kernels as differentiable torch functions on (T, ...) tensors.

Only the input is kept for the backward pass. Spikes, gradients and last membranes are the only
buffers of full size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.functional.neurons import LIFRule
from neurospike.kernels.buffers import DTYPES, empty
from neurospike.kernels.neurons import numba as kernels

Array = NDArray[Any]
Grads = tuple[Tensor | None, ...]

_NOTHING = {dtype: np.empty(0, real) for dtype, real in DTYPES.items()}


class LIF(torch.autograd.Function):
    """(x, v or None, 1 / tau or None, rule) -> spikes, and the last membrane where v was given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor | None, rate: Tensor | None, rule: LIFRule
    ) -> tuple[Tensor, Tensor | None]:
        x = x.contiguous()
        v = None if v is None else v.contiguous()
        s = empty(x.shape, x)
        last = None if v is None else empty(v.shape, v)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, v, rate)
        ctx.rule = rule
        real = DTYPES[x.dtype]
        leak, divide = _leak(rule.tau, rate)
        kernels.launch(
            kernels.lif_forward, _rows(x), _chunk(x),
            _rows(s), _array(v, x), _array(last, x),
            real(leak), real(rule.threshold), real(rule.v_reset),
            divide, rule.decay_input, rule.reset == "soft",
        )  # fmt: skip
        return s, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, v, rate = ctx.saved_tensors
        rule: LIFRule = ctx.rule
        chunk = _chunk(x)
        g, g_t, g_n = _gradient(grads[0], x, chunk)
        gx = empty(x.shape, x)
        gv = empty(v.shape, v) if ctx.needs_input_grad[1] else None
        sums = _sums(x, chunk, wanted=ctx.needs_input_grad[2])
        real = DTYPES[x.dtype]
        leak, divide = _leak(rule.tau, rate)
        kernels.launch(
            kernels.lif_backward, _rows(x), chunk, g, g_t, g_n, _array(grads[1], x),
            _array(v, x), _rows(gx), _array(gv, x), sums,
            real(leak), real(1 / leak if divide else leak), real(rule.threshold),
            real(rule.v_reset), real(rule.surrogate.alpha),
            divide, rule.decay_input, rule.reset == "soft", rule.detach_reset,
            rule.surrogate.code,
        )  # fmt: skip
        return gx, gv, _rate_gradient(sums, rate), None


class ILIF(torch.autograd.Function):
    """(x, v or None, D, beta) -> integer spikes, and the last membrane where v was given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor | None, max_spikes: int, beta: float
    ) -> tuple[Tensor, Tensor | None]:
        x = x.contiguous()
        v = None if v is None else v.contiguous()
        s = empty(x.shape, x)
        last = None if v is None else empty(v.shape, v)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, v)
        real = DTYPES[x.dtype]
        ctx.scalars = (real(beta), real(max_spikes))
        kernels.launch(
            kernels.ilif_forward, _rows(x), _chunk(x),
            _rows(s), _array(v, x), _array(last, x), *ctx.scalars,
        )  # fmt: skip
        return s, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, v = ctx.saved_tensors
        chunk = _chunk(x)
        g, g_t, g_n = _gradient(grads[0], x, chunk)
        gx = empty(x.shape, x)
        gv = empty(v.shape, v) if ctx.needs_input_grad[1] else None
        kernels.launch(
            kernels.ilif_backward, _rows(x), chunk, g, g_t, g_n, _array(grads[1], x),
            _array(v, x), _rows(gx), _array(gv, x), *ctx.scalars,
        )  # fmt: skip
        return gx, gv, None, None


class Readout(torch.autograd.Function):
    """(x, v or None, 1 / tau or None, tau, decay_input) -> membranes."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        v: Tensor | None,
        rate: Tensor | None,
        tau: float,
        decay_input: bool,
    ) -> Tensor:
        x = x.contiguous()
        v = None if v is None else v.contiguous()
        y = empty(x.shape, x)
        ctx.tau = tau
        ctx.decay_input = decay_input
        # Only the gradient of 1 / tau needs the membranes again.
        ctx.save_for_backward(x, v, rate, y if ctx.needs_input_grad[2] else None)
        real = DTYPES[x.dtype]
        leak, divide = _leak(tau, rate)
        kernels.launch(
            kernels.readout_forward, _rows(x), _chunk(x),
            _rows(y), _array(v, x), real(leak), divide, decay_input,
        )  # fmt: skip
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, v, rate, y = ctx.saved_tensors
        chunk = _chunk(x)
        g, g_t, g_n = _gradient(grads[0], x, chunk)
        gx = empty(x.shape, x)
        gv = empty(v.shape, v) if ctx.needs_input_grad[1] else None
        sums = _sums(x, chunk, wanted=ctx.needs_input_grad[2])
        real = DTYPES[x.dtype]
        leak, divide = _leak(ctx.tau, rate)
        kernels.launch(
            kernels.readout_backward, _rows(x), chunk, _rows(x if y is None else y),
            g, g_t, g_n, _array(v, x), _rows(gx), _array(gv, x), sums,
            real(1 / leak if divide else leak), ctx.decay_input,
        )  # fmt: skip
        return gx, gv, _rate_gradient(sums, rate), None, None


def _leak(tau: float, rate: Tensor | None) -> tuple[float, bool]:
    """(tau, divide by it) or (1 / tau, multiply); a power of two is exact both ways."""
    if rate is not None:
        return float(rate), False
    if math.frexp(tau)[0] == 0.5:
        return 1 / tau, False
    return tau, True


def _chunk(x: Tensor) -> int:
    return kernels.chunk_columns(x.shape[0], x.element_size())


def _rows(x: Tensor) -> Array:
    """A contiguous (T, ...) as the array (T, N) that the kernels take."""
    array: Array = x.numpy()
    return array if array.ndim == 2 else array.reshape(len(array), math.prod(array.shape[1:]))


def _array(values: Tensor | None, x: Tensor) -> Array:
    """Values of one step as an array (N,) of x's dtype; None is an empty one."""
    if values is None:
        return _NOTHING[x.dtype]
    array: Array = values.detach().contiguous().numpy()
    return array.reshape(-1)


def _gradient(g: Tensor | None, x: Tensor, chunk: int) -> tuple[Array, int, int]:
    """The output's gradient and its index factors; broadcast gradients stay small.

    ``spikes.sum()`` and ``spikes.mean(0)`` send expanded tensors; writing those out would cost as
    much memory as the input.
    """
    if g is None:
        return np.zeros((1, chunk), DTYPES[x.dtype]), 0, 0
    if g.is_contiguous():
        return _rows(g), 1, 1
    if g.numel() and not any(g.stride()):
        value = g[(0,) * g.ndim].item()
        return np.full((1, chunk), value, DTYPES[x.dtype]), 0, 0
    if g.shape[0] and g.stride(0) == 0:
        return _rows(g[:1].contiguous()), 0, 1
    return _rows(g.contiguous()), 1, 1


def _sums(x: Tensor, chunk: int, *, wanted: bool) -> Array:
    return np.zeros(-(-math.prod(x.shape[1:]) // chunk) if wanted else 0)


def _rate_gradient(sums: Array, rate: Tensor | None) -> Tensor | None:
    """Add the chunks' sums in their own order: the same bits on any number of threads."""
    if rate is None:
        return None
    return torch.tensor(sum(sums.tolist()), dtype=rate.dtype).reshape(rate.shape)
