"""How a learnt delay, a real number of steps, is spread over the whole steps around it.

These are the definitions: layers hold parameters and nothing else, and kernels are tested against
them. Every spread is differentiable by autograd and sums to 1 over the steps 0..max_delay - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from neurospike.errors import ArgumentError

__all__ = ["DelayRule", "Spread", "gaussian", "spread_delays", "triangle"]

Spread = Literal["gaussian", "triangle", "none"]

NARROWEST = 1.0
"""Half-width of a triangle, in steps, below which it would meet no step between two steps."""


@dataclass(frozen=True)
class DelayRule:
    """Everything that fixes how delays act, beside the delays themselves.

    Attributes
    ----------
    max_delay
        Steps of the delay line: delays lie in 0..max_delay - 1.
    spread
        "gaussian", "triangle", or "none" for linear interpolation between two steps.
    sigma
        Width of the spread, in steps; ignored by "none".
    tail
        Steps that the output lasts longer than the input.
    """

    max_delay: int
    spread: Spread = "gaussian"
    sigma: float = 1.0
    tail: int = 0

    @property
    def width(self) -> float:
        """Standard deviation of the gaussian, or half-width of the triangle, in steps."""
        if self.spread == "gaussian":
            return self.sigma
        return NARROWEST if self.spread == "none" else max(self.sigma, NARROWEST)


def gaussian(delay: Tensor, sigma: float | Tensor, max_delay: int) -> Tensor:
    """Share of every step 0..max_delay - 1 in a delay, by exp(-(step - delay)^2 / 2 sigma^2).

    Shape
    -----
    in:  delay (...), in steps
    out: (max_delay, ...), summing to 1 over the first axis

    Source
    ------
    arXiv:2306.17670, whose sum has 1e-7 added to it and is not safe below sigma = 0.1 steps.

    Examples
    --------
    >>> gaussian(torch.tensor([1.0]), 0.5, 3).flatten()
    tensor([0.1065, 0.7870, 0.1065])
    """
    return torch.softmax((_distance(delay, max_delay) ** 2) * (-0.5 / sigma**2), 0)


def triangle(delay: Tensor, half_width: float | Tensor, max_delay: int) -> Tensor:
    """Share of every step 0..max_delay - 1 in a delay, by max(0, half_width - |step - delay|).

    A half-width of 1 step is linear interpolation between the two steps around the delay.

    Shape
    -----
    in:  delay (...), in steps
    out: (max_delay, ...), summing to 1 over the first axis

    Source
    ------
    The version "max" of DCLS, arXiv:2306.00817; with half_width 1 its "v1".

    Examples
    --------
    >>> triangle(torch.tensor([0.25]), 1.0, 3).flatten()
    tensor([0.7500, 0.2500, 0.0000])
    """
    shares = torch.relu(half_width - _distance(delay, max_delay).abs())
    return shares / shares.sum(0)


def spread_delays(delay: Tensor, rule: DelayRule) -> Tensor:
    """Share of every step in a delay, by the rule's spread: (...) -> (max_delay, ...)."""
    if rule.spread == "gaussian":
        return gaussian(delay, rule.width, rule.max_delay)
    if rule.spread in get_args(Spread):
        return triangle(delay, rule.width, rule.max_delay)
    raise ArgumentError(
        f"delays.spread: must be one of {', '.join(get_args(Spread))}; got {rule.spread!r}."
    )


def _distance(delay: Tensor, max_delay: int) -> Tensor:
    """Step minus delay, for every step: (max_delay, ...)."""
    steps = torch.arange(max_delay, dtype=delay.dtype, device=delay.device)
    return steps.reshape(-1, *[1] * delay.ndim) - delay
