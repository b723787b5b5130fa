"""Neurons with more than one state: an adaptation or a current beside the membrane."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neurospike.errors import StateError
from neurospike.kernels.autocast import state_dtype
from neurospike.nn.neuron import Neuron, Spikes, in_dtype_of
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
        rest = torch.zeros_like(example, dtype=state_dtype(example.dtype), requires_grad=False)
        return tuple(rest.clone() for _ in self.state_names)

    def step(self, x: Spikes, state: State) -> tuple[Spikes, State]:
        """Advance by one time step: x is (B, ...), or a VoxelTensor with features (N, C)."""
        if isinstance(x, VoxelTensor):
            x = self._one_step(x)
            y, state = self._advance_all(x.features, state, unit="voxels")
            return x.replace(y), state
        return self._advance_all(x, state, unit="batch")

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Several time steps (T, ...) at once, from a state to the next."""
        self._check_sequence(x)
        return self._run_from(x, self._wide(x, step=True), state, unit="batch")

    def _sequence(self, x: Tensor) -> Tensor:
        self._check_sequence(x)
        return in_dtype_of(self.run(self._wide(x), None)[0], x)

    def _advance_all(self, x: Tensor, state: State, *, unit: str) -> tuple[Tensor, State]:
        self._check_input(x)
        y, state = self._run_from(x[None], self._wide(x[None], step=True), state, unit=unit)
        return y[0], state

    def _run_from(
        self, x: Tensor, wide: Tensor, state: State, *, unit: str
    ) -> tuple[Tensor, State]:
        names = self.state_names
        if len(state) != len(names):
            raise StateError(
                f"{self._name}: state must be ({', '.join(names)}); got {len(state)} tensors; "
                "start from init_state(example)."
            )
        checked = tuple(self._check_state(x[0], (part,), unit).to(wide.dtype) for part in state)
        y, last = self.run(wide, checked)
        return in_dtype_of(y, x), checked if last is None else last
