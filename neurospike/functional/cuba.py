"""One time step of the current-based LIF neuron, as a pure function of its state and input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neurospike.functional.neurons import Reset
from neurospike.functional.surrogate import ATan, Surrogate

__all__ = ["LARGEST", "UNITY", "CubaRule", "cuba_step", "decay_constant"]

UNITY = 4096
"""Decay constants of the chip count in 1 / 4096: 12 bits."""

LARGEST = 2**23 - 1
"""Largest magnitude of the chip's 24-bit states."""

_ATAN = ATan()


@dataclass(frozen=True)
class CubaRule:
    """What fixes the dynamics of a current-based LIF neuron beside its two decays.

    Attributes
    ----------
    threshold
        Membrane at which the neuron fires.
    reset
        "hard" sets the membrane to 0 after a spike; "soft" subtracts ``threshold``.
    detach_reset
        Whether gradients stop at the reset.
    surrogate
        Gradient of the spike.
    scale
        Integer units of the chip in 1.0, a power of two, for integer arithmetic; 0 for real
        numbers.
    """

    threshold: float = 1.0
    reset: Reset = "hard"
    detach_reset: bool = True
    surrogate: Surrogate = _ATAN
    scale: float = 0.0


def decay_constant(tau: float) -> int:
    """The chip's decay constant, 0..4096, that comes nearest to 4096 / tau.

    >>> decay_constant(10.0)
    410
    """
    return round(UNITY / tau)


def cuba_step(
    state: tuple[Tensor, Tensor], x: Tensor, keep: Tensor, rule: CubaRule
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """One step: i <- keep_syn * i + x, v <- keep_mem * v + i, fire where v >= threshold, reset.

    With ``rule.scale`` states are whole numbers of 1 / scale, x is rounded to them, both products
    are rounded toward zero and both sums stop at the ends of 24 bits. Gradients pass straight
    through the rounding.

    Shape
    -----
    in:  state (i, v), x (...), keep (2,) = 1 - 1 / tau_syn, 1 - 1 / tau_mem
    out: the state after the step, and the spikes (...)

    Source
    ------
    Davies et al., IEEE Micro 2018; the integer arithmetic as in lava's bit-accurate LIF.

    Examples
    --------
    >>> keep = torch.tensor([0.5, 0.5])
    >>> cuba_step((torch.ones(1), torch.ones(1)), torch.zeros(1), keep, CubaRule(threshold=2.0))
    ((tensor([0.5000]), tensor([1.])), tensor([0.]))
    """
    i, v = state
    if rule.scale:
        given = x + (_whole(x, rule.scale) - x).detach()
        i = _leaky(i, keep[0], given, rule.scale)
        h = _leaky(v, keep[1], i, rule.scale)
    else:
        i = keep[0] * i + x
        h = keep[1] * v + i
    s = rule.surrogate(h - rule.threshold)
    fired = s.detach() if rule.detach_reset else s
    v = h - fired * rule.threshold if rule.reset == "soft" else h * (1 - fired)
    return (i, v), s


def _leaky(value: Tensor, keep: Tensor, x: Tensor, scale: float) -> Tensor:
    """trunc(value * keep) + x in units of 1 / scale; every product is exact in float64."""
    factor = torch.round(keep.detach().double() * UNITY)
    left = torch.trunc(torch.round(value.detach().double() * scale) * factor / UNITY)
    total = (left + torch.round(x.detach().double() * scale)).clamp(-LARGEST, LARGEST)
    real = keep * value + x
    exact: Tensor = _Straight.apply(real, (total / scale).to(real.dtype))  # type: ignore[no-untyped-call]
    return exact


def _whole(x: Tensor, scale: float) -> Tensor:
    return (torch.round(x.double() * scale) / scale).to(x.dtype)


class _Straight(torch.autograd.Function):
    """The second value with the first one's gradient."""

    @staticmethod
    def forward(ctx: Any, real: Tensor, exact: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        return grads[0], None
