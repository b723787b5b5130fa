"""Recurrence with delays as a loop over torch operations: slow, readable, differentiable.

The oracle of the fused loop, and what runs wherever that does not apply.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

State = tuple[Tensor, ...]
Step = Callable[[Tensor, State], tuple[Tensor, State]]


def recurrent(
    x: Tensor, pending: Tensor, state: State, step: Step, weight: Tensor, share: Tensor
) -> tuple[Tensor, Tensor, State]:
    """Run a layer whose outputs come back after delays.

    Shape
    -----
    in:  x (T, B, N); pending (K, B, N), what is on its way to the next K steps; weight (out, in);
         share (K, in) of every step in an axon's delay, or (K, out, in) in a synapse's
    out: y (T, B, N), pending, state
    """
    axons = share.ndim == 2
    # All ways at once: a step is as many operations whatever the longest delay.
    ways = share[:, None] if axons else (weight * share).mT
    outputs = []
    for current in x:
        due, later = pending[0], pending[1:]
        y, state = step(current + (due @ weight.T if axons else due), state)
        sent = ways * y if axons else y @ ways
        pending = sent + torch.cat([later, torch.zeros_like(pending[:1])])
        outputs.append(y)
    return torch.stack(outputs) if outputs else x * 0, pending, state
