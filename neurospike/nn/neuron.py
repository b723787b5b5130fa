"""What all neurons share: sequences and voxels in, one state tensor, clear refusals."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neurospike.errors import ArgumentError, StateError
from neurospike.kernels.autocast import HALVES, state_dtype
from neurospike.nn.stateful import State, Stateful
from neurospike.nn.unary import collapse
from neurospike.sparse.voxel_tensor import VoxelTensor

Spikes = Tensor | VoxelTensor


class Neuron(Stateful):
    """A neuron with one membrane a unit: a leaf gives ``rest`` and ``multi_step``.

    Dense sequences are (T, ...), time first. A VoxelTensor is one step (N, C) or a sequence
    (T, N, C). The state is (v,), v of one step's shape. Membranes of inputs in half precision are
    float32; what is given out has the input's dtype.
    """

    @property
    def rest(self) -> float:
        """The membrane before any input."""
        return 0.0

    def multi_step(self, x: Tensor, v: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """x (T, ...), v (...) or None for rest -> outputs, and the last membrane if v is given."""
        raise NotImplementedError(f"{type(self).__name__} defines no multi_step")

    def forward(self, x: Spikes) -> Spikes:
        """Run a whole sequence from rest; nothing is kept."""
        if isinstance(x, VoxelTensor):
            x = collapse(x)
            one_step = x.features.ndim == 2
            y = self._sequence(x.features[None] if one_step else x.features)
            # Not y[0]: its gradient would be a copy into zeros.
            return x.replace(y.squeeze(0) if one_step else y)
        return self._sequence(x)

    def init_state(self, example: Spikes | Sequence[int]) -> State:
        """The state at rest, for one step's input or its full shape such as (B, features)."""
        if isinstance(example, VoxelTensor):
            example = self._one_step(example).features
        if isinstance(example, Tensor):
            dtype = state_dtype(example.dtype)
            return (torch.full_like(example, self.rest, dtype=dtype, requires_grad=False),)
        return (torch.full(tuple(example), self.rest),)

    def step(self, x: Spikes, state: State) -> tuple[Spikes, State]:
        """Advance by one time step: x is (B, ...), or a VoxelTensor with features (N, C)."""
        if isinstance(x, VoxelTensor):
            x = self._one_step(x)
            y, v = self._advance(x.features, state, unit="voxels")
            return x.replace(y), (v,)
        y, v = self._advance(x, state, unit="batch")
        return y, (v,)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Several time steps (T, ...) at once, from a state to the next."""
        self._check_sequence(x)
        v = self._check_state(x[0], state, "batch")
        wide = self._wide(x, step=True)
        y, last = self.multi_step(wide, v.to(wide.dtype))
        return in_dtype_of(y, x), (v if last is None else last,)

    def _sequence(self, x: Tensor) -> Tensor:
        self._check_sequence(x)
        return in_dtype_of(self.multi_step(self._wide(x), None)[0], x)

    def _check_sequence(self, x: Tensor) -> None:
        self._check_input(x)
        if x.ndim == 0:
            raise ArgumentError(f"{self._name}.x: must be (T, ...), time first; got a scalar.")

    def _advance(self, x: Tensor, state: State, *, unit: str) -> tuple[Tensor, Tensor]:
        self._check_input(x)
        wide = self._wide(x, step=True)
        v = self._check_state(x, state, unit).to(wide.dtype)
        y, last = self.multi_step(wide[None], v)
        return in_dtype_of(y[0], x), v if last is None else last

    def _wide(self, x: Tensor, *, step: bool = False) -> Tensor:
        """Half precision as float32, unless kernels widen it as they read it, or were named."""
        if x.dtype not in HALVES:
            return x
        backend = getattr(self, "backend", "auto")
        if backend == "numba" or not (step or (x.device.type == "cpu" and backend != "triton")):
            return x
        return x.float()

    def _one_step(self, x: VoxelTensor) -> VoxelTensor:
        x = collapse(x)
        if x.features.ndim != 2:
            raise ArgumentError(
                f"{self._name}.step: takes one step's features (N, C); got "
                f"{tuple(x.features.shape)}. Call the layer for a whole sequence."
            )
        return x

    def _check_input(self, x: Tensor) -> None:
        if not x.is_floating_point():
            raise ArgumentError(
                f"{self._name}.x: must be floating point; got {x.dtype}. Convert with x.float()."
            )

    def _check_state(self, x: Tensor, state: State, unit: str) -> Tensor:
        if len(state) != 1:
            raise StateError(
                f"{self._name}: state must be (v,); got {len(state)} tensors; "
                "start from init_state(example)."
            )
        v = state[0]
        if v.shape == x.shape:
            return v
        same_tail = v.ndim == x.ndim > 0 and v.shape[1:] == x.shape[1:]
        had: object = v.shape[0] if same_tail else tuple(v.shape)
        got: object = x.shape[0] if same_tail else tuple(x.shape)
        what = unit if same_tail else "shape"
        raise StateError(
            f"{self._name}: state has {what} {had}, input has {got}; "
            "start from init_state(example)."
        )

    @property
    def _name(self) -> str:
        return type(self).__name__


def in_dtype_of(y: Tensor, x: Tensor) -> Tensor:
    """y in x's dtype; a call that does nothing costs as much as a small kernel."""
    return y if y.dtype == x.dtype else y.to(x.dtype)
