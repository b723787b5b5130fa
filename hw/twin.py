"""The ANN twin: the same topology with ReLU in place of every spiking neuron."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from neurospike.hw.operations import Call, Operations
from neurospike.hw.registry import counts
from neurospike.nn import RecurrentDelay, ReLU, Stateful, UnarySpikes
from neurospike.nn.stateful import State

M = TypeVar("M", bound=nn.Module)


class RecurrentReLU(Stateful):
    """Rectified units that hear each other after the delays of a ``RecurrentDelay``, rounded.

    Shape
    -----
    in, out: (T, B, features)
    state: (past,), (B, steps of the line, features), the latest outputs first
    """

    weight: Tensor
    late: Tensor

    def __init__(self, layer: RecurrentDelay) -> None:
        super().__init__()
        self.features = layer.features
        self.steps = layer.max_delay
        self.register_buffer("weight", layer.weight.detach().clone())
        late = layer.delay.detach().round().long() - layer.first_delay
        self.register_buffer("late", late.expand(layer.features, layer.features).clone())

    def forward(self, x: Tensor) -> Tensor:
        """Run a whole sequence from rest."""
        state = self.init_state(x[0])
        outputs = []
        for now in x:
            y, state = self.step(now, state)
            outputs.append(y)
        return torch.stack(outputs) if outputs else x

    def init_state(self, example: Any) -> State:
        """Nothing heard yet, for one step's input or its full shape such as (B, features)."""
        batch = example.shape[0] if isinstance(example, Tensor) else example[0]
        return (self.weight.new_zeros(batch, self.steps, self.features),)

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, State]:
        """Advance by one time step: x is (B, features)."""
        (past,) = state
        heard = past[:, self.late, torch.arange(self.features)]  # (B, out, in)
        y = (x + (heard * self.weight).sum(-1)).relu()
        return y, (torch.cat([y[:, None], past[:, :-1]], 1),)


@counts(RecurrentReLU)
def recurrent_relu(call: Call) -> Operations:
    """Every unit reads every unit, at every step."""
    return Operations(macs=call.out_values.numel() * call.out_values.shape[-1])


def ann_twin(model: M) -> M:
    """Copy a spiking network with ReLU for every neuron that fires; the original is untouched.

    Weights, norms, delays, shortcuts and readouts stay. ``RecurrentDelay`` becomes rectified units
    that hear each other after the same delays. ``UnarySpikes`` pass through, and an attribute
    ``steps`` above 1, by which a module repeats one input in time, becomes 1: a network without
    memory gives the same answer at every step.

    Shape
    -----
    in, out: as the model's

    Cost
    ----
    A deep copy.

    Examples
    --------
    >>> import torch
    >>> from neurospike import nn as snn
    >>> ann_twin(torch.nn.Sequential(snn.LIF(tau=2.0)))
    Sequential(
      (0): ReLU()
    )
    """
    if _fires(model):
        return _rectified(model)  # type: ignore[return-value]
    twin = copy.deepcopy(model)
    for parent in list(twin.modules()):
        if isinstance(getattr(parent, "steps", None), int):
            parent.steps = 1  # type: ignore[assignment]
        for name, child in list(parent.named_children()):
            if _fires(child):
                setattr(parent, name, _rectified(child))
            elif isinstance(child, UnarySpikes):
                setattr(parent, name, nn.Identity())
    return twin


def _rectified(layer: nn.Module) -> nn.Module:
    return RecurrentReLU(layer) if isinstance(layer, RecurrentDelay) else ReLU()


def _fires(layer: nn.Module) -> bool:
    return isinstance(layer, Stateful) and layer.emits_spikes
