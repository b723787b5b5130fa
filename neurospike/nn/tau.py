"""A time constant that training may move: 1 / tau = sigmoid(parameter) keeps tau above 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError


def check_tau(owner: str, tau: float, *, learnable: bool, name: str = "tau") -> float:
    """Return tau, in time steps; raise unless it is 1 or more, and above 1 where it is learnt."""
    tau = float(tau)
    if not tau >= 1 or (learnable and not 1 < tau < math.inf):
        rule = "must be above 1 and finite where it is learnt" if learnable else "must be 1 or more"
        raise ArgumentError(
            f"{owner}.{name}: {rule}, in time steps; got {tau}. For a time constant in "
            "milliseconds divide by the length of a step."
        )
    return tau


def rate_parameter(tau: float) -> nn.Parameter:
    """The parameter w with sigmoid(w) = 1 / tau."""
    return nn.Parameter(torch.tensor(-math.log(tau - 1)))


def rate_of(parameter: Tensor | None) -> Tensor | None:
    """1 / tau as a tensor with a gradient, or None where tau is fixed."""
    return None if parameter is None else parameter.sigmoid()
