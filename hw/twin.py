"""The ANN twin: the same topology with ReLU in place of every spiking neuron."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import Tensor, nn

from neurospike.nn import Stateful, UnarySpikes
from neurospike.nn.stateful import State
from neurospike.sparse import VoxelTensor

M = TypeVar("M", bound=nn.Module)


class ReLU(Stateful):
    """Rectify tensors and VoxelTensors; streams with an empty state.

    Shape
    -----
    in, out: any tensor, or a VoxelTensor
    state: ()
    """

    def forward(self, x: Any) -> Any:
        """Rectify every number."""
        if isinstance(x, VoxelTensor):
            return x.replace(x.features.relu())
        return x.relu()

    def init_state(self, _example: Any) -> State:
        """Nothing is kept."""
        return ()

    def step(self, x: Any, state: tuple[Tensor, ...]) -> tuple[Any, State]:
        """One step is like any other."""
        return self(x), state


def ann_twin(model: M) -> M:
    """Copy a spiking network with ReLU for every neuron that fires; the original is untouched.

    Weights, norms, shortcuts and readouts stay. ``UnarySpikes`` pass through, and an attribute
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
        return ReLU()  # type: ignore[return-value]
    twin = copy.deepcopy(model)
    for parent in list(twin.modules()):
        if isinstance(getattr(parent, "steps", None), int):
            parent.steps = 1  # type: ignore[assignment]
        for name, child in list(parent.named_children()):
            if _fires(child):
                setattr(parent, name, ReLU())
            elif isinstance(child, UnarySpikes):
                setattr(parent, name, nn.Identity())
    return twin


def _fires(layer: nn.Module) -> bool:
    return isinstance(layer, Stateful) and layer.emits_spikes
