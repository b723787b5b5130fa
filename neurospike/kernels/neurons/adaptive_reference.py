"""The adaptive LIF neuron as a loop over its pure step: the oracle of the fused kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.functional.adaptive import AdaptiveRule, adaptive_step


def adaptive(
    x: Tensor, state: tuple[Tensor, ...], gains: Tensor, rule: AdaptiveRule
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """x (T, ..., C), states (..., C), gains (4, C) -> spikes (T, ..., C), last states."""
    spikes = []
    for current in x:
        state, s = adaptive_step(state, current, gains, rule)
        spikes.append(s)
    return (torch.stack(spikes) if spikes else x * 0), state
