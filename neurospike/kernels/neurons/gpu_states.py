"""Triton's neurons of several states as differentiable torch functions on (T, ...) tensors.

Only the input is kept for the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.kernels.neurons import adaptive_triton, cuba_triton
from neurospike.kernels.neurons.autograd import Grads
from neurospike.kernels.neurons.gpu import gradient
from neurospike.kernels.neurons.launches import launch, plan, scratch, sizes


class Adaptive(torch.autograd.Function):
    """(x, gains, rule, *states or none) -> spikes, and the last states where any were given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gains: Tensor, rule: AdaptiveRule, *states: Tensor
    ) -> tuple[Tensor, ...]:
        x, gains, states = x.contiguous(), gains.contiguous(), _whole(states)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, gains, *states)
        ctx.rule = rule
        s, last = torch.empty_like(x), tuple(map(torch.empty_like, states))
        if x.numel() == 0:
            return s, *(state.clone() for state in states)
        launch(
            adaptive_triton.adaptive_forward, x, plan("neurons.adaptive", x), x, s,
            *_three(states), *_three(last), gains, gains.shape[1], *sizes(x), rule.threshold,
            HAS_V=bool(states), LATE=rule.states == 3, SOFT=rule.reset == "soft",
        )  # fmt: skip
        return s, *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, gains, *states = ctx.saved_tensors
        rule: AdaptiveRule = ctx.rule
        g_last = _given(grads[1:], states)
        gx, g_first = torch.empty_like(x), list(map(torch.empty_like, states))
        learnt = ctx.needs_input_grad[1]
        if x.numel() == 0:
            return gx, torch.zeros_like(gains), None, *_through(g_last, states)
        made = plan("neurons.adaptive_backward", x, states=rule.states)
        shares = x.new_empty((4, sizes(x)[1]), dtype=torch.float32) if learnt else None
        launch(
            adaptive_triton.adaptive_backward, x, made, x, *gradient(grads[0], x),
            *_three(g_last), *_three(states), gx, *_three(g_first), shares, scratch(x, made),
            gains, gains.shape[1], *sizes(x), made.blocks, rule.threshold, rule.surrogate.alpha,
            HAS_V=bool(states), HAS_GV=bool(g_last), LATE=rule.states == 3, LEARN=learnt,
            SOFT=rule.reset == "soft", DETACH=rule.detach_reset, CODE=rule.surrogate.code,
        )  # fmt: skip
        ggains = None
        if shares is not None:
            ggains = shares.view(4, -1, gains.shape[1]).double().sum(1).to(gains.dtype)
        return gx, ggains, None, *g_first


class Cuba(torch.autograd.Function):
    """(x, keep (2,), rule, *states or none) -> spikes, and the last states where any were given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, keep: Tensor, rule: CubaRule, *states: Tensor
    ) -> tuple[Tensor, ...]:
        x, keep, states = x.contiguous(), keep.contiguous(), _whole(states)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, keep, *states)
        ctx.rule = rule
        s, last = torch.empty_like(x), tuple(map(torch.empty_like, states))
        if x.numel() == 0:
            return s, *(state.clone() for state in states)
        launch(
            cuba_triton.cuba_forward, x, plan("neurons.cuba", x), x, s, *_three(states)[:2],
            *_three(last)[:2], keep, *sizes(x), rule.threshold,
            HAS_V=bool(states), SOFT=rule.reset == "soft",
        )  # fmt: skip
        return s, *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, keep, *states = ctx.saved_tensors
        rule: CubaRule = ctx.rule
        g_last = _given(grads[1:], states)
        gx, g_first = torch.empty_like(x), list(map(torch.empty_like, states))
        learnt = ctx.needs_input_grad[1]
        if x.numel() == 0:
            return gx, torch.zeros_like(keep), None, *_through(g_last, states)
        made = plan("neurons.cuba_backward", x, states=2)
        sums = x.new_empty((2, made.blocks), dtype=torch.float32) if learnt else None
        launch(
            cuba_triton.cuba_backward, x, made, x, *gradient(grads[0], x), *_three(g_last)[:2],
            *_three(states)[:2], gx, *_three(g_first)[:2], sums, scratch(x, made), keep, *sizes(x),
            made.blocks, rule.threshold, rule.surrogate.alpha, HAS_V=bool(states),
            HAS_GV=bool(g_last), LEARN=learnt, SOFT=rule.reset == "soft",
            DETACH=rule.detach_reset, CODE=rule.surrogate.code,
        )  # fmt: skip
        gkeep = None if sums is None else sums.double().sum(1).to(keep.dtype)
        return gx, gkeep, None, *g_first


def _whole(states: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(state.contiguous() for state in states)


def _three(states: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    """Three arguments of a kernel, None for each state that there is not."""
    return *states, *(None,) * (3 - len(states))


def _given(grads: Sequence[Tensor | None], states: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of the last states; none where nobody asked for them."""
    if all(grad is None for grad in grads):
        return []
    return [
        torch.zeros_like(state) if grad is None else grad.contiguous()
        for grad, state in zip(grads, states, strict=True)
    ]


def _through(g_last: Sequence[Tensor], states: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of the first states where there was no step."""
    return [one.clone() for one in g_last] or [torch.zeros_like(state) for state in states]
