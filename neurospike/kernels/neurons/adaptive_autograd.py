"""The fused adaptive LIF neuron as a differentiable torch function on (T, ..., C) tensors.

Only the input is kept for the backward pass; states are recomputed in cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.functional.adaptive import AdaptiveRule
from neurospike.kernels.buffers import DTYPES, empty
from neurospike.kernels.neurons import adaptive_numba as kernels
from neurospike.kernels.neurons.autograd import Grads
from neurospike.kernels.neurons.cpu import Array, gradient, rows
from neurospike.kernels.neurons.numba import chunk_columns, launch
from neurospike.kernels.neurons.states import stacked, unstack


class Adaptive(torch.autograd.Function):
    """(x, gains, rule, *states or none) -> spikes, and the last states where any were given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gains: Tensor, rule: AdaptiveRule, *states: Tensor
    ) -> tuple[Tensor, ...]:
        x = x.contiguous()
        s = empty(x.shape, x)
        last = tuple(empty(state.shape, x) for state in states)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gains, *states)
        ctx.rule = rule
        real = DTYPES[x.dtype]
        end = stacked(last, x, rule.states)
        launch(
            kernels.adaptive_forward, rows(x), _chunk(x), rows(s),
            stacked(states, x, rule.states), end, _gains(gains, x), real(rule.threshold),
            rule.discretisation == "euler", rule.reset == "soft",
        )  # fmt: skip
        unstack(end, last)
        return (s, *last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, gains, *states = ctx.saved_tensors
        rule: AdaptiveRule = ctx.rule
        chunk = _chunk(x)
        real = DTYPES[x.dtype]
        g, g_t, g_n = gradient(grads[0], x, chunk)
        gend = [
            torch.zeros_like(state) if grad is None else grad
            for grad, state in zip(grads[1:], states, strict=True)
        ]
        gx = empty(x.shape, x)
        wanted = any(ctx.needs_input_grad[3:])
        first = [empty(state.shape, x) for state in states] if wanted else []
        gbegin = stacked(first, x, rule.states)
        columns = math.prod(x.shape[1:]) if ctx.needs_input_grad[1] else 0
        shares = np.empty((4, columns), real)
        launch(
            kernels.adaptive_backward, rows(x), chunk, g, g_t, g_n, stacked(gend, x, rule.states),
            stacked(states, x, rule.states), rows(gx), gbegin, shares, _gains(gains, x),
            real(rule.threshold), real(rule.surrogate.alpha), rule.discretisation == "euler",
            rule.reset == "soft", rule.detach_reset, rule.surrogate.code,
        )  # fmt: skip
        unstack(gbegin, first)
        ggains = _summed(shares, gains) if ctx.needs_input_grad[1] else None
        return gx, ggains, None, *(first if wanted else [None] * len(states))


def _chunk(x: Tensor) -> int:
    # Two states are recomputed: membranes, and adaptations where gains learn.
    return chunk_columns(2 * x.shape[0], x.element_size())


def _gains(gains: Tensor, x: Tensor) -> Array:
    array: Array = gains.detach().to(x.dtype).contiguous().numpy()
    return array


def _summed(shares: Array, gains: Tensor) -> Tensor:
    """Add the columns of each neuron, in an order that only the shape decides."""
    per_neuron = shares.reshape(4, -1, gains.shape[1]).sum(1, dtype=np.float64)
    return torch.from_numpy(per_neuron).to(gains.dtype)
