"""The fused current-based LIF neuron on contiguous (T, ...) tensors.

The way back recomputes the states, in cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neurospike.functional.cuba import CubaRule
from neurospike.kernels.buffers import DTYPES, empty
from neurospike.kernels.neurons import cuba_numba as kernels
from neurospike.kernels.neurons.autograd import Several
from neurospike.kernels.neurons.cpu import gradient, rows
from neurospike.kernels.neurons.numba import launch
from neurospike.kernels.neurons.states import chunk_of, stacked, unstack


def forward(
    x: Tensor, keep: Tensor, rule: CubaRule, states: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Spikes, and the last states where states are given."""
    s, last = empty(x.shape, x), [empty(state.shape, x) for state in states]
    end = stacked(last, x, 2)
    real = DTYPES[x.dtype]
    launch(
        kernels.cuba_forward, rows(x), chunk_of(x), rows(s), stacked(states, x, 2), end,
        real(keep[0]), real(keep[1]), real(rule.threshold), rule.reset == "soft",
        float(rule.scale),
    )  # fmt: skip
    unstack(end, last)
    return s, last


def backward(
    g: Tensor | None, g_last: Sequence[Tensor], x: Tensor, keep: Tensor, rule: CubaRule,
    states: Sequence[Tensor], wanted: tuple[bool, bool],
) -> Several:  # fmt: skip
    """Gradients of x, and of what is kept and of the states where wanted."""
    gx, first = empty(x.shape, x), [empty(state.shape, x) for state in states if wanted[1]]
    gbegin = stacked(first, x, 2)
    real = DTYPES[x.dtype]
    shares = np.empty((2, math.prod(x.shape[1:]) if wanted[0] else 0), real)
    launch(
        kernels.cuba_backward, rows(x), chunk_of(x), *gradient(g, x, chunk_of(x)),
        stacked(g_last, x, 2), stacked(states, x, 2), rows(gx), gbegin, shares, real(keep[0]),
        real(keep[1]), real(rule.threshold), real(rule.surrogate.alpha), rule.reset == "soft",
        float(rule.scale), rule.detach_reset, rule.surrogate.code,
    )  # fmt: skip
    unstack(gbegin, first)
    if not wanted[0]:
        return gx, None, first
    return gx, torch.from_numpy(shares.sum(1, dtype=np.float64)).to(keep.dtype), first
