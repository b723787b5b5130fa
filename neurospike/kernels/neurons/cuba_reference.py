"""The current-based LIF neuron as a loop over its pure step: the oracle of the fused kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.functional.cuba import CubaRule, cuba_step


def cuba(
    x: Tensor, state: tuple[Tensor, Tensor], keep: Tensor, rule: CubaRule
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """x (T, ...), state (i, v) (...), keep (2,) -> spikes (T, ...), last state."""
    spikes = []
    for current in x:
        state, s = cuba_step(state, current, keep, rule)
        spikes.append(s)
    return (torch.stack(spikes) if spikes else x * 0), state
