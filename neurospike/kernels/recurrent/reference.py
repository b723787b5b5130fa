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
    queue = list(pending)
    outputs = []
    axons = share.ndim == 2
    for current in x:
        due = queue.pop(0)
        y, state = step(current + (due @ weight.T if axons else due), state)
        queue.append(torch.zeros_like(due))
        for k, part in enumerate(share):
            arrival = part * y if axons else y @ (weight * part).T
            queue[k] = queue[k] + arrival
        outputs.append(y)
    return torch.stack(outputs) if outputs else x * 0, torch.stack(queue), state
