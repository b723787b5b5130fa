"""The fused adaptive LIF neuron on contiguous (T, ..., C) tensors.

The way back recomputes the states, in cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neurospike.functional.adaptive import AdaptiveRule
from neurospike.kernels.buffers import DTYPES, empty
from neurospike.kernels.neurons import adaptive_numba as kernels
from neurospike.kernels.neurons.autograd import Several
from neurospike.kernels.neurons.cpu import Array, gradient, rows
from neurospike.kernels.neurons.numba import launch
from neurospike.kernels.neurons.states import chunk_of, stacked, unstack


def forward(
    x: Tensor, gains: Tensor, rule: AdaptiveRule, states: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Spikes, and the last states where states are given."""
    s, last = empty(x.shape, x), [empty(state.shape, x) for state in states]
    end = stacked(last, x, rule.states)
    launch(
        kernels.adaptive_forward, rows(x), chunk_of(x), rows(s),
        stacked(states, x, rule.states), end, _gains(gains, x), DTYPES[x.dtype](rule.threshold),
        rule.discretisation == "euler", rule.reset == "soft",
    )  # fmt: skip
    unstack(end, last)
    return s, last


def backward(
    g: Tensor | None, g_last: Sequence[Tensor], x: Tensor, gains: Tensor, rule: AdaptiveRule,
    states: Sequence[Tensor], wanted: tuple[bool, bool],
) -> Several:  # fmt: skip
    """Gradients of x, and of the gains and the states where wanted."""
    gx, first = empty(x.shape, x), [empty(state.shape, x) for state in states if wanted[1]]
    gbegin = stacked(first, x, rule.states)
    real = DTYPES[x.dtype]
    shares = np.empty((4, math.prod(x.shape[1:]) if wanted[0] else 0), real)
    launch(
        kernels.adaptive_backward, rows(x), chunk_of(x), *gradient(g, x, chunk_of(x)),
        stacked(g_last, x, rule.states), stacked(states, x, rule.states), rows(gx), gbegin, shares,
        _gains(gains, x), real(rule.threshold), real(rule.surrogate.alpha),
        rule.discretisation == "euler", rule.reset == "soft", rule.detach_reset,
        rule.surrogate.code,
    )  # fmt: skip
    unstack(gbegin, first)
    return gx, _summed(shares, gains) if wanted[0] else None, first


def _gains(gains: Tensor, x: Tensor) -> Array:
    array: Array = gains.detach().to(x.dtype).numpy()
    return array


def _summed(shares: Array, gains: Tensor) -> Tensor:
    """Add the columns of each neuron, in an order that only the shape decides."""
    per_neuron = shares.reshape(4, -1, gains.shape[1]).sum(1, dtype=np.float64)
    return torch.from_numpy(per_neuron).to(gains.dtype)
