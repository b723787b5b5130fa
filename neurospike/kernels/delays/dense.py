"""The dense delay layer: the cheapest way forward, and backward from arguments and shares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.functional.delays import DelayRule
from neurospike.kernels.autocast import in_full_precision
from neurospike.kernels.delays import matrices, shifts, spectra, spread

Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


class Convolve(torch.autograd.Function):
    """(x (T, B, in), weight (out, in, taps), delay, rule) -> (T + tail, B, out)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule) -> Tensor:
        x = x.contiguous()
        shares = spread.shares(delay, rule)
        ctx.save_for_backward(x, weight, delay, shares)
        ctx.rule = rule
        kernel = spread.kernel(weight, shares)
        y: Tensor = _way(x, weight, rule).forward(x, kernel, rule.tail)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        x, weight, delay, shares = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        found = backward(grads[0], x, weight, delay, ctx.rule, shares=shares, wanted=wanted)
        return (*found, None)


def backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    delay: Tensor,
    rule: DelayRule,
    *,
    shares: Tensor | None = None,
    wanted: tuple[bool, bool, bool],
) -> Gradients:
    """Gradients of x, weight and delay, each where wanted."""
    with in_full_precision(x):
        if shares is None:
            shares = spread.shares(delay, rule)
        kernel = spread.kernel(weight, shares) if wanted[0] else None
        gx, gk = _way(x, weight, rule).backward(
            g.contiguous(), x, kernel, taps=rule.max_delay, parameters=wanted[1] or wanted[2]
        )
        if gk is None:
            return gx, None, None
        return gx, *spread.gradients(gk, weight, delay, shares, rule, wanted=wanted[1:])


def _way(x: Tensor, weight: Tensor, rule: DelayRule) -> Any:
    """Products of spectra where they take less work than one product a shift.

    What counts on a GPU is the number of products, which for spectra is fixed.
    """
    steps, batch, ins = x.shape
    if x.numel() == 0 or rule.max_delay == 1:
        return shifts
    if x.device.type != "cpu":
        return matrices
    one_a_shift = rule.max_delay * steps * batch * ins * len(weight)
    if spectra.cost(x, rule.max_delay, len(weight)) >= one_a_shift:
        return shifts
    # Double precision is for checks: matrices will do, and nothing needs to be compiled.
    return spectra if x.dtype == spectra.CACHED else matrices
