"""The fused current-based LIF neuron as a differentiable torch function on (T, ...) tensors.

Only the input is kept for the backward pass; states are recomputed in cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.functional.cuba import CubaRule
from neurospike.kernels.buffers import DTYPES, empty
from neurospike.kernels.neurons import cuba_numba as kernels
from neurospike.kernels.neurons.autograd import Grads
from neurospike.kernels.neurons.cpu import gradient, rows
from neurospike.kernels.neurons.numba import chunk_columns, launch
from neurospike.kernels.neurons.states import stacked, unstack


class Cuba(torch.autograd.Function):
    """(x, keep (2,), rule, *states or none) -> spikes, and the last states where any were given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, keep: Tensor, rule: CubaRule, *states: Tensor
    ) -> tuple[Tensor, ...]:
        x = x.contiguous()
        s = empty(x.shape, x)
        last = tuple(empty(state.shape, x) for state in states)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, keep, *states)
        ctx.rule = rule
        real = DTYPES[x.dtype]
        end = stacked(last, x, 2)
        launch(
            kernels.cuba_forward, rows(x), _chunk(x), rows(s), stacked(states, x, 2), end,
            real(keep[0]), real(keep[1]), real(rule.threshold), rule.reset == "soft",
            float(rule.scale),
        )  # fmt: skip
        unstack(end, last)
        return (s, *last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, keep, *states = ctx.saved_tensors
        rule: CubaRule = ctx.rule
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
        gbegin = stacked(first, x, 2)
        shares = np.empty((2, math.prod(x.shape[1:]) if ctx.needs_input_grad[1] else 0), real)
        launch(
            kernels.cuba_backward, rows(x), chunk, g, g_t, g_n, stacked(gend, x, 2),
            stacked(states, x, 2), rows(gx), gbegin, shares, real(keep[0]), real(keep[1]),
            real(rule.threshold), real(rule.surrogate.alpha), rule.reset == "soft",
            float(rule.scale), rule.detach_reset, rule.surrogate.code,
        )  # fmt: skip
        unstack(gbegin, first)
        gkeep = None
        if ctx.needs_input_grad[1]:
            gkeep = torch.from_numpy(shares.sum(1, dtype=np.float64)).to(keep.dtype)
        return gx, gkeep, None, *(first if wanted else [None] * len(states))


def _chunk(x: Tensor) -> int:
    # Two states are recomputed: membranes, and currents where decays learn.
    return chunk_columns(2 * x.shape[0], x.element_size())
