"""Multi-step neurons as a loop over the pure steps: slow, readable, differentiable by autograd.

The oracle of the fused kernels, and the backend wherever those do not apply.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.functional.neurons import LIFRule, ilif_step, leak, lif_step


def lif(x: Tensor, v: Tensor, rule: LIFRule, rate: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """x (T, ...), v (...) -> spikes (T, ...), last membrane (...)."""
    spikes = []
    for current in x:
        v, s = lif_step(
            v,
            current,
            rule.tau,
            threshold=rule.threshold,
            v_reset=rule.v_reset,
            reset=rule.reset,
            decay_input=rule.decay_input,
            detach_reset=rule.detach_reset,
            surrogate=rule.surrogate,
            rate=rate,
        )
        spikes.append(s)
    return _stack(spikes, x), v


def ilif(x: Tensor, v: Tensor, *, max_spikes: int, beta: float) -> tuple[Tensor, Tensor]:
    """x (T, ...), v (...) -> integer spikes (T, ...), last membrane (...)."""
    spikes = []
    for current in x:
        v, s = ilif_step(v, current, max_spikes=max_spikes, beta=beta)
        spikes.append(s)
    return _stack(spikes, x), v


def readout(
    x: Tensor, v: Tensor, *, tau: float, decay_input: bool, rate: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """x (T, ...), v (...) -> membranes (T, ...), last membrane (...)."""
    membranes = []
    for current in x:
        v = leak(v, current, tau, decay_input=decay_input, rate=rate)
        membranes.append(v)
    return _stack(membranes, x), v


def _stack(rows: list[Tensor], x: Tensor) -> Tensor:
    return torch.stack(rows) if rows else x * 0
