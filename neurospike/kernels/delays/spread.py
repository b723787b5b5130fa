"""Kernels of delay layers, made of weights and shares, and their gradients without autograd.

Autograd would keep half a dozen arrays as large as the kernel; here the shares are all there is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.functional.delays import DelayRule, spread_delays


def shares(delay: Tensor, rule: DelayRule) -> Tensor:
    """Share of every step in every delay: (..., taps) -> (taps, max_delay, ...)."""
    return torch.stack([spread_delays(one, rule) for one in delay.unbind(-1)])


def kernel(weight: Tensor, shares: Tensor) -> Tensor:
    """Weight of every step: (out, in, taps) and shares -> (max_delay, out, in)."""
    total = shares[0] * weight[..., 0]
    for k in range(1, len(shares)):
        total.addcmul_(shares[k], weight[..., k])
    return total


def gradients(
    g: Tensor,
    weight: Tensor,
    delay: Tensor,
    shares: Tensor,
    rule: DelayRule,
    *,
    wanted: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """From the kernel's gradient (max_delay, out, in) to those of weight and delay.

    With shares n over steps d that sum to 1, d(n)/d(delay) is n times the slope of log(n) less
    the mean slope: (step - delay) / sigma^2 for the gaussian, and for the triangle +1 or -1 over
    its height there.
    """
    to_weight, to_delay = torch.empty_like(weight), torch.empty_like(weight)
    for k in range(weight.shape[-1]):
        carried = g * shares[k]
        to_weight[..., k] = carried.sum(0)
        if not wanted[1]:
            continue
        distance = _distance(delay[..., k], rule)
        if rule.spread == "gaussian":
            # From the delay, not from step 0: the difference would lose digits.
            along = carried.mul_(distance).sum(0)
            mean = distance.mul_(shares[k]).sum(0)
            strength = weight[..., k] / rule.width**2
        else:
            height = (rule.width - distance.abs()).clamp_(min=0)
            slopes = distance.sign_().mul_(height > 0)
            along, mean = (g * slopes).sum(0), slopes.sum(0)
            strength = weight[..., k] / height.sum(0)
        to_delay[..., k] = strength * (along - to_weight[..., k] * mean)
    return (
        to_weight if wanted[0] else None,
        to_delay.sum_to_size(delay.shape) if wanted[1] else None,
    )


def _distance(delay: Tensor, rule: DelayRule) -> Tensor:
    """Step minus delay, for every step: (max_delay, ...)."""
    steps = torch.arange(rule.max_delay, dtype=delay.dtype, device=delay.device)
    return steps.reshape(-1, *[1] * delay.ndim) - delay
