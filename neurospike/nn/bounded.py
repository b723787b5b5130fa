"""A value per neuron that training moves within a range by the sigmoid of a parameter."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError

Range = float | Sequence[float]
"""A range (low, high) that neurons are spread over, or one number for all of them."""

Bounds = tuple[float, float]


def check_range(owner: str, name: str, value: Range, *, above: float = -math.inf) -> Bounds:
    """Return (low, high); raise unless low <= high, both finite and above ``above``."""
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    ordered = len(pair) == 2 and all(math.isfinite(v) for v in pair) and pair[0] <= pair[1]
    if not ordered:
        raise ArgumentError(
            f"{owner}.{name}: must be a number or a range (low, high) of finite numbers, low "
            f"first; got {value!r}."
        )
    if not pair[0] > above:
        raise ArgumentError(f"{owner}.{name}: must be above {above:g}; got {value!r}.")
    return float(pair[0]), float(pair[1])


def register_bounded(
    module: nn.Module, name: str, features: int, bounds: Bounds, *, learnable: bool
) -> None:
    """Draw values uniformly from a range and keep them as ``{name}_logit`` (features,).

    A parameter, or a buffer where nothing is learnt; None where the range is one number.
    """
    key = f"{name}_logit"
    if bounds[0] == bounds[1]:
        module.register_parameter(key, None)
        return
    logit = torch.rand(features).logit(eps=1e-6)
    if learnable:
        module.register_parameter(key, nn.Parameter(logit))
    else:
        module.register_buffer(key, logit)


def bounded(logit: Tensor | None, features: int, bounds: Bounds) -> Tensor:
    """The values, (features,), with the gradient of their logits."""
    low, high = bounds
    if logit is None:
        return torch.full((features,), low)
    return low + (high - low) * logit.sigmoid()
