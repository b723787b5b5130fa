"""Triton's current-based LIF neuron on contiguous (T, ...) tensors: what ``cuba_cpu`` does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neurospike.functional.cuba import CubaRule
from neurospike.kernels.neurons import cuba_triton
from neurospike.kernels.neurons.autograd import Several
from neurospike.kernels.neurons.gpu import gradient
from neurospike.kernels.neurons.launches import launch, padded, plan, scratch, sizes


def forward(
    x: Tensor, keep: Tensor, rule: CubaRule, states: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Spikes, and the last states where states are given."""
    s, last = torch.empty_like(x), list(map(torch.empty_like, states))
    launch(
        cuba_triton.cuba_forward, x, plan("neurons.cuba", x), x, s, *padded(states, 2),
        *padded(last, 2), keep, *sizes(x), rule.threshold,
        HAS_V=bool(states), SOFT=rule.reset == "soft",
    )  # fmt: skip
    return s, last


def backward(
    g: Tensor | None, g_last: Sequence[Tensor], x: Tensor, keep: Tensor, rule: CubaRule,
    states: Sequence[Tensor], wanted: tuple[bool, bool],
) -> Several:  # fmt: skip
    """Gradients of x and of given states, and of what is kept where wanted."""
    gx, first = torch.empty_like(x), list(map(torch.empty_like, states))
    made = plan("neurons.cuba_backward", x, states=2)
    sums = x.new_empty((2, made.blocks), dtype=torch.float32) if wanted[0] else None
    launch(
        cuba_triton.cuba_backward, x, made, x, *gradient(g, x), *padded(g_last, 2),
        *padded(states, 2), gx, *padded(first, 2), sums, scratch(x, made), keep, *sizes(x),
        made.blocks, rule.threshold, rule.surrogate.alpha, HAS_V=bool(states),
        HAS_GV=bool(g_last), LEARN=wanted[0], SOFT=rule.reset == "soft",
        DETACH=rule.detach_reset, CODE=rule.surrogate.code,
    )  # fmt: skip
    return gx, None if sums is None else sums.double().sum(1).to(keep.dtype), first
