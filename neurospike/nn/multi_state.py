"""Neurons with more than one state: an adaptation or a current beside the membrane."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neurospike.errors import StateError
from neurospike.nn.neuron import Neuron, Spikes
from neurospike.nn.stateful import State
from neurospike.sparse.voxel_tensor import VoxelTensor


class MultiStateNeuron(Neuron):
    """A neuron with several states a unit, all zero at rest and of one step's shape.

    A leaf gives ``state_names`` and ``run``.
    """

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the state tensors, in their order."""
        raise NotImplementedError(f"{self._name} defines no state_names")

    def run(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        """x (T, ...), states (...) or None for rest -> outputs, and the last states if given."""
        raise NotImplementedError(f"{self._name} defines no run")

    def init_state(self, example: Spikes | Sequence[int]) -> State:
        """The state at rest, for one step's input or its full shape such as (B, features)."""
        if isinstance(example, VoxelTensor):
            example = self._one_step(example).features
        if not isinstance(example, Tensor):
            example = torch.empty(tuple(example))
        return tuple(torch.zeros_like(example, requires_grad=False) for _ in self.state_names)

    def step(self, x: Spikes, state: State) -> tuple[Spikes, State]:
        """Advance by one time step: x is (B, ...), or a VoxelTensor with features (N, C)."""
        if isinstance(x, VoxelTensor):
            x = self._one_step(x)
            y, state = self._advance_all(x.features, state, unit="voxels")
            return x.replace(y), state
        return self._advance_all(x, state, unit="batch")

    def _sequence(self, x: Tensor) -> Tensor:
        self._check_sequence(x)
        return self.run(x, None)[0]

    def _advance_all(self, x: Tensor, state: State, *, unit: str) -> tuple[Tensor, State]:
        self._check_input(x)
        names = self.state_names
        if len(state) != len(names):
            raise StateError(
                f"{self._name}: state must be ({', '.join(names)}); got {len(state)} tensors; "
                "start from init_state(example)."
            )
        checked = tuple(self._check_state(x, (part,), unit).to(x.dtype) for part in state)
        y, last = self.run(x[None], checked)
        return y[0], checked if last is None else last
