"""Dropout that silences a unit for a whole sequence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neurospike.errors import ArgumentError, StateError
from neurospike.nn.stateful import State, Stateful


class SequenceDropout(Stateful):
    """Drop units with probability ``p``, the same ones at every time step of a sequence.

    A mask drawn anew at each step would only thin the spikes of a unit; here the unit is gone, and
    the next layer learns to do without it.

    Parameters
    ----------
    p
        Probability that a unit of a sample is dropped; what stays is scaled by 1 / (1 - p).

    Shape
    -----
    in, out: (T, B, ...)
    state: (), it has none

    Raises
    ------
    ArgumentError
        A probability outside 0 <= p < 1.
    StateError
        ``step`` in training mode: a mask belongs to a whole sequence.

    Cost
    ----
    In training one product per number; a draw per unit, not per step. In evaluation nothing.

    Source
    ------
    The dropout of arXiv:2306.17670, which takes it from spikingjelly's multi-step ``Dropout``.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> y = SequenceDropout(0.5)(torch.ones(3, 1, 4))
    >>> bool((y == y[0]).all())
    True
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ArgumentError(f"SequenceDropout.p: must be 0 or more and below 1; got {p}.")
        self.p = float(p)

    def forward(self, x: Tensor) -> Tensor:
        """Run a whole sequence: one mask for all steps."""
        if not self.training or self.p == 0:
            return x
        return x * self._mask(x)

    def start(self, x: Tensor) -> State:
        """In training the mask, which all chunks of a sequence share."""
        return (self._mask(x),) if self.training and self.p > 0 else ()

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Several steps under the mask of their sequence."""
        return (x * state[0] if state else x), state

    def init_state(self, example: Tensor | Sequence[int]) -> State:
        """No state."""
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Pass a step on, in evaluation mode."""
        if self.training and self.p > 0:
            raise StateError(
                "SequenceDropout.step: a mask belongs to a whole sequence; call eval() before "
                "streaming, or train on sequences."
            )
        return x, state

    def _mask(self, x: Tensor) -> Tensor:
        kept = torch.empty(x.shape[1:], dtype=x.dtype, device=x.device).bernoulli_(1 - self.p)
        return kept / (1 - self.p)

    def extra_repr(self) -> str:
        """What the representation shows."""
        return f"p={self.p}"
