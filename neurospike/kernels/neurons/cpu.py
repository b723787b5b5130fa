"""The fused CPU kernels on contiguous (T, ...) tensors.

Spikes, gradients and last membranes are the only buffers of full size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.functional.neurons import LIFRule
from neurospike.kernels.buffers import DTYPES, empty
from neurospike.kernels.neurons import numba as kernels
from neurospike.kernels.neurons.leak import leak_of

Array = NDArray[Any]
Wanted = tuple[bool, bool, bool]

_NOTHING = {dtype: np.empty(0, real) for dtype, real in DTYPES.items()}


def lif(
    x: Tensor, v: Tensor | None, rate: Tensor | None, rule: LIFRule
) -> tuple[Tensor, Tensor | None]:
    """Spikes, and the last membrane where v is given."""
    s = empty(x.shape, x)
    last = None if v is None else empty(v.shape, v)
    real = DTYPES[x.dtype]
    leak, divide = _leak(rule.tau, rate)
    kernels.launch(
        kernels.lif_forward, rows(x), _chunk(x),
        rows(s), _array(v, x), _array(last, x),
        real(leak), real(rule.threshold), real(rule.v_reset),
        divide, rule.decay_input, rule.reset == "soft",
    )  # fmt: skip
    return s, last


def lif_backward(
    g: Tensor | None, g_last: Tensor | None, x: Tensor, v: Tensor | None, rate: Tensor | None,
    rule: LIFRule, wanted: Wanted,
) -> tuple[Tensor, Tensor | None, Tensor | None]:  # fmt: skip
    """Gradients of x, and of v and of 1 / tau where wanted."""
    chunk = _chunk(x)
    rows_of_g, g_t, g_n = gradient(g, x, chunk)
    gx = empty(x.shape, x)
    gv = empty(v.shape, v) if v is not None and wanted[1] else None
    sums = _sums(x, chunk, wanted=wanted[2])
    real = DTYPES[x.dtype]
    leak, divide = _leak(rule.tau, rate)
    kernels.launch(
        kernels.lif_backward, rows(x), chunk, rows_of_g, g_t, g_n, _array(g_last, x),
        _array(v, x), rows(gx), _array(gv, x), sums,
        real(leak), real(1 / leak if divide else leak), real(rule.threshold),
        real(rule.v_reset), real(rule.surrogate.alpha),
        divide, rule.decay_input, rule.reset == "soft", rule.detach_reset,
        rule.surrogate.code,
    )  # fmt: skip
    return gx, gv, _rate_gradient(sums, rate)


def ilif(x: Tensor, v: Tensor | None, max_spikes: int, beta: float) -> tuple[Tensor, Tensor | None]:
    """Integer spikes, and the last membrane where v is given."""
    s = empty(x.shape, x)
    last = None if v is None else empty(v.shape, v)
    real = DTYPES[x.dtype]
    kernels.launch(
        kernels.ilif_forward, rows(x), _chunk(x),
        rows(s), _array(v, x), _array(last, x), real(beta), real(max_spikes),
    )  # fmt: skip
    return s, last


def ilif_backward(
    g: Tensor | None, g_last: Tensor | None, x: Tensor, v: Tensor | None, max_spikes: int,
    beta: float, wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Gradients of x, and of v where wanted."""
    chunk = _chunk(x)
    rows_of_g, g_t, g_n = gradient(g, x, chunk)
    gx = empty(x.shape, x)
    gv = empty(v.shape, v) if v is not None and wanted[1] else None
    real = DTYPES[x.dtype]
    kernels.launch(
        kernels.ilif_backward, rows(x), chunk, rows_of_g, g_t, g_n, _array(g_last, x),
        _array(v, x), rows(gx), _array(gv, x), real(beta), real(max_spikes),
    )  # fmt: skip
    return gx, gv


def readout(
    x: Tensor, v: Tensor | None, rate: Tensor | None, tau: float, decay_input: bool
) -> Tensor:
    """Membranes (T, ...)."""
    y = empty(x.shape, x)
    real = DTYPES[x.dtype]
    leak, divide = _leak(tau, rate)
    kernels.launch(
        kernels.readout_forward, rows(x), _chunk(x),
        rows(y), _array(v, x), real(leak), divide, decay_input,
    )  # fmt: skip
    return y


def readout_backward(
    g: Tensor, x: Tensor, y: Tensor | None, v: Tensor | None, rate: Tensor | None, tau: float,
    decay_input: bool, wanted: Wanted,
) -> tuple[Tensor, Tensor | None, Tensor | None]:  # fmt: skip
    """Gradients of x, of v where wanted, and of 1 / tau where it is wanted and y is given."""
    chunk = _chunk(x)
    rows_of_g, g_t, g_n = gradient(g, x, chunk)
    gx = empty(x.shape, x)
    gv = empty(v.shape, v) if v is not None and wanted[1] else None
    sums = _sums(x, chunk, wanted=wanted[2])
    real = DTYPES[x.dtype]
    leak, divide = _leak(tau, rate)
    kernels.launch(
        kernels.readout_backward, rows(x), chunk, rows(x if y is None else y),
        rows_of_g, g_t, g_n, _array(v, x), rows(gx), _array(gv, x), sums,
        real(1 / leak if divide else leak), decay_input,
    )  # fmt: skip
    return gx, gv, _rate_gradient(sums, rate)


def _leak(tau: float, rate: Tensor | None) -> tuple[float, bool]:
    return leak_of(tau) if rate is None else (float(rate), False)


def _chunk(x: Tensor) -> int:
    return kernels.chunk_columns(x.shape[0], x.element_size())


def rows(x: Tensor) -> Array:
    """A contiguous (T, ...) as the array (T, N) that the kernels take."""
    array: Array = x.numpy()
    return array if array.ndim == 2 else array.reshape(len(array), math.prod(array.shape[1:]))


def _array(values: Tensor | None, x: Tensor) -> Array:
    """Values of one step as an array (N,) of x's dtype; None is an empty one."""
    if values is None:
        return _NOTHING[x.dtype]
    array: Array = values.detach().contiguous().numpy()
    return array.reshape(-1)


def gradient(g: Tensor | None, x: Tensor, chunk: int) -> tuple[Array, int, int]:
    """The output's gradient and its index factors; broadcast gradients stay small.

    ``spikes.sum()`` and ``spikes.mean(0)`` send expanded tensors; writing those out would cost as
    much memory as the input.
    """
    if g is None:
        return np.zeros((1, chunk), DTYPES[x.dtype]), 0, 0
    if g.is_contiguous():
        return rows(g), 1, 1
    if g.numel() and not any(g.stride()):
        value = g[(0,) * g.ndim].item()
        return np.full((1, chunk), value, DTYPES[x.dtype]), 0, 0
    if g.shape[0] and g.stride(0) == 0:
        return rows(g[:1].contiguous()), 0, 1
    return rows(g.contiguous()), 1, 1


def _sums(x: Tensor, chunk: int, *, wanted: bool) -> Array:
    return np.zeros(-(-math.prod(x.shape[1:]) // chunk) if wanted else 0)


def _rate_gradient(sums: Array, rate: Tensor | None) -> Tensor | None:
    """Add the chunks' sums in their own order: the same bits on any number of threads."""
    if rate is None:
        return None
    return torch.tensor(sum(sums.tolist()), dtype=rate.dtype).reshape(rate.shape)
