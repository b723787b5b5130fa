"""Triton's adaptive LIF neuron on contiguous (T, ..., C) tensors: what ``adaptive_cpu`` does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neurospike.functional.adaptive import AdaptiveRule
from neurospike.kernels.neurons import adaptive_triton
from neurospike.kernels.neurons.autograd import Several
from neurospike.kernels.neurons.gpu import gradient
from neurospike.kernels.neurons.launches import launch, padded, plan, scratch, sizes


def forward(
    x: Tensor, gains: Tensor, rule: AdaptiveRule, states: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Spikes, and the last states where states are given."""
    s, last = torch.empty_like(x), list(map(torch.empty_like, states))
    launch(
        adaptive_triton.adaptive_forward, x, plan("neurons.adaptive", x), x, s,
        *padded(states, 3), *padded(last, 3), gains, gains.shape[1], *sizes(x), rule.threshold,
        HAS_V=bool(states), LATE=rule.states == 3, SOFT=rule.reset == "soft",
    )  # fmt: skip
    return s, last


def backward(
    g: Tensor | None, g_last: Sequence[Tensor], x: Tensor, gains: Tensor, rule: AdaptiveRule,
    states: Sequence[Tensor], wanted: tuple[bool, bool],
) -> Several:  # fmt: skip
    """Gradients of x and of given states, and of the gains where wanted."""
    gx, first = torch.empty_like(x), list(map(torch.empty_like, states))
    made = plan("neurons.adaptive_backward", x, states=rule.states)
    shares = x.new_empty((4, sizes(x)[1]), dtype=torch.float32) if wanted[0] else None
    launch(
        adaptive_triton.adaptive_backward, x, made, x, *gradient(g, x), *padded(g_last, 3),
        *padded(states, 3), gx, *padded(first, 3), shares, scratch(x, made), gains,
        gains.shape[1], *sizes(x), made.blocks, rule.threshold, rule.surrogate.alpha,
        HAS_V=bool(states), HAS_GV=bool(g_last), LATE=rule.states == 3, LEARN=wanted[0],
        SOFT=rule.reset == "soft", DETACH=rule.detach_reset, CODE=rule.surrogate.code,
    )  # fmt: skip
    if shares is None:
        return gx, None, first
    return gx, shares.view(4, -1, gains.shape[1]).double().sum(1).to(gains.dtype), first
