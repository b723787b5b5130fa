"""Kernels of delay layers, made of weights and delays, and their gradients without autograd.

Autograd would keep half a dozen arrays as large as the kernel; here nothing is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.functional.delays import DelayRule, spread_delays


def kernel(weight: Tensor, delay: Tensor, rule: DelayRule) -> Tensor:
    """Weight of every step: (out, in, taps) and delays -> (max_delay, out, in)."""
    total: Tensor | None = None
    for k in range(weight.shape[-1]):
        part = spread_delays(delay[..., k], rule) * weight[..., k]
        total = part if total is None else total.add_(part)
    return weight.new_zeros(rule.max_delay, *weight.shape[:2]) if total is None else total


def gradients(
    g: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule, *, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """From the kernel's gradient (max_delay, out, in) to those of weight and delay.

    With shares n over steps d that sum to 1, d(n)/d(delay) is n times the slope of log(n) less
    the mean slope: (step - delay) / sigma^2 for the gaussian, and for the triangle +1 or -1 over
    its height there.
    """
    steps = torch.arange(rule.max_delay, dtype=g.dtype, device=g.device).reshape(-1, 1, 1)
    to_weight, to_delay = torch.empty_like(weight), torch.empty_like(weight)
    for k in range(weight.shape[-1]):
        one = delay[..., k]
        shares = spread_delays(one, rule)
        to_weight[..., k] = (g * shares).sum(0)
        if not wanted[1]:
            continue
        if rule.spread == "gaussian":
            slopes = shares.mul_((steps - one) / rule.width**2)
        else:
            slopes = _triangle_slopes(one, steps, rule)
        drift = (g * slopes).sum(0) - to_weight[..., k] * slopes.sum(0)
        to_delay[..., k] = weight[..., k] * drift
    return (
        to_weight if wanted[0] else None,
        to_delay.sum_to_size(delay.shape) if wanted[1] else None,
    )


def _triangle_slopes(delay: Tensor, steps: Tensor, rule: DelayRule) -> Tensor:
    distance = steps - delay
    height = rule.width - distance.abs()
    inside = height > 0
    total = height.clamp(min=0).sum(0)
    return torch.sign(distance) * inside / total
