"""The dense delay layer as one differentiable function that keeps nothing but its arguments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.functional.delays import DelayRule
from neurospike.kernels.delays import shifts, spectra, spread
from neurospike.kernels.delays.spectrum import best_block


class Convolve(torch.autograd.Function):
    """(x (T, B, in), weight (out, in, taps), delay, rule) -> (T + tail, B, out)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight, delay)
        ctx.rule = rule
        way = spectra if _through_spectra(x, weight, rule) else shifts
        return way.forward(x, spread.kernel(weight, delay, rule), rule.tail)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        x, weight, delay = ctx.saved_tensors
        rule: DelayRule = ctx.rule
        wanted = ctx.needs_input_grad
        parameters = wanted[1] or wanted[2]
        kernel = spread.kernel(weight, delay, rule) if wanted[0] else None
        way = spectra if _through_spectra(x, weight, rule) else shifts
        gx, gk = way.backward(
            grads[0].contiguous(), x, kernel, taps=rule.max_delay, parameters=parameters
        )
        if gk is None:
            return gx, None, None, None
        gw, gd = spread.gradients(gk, weight, delay, rule, wanted=(wanted[1], wanted[2]))
        return gx, gw, gd, None


def _through_spectra(x: Tensor, weight: Tensor, rule: DelayRule) -> bool:
    """Whether products of spectra take fewer multiplications than one product a shift."""
    steps, (outs, ins) = x.shape[0], weight.shape[:2]
    if steps == 0 or rule.max_delay == 1:
        return False
    _, cost = best_block(steps, rule.max_delay, ins, outs)
    return cost < rule.max_delay * steps * ins * outs
