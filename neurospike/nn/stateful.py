"""The contract of every layer with a state, users' own included."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

State = tuple[Tensor, ...]


class Stateful(nn.Module):
    """Base of layers that carry a state from one time step to the next.

    A subclass writes three methods, and keeps nothing between calls:

    * ``forward(x_seq)``: a whole sequence (T, ...) or a VoxelTensor, from rest;
    * ``init_state(example)``: the state at rest, for one step's input or its full shape;
    * ``step(x, state)``: one time step, returning ``(y, state)``.

    In evaluation mode, looping ``step`` equals ``forward``.
    """

    emits_spikes: ClassVar[bool] = False
    """Whether outputs are spike counts: what the counting of operations goes by."""

    def init_state(self, example: Any) -> State:
        """Return the state at rest, a flat tuple of tensors."""
        raise NotImplementedError(f"{type(self).__name__} defines no init_state")

    def step(self, x: Any, state: State) -> tuple[Any, State]:
        """Advance by one time step."""
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def start(self, x: Tensor) -> State:
        """The state before a sequence (T, B, ...) that ``advance`` is to run."""
        state: State = self.init_state(x[0])
        return state

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Several time steps (T, B, ...) at once, from a state to the next.

        Only ``checkpoint_time`` asks for it, and runs layers without it over the whole sequence.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no advance")

    def flush(self, state: State) -> Tensor | None:
        """What a layer that lengthens time gives out after its last input: (tail, B, ...)."""
        return None
