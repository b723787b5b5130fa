"""Multi-step neurons as differentiable torch functions on (T, ...) tensors.

``passes`` is ``cpu`` or ``gpu``, for neurons of several states one of their own such modules. Only
the input is kept for the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from neurospike.functional.neurons import LIFRule

Grads = tuple[Tensor | None, ...]
Several = tuple[Tensor, Tensor | None, list[Tensor]]
"""Gradients of an input, of coefficients, and of first states: of all of them, or of none."""


class LIF(Function):
    """(x, v or None, 1 / tau or None, rule) -> spikes, and the last membrane where v was given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor | None, rate: Tensor | None, rule: LIFRule, passes: Any
    ) -> tuple[Tensor, Tensor | None]:
        x, v = x.contiguous(), None if v is None else v.contiguous()
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, v, rate)
        ctx.rule, ctx.passes = rule, passes
        made: tuple[Tensor, Tensor | None] = passes.lif(x, v, rate, rule)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, v, rate = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        return *ctx.passes.lif_backward(*grads, x, v, rate, ctx.rule, wanted), None, None


class ILIF(Function):
    """(x, v or None, D, beta) -> integer spikes, and the last membrane where v was given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor | None, max_spikes: int, beta: float, passes: Any
    ) -> tuple[Tensor, Tensor | None]:
        x, v = x.contiguous(), None if v is None else v.contiguous()
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, v)
        ctx.scalars, ctx.passes = (max_spikes, beta), passes
        made: tuple[Tensor, Tensor | None] = passes.ilif(x, v, max_spikes, beta)
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        wanted = ctx.needs_input_grad[:2]
        found = ctx.passes.ilif_backward(*grads, *ctx.saved_tensors, *ctx.scalars, wanted)
        return *found, None, None, None


class Readout(Function):
    """(x, v or None, 1 / tau or None, tau, decay_input) -> membranes."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor | None, rate: Tensor | None, tau: float,
        decay_input: bool, passes: Any,
    ) -> Tensor:  # fmt: skip
        x, v = x.contiguous(), None if v is None else v.contiguous()
        y: Tensor = passes.readout(x, v, rate, tau, decay_input)
        # Only the gradient of 1 / tau needs the membranes again.
        ctx.save_for_backward(x, y if ctx.needs_input_grad[2] else None, v, rate)
        ctx.scalars, ctx.passes = (tau, decay_input), passes
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        wanted = ctx.needs_input_grad[:3]
        found = ctx.passes.readout_backward(*grads, *ctx.saved_tensors, *ctx.scalars, wanted)
        return *found, None, None, None


class SeveralStates(Function):
    """(x, coefficients, rule, passes, *states or none) -> spikes, and last states if any are given.

    Passes are given one step and one neuron or more.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, coefficients: Tensor, rule: Any, passes: Any, *states: Tensor
    ) -> tuple[Tensor, ...]:
        x, coefficients = x.contiguous(), coefficients.contiguous()
        states = tuple(state.contiguous() for state in states)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, coefficients, *states)
        ctx.rule, ctx.passes = rule, passes
        if x.numel() == 0:  # no step, or no neuron
            return torch.empty_like(x), *(state.clone() for state in states)
        s, last = passes.forward(x, coefficients, rule, states)
        return (s, *last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, coefficients, *states = ctx.saved_tensors
        wanted = (ctx.needs_input_grad[1], any(ctx.needs_input_grad[4:]))
        g_last = _given(grads[1:], states)
        if x.numel() == 0:
            gx, g_coefficients, first = torch.empty_like(x), torch.zeros_like(coefficients), g_last
        else:
            gx, g_coefficients, first = ctx.passes.backward(
                grads[0], g_last, x, coefficients, ctx.rule, states, wanted
            )
        g_first: Sequence[Tensor | None] = first or (None,) * len(states)
        return gx, g_coefficients, None, None, *g_first


def _given(grads: Sequence[Tensor | None], states: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of the last states; none where nobody asked for them."""
    if all(grad is None for grad in grads):
        return []
    return [
        torch.zeros_like(state) if grad is None else grad.contiguous()
        for grad, state in zip(grads, states, strict=True)
    ]
