"""Integer leaky integrate-and-fire, and the switch between integer and unary spikes."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.kernels.neurons import select
from neurospike.kernels.neurons.select import Backend
from neurospike.nn.neuron import Neuron, Spikes
from neurospike.nn.stateful import State
from neurospike.nn.unary import expand


class ILIF(Neuron):
    """Integer leaky integrate-and-fire: counts of spikes in training, events at inference.

    u = beta * h + x; s = floor(clip(u, 0, D) + 0.5), halves up; h = u - s. The subtracted s is
    detached, the gradient of s is 1 for 0 < u < D and 0 elsewhere.

    Parameters
    ----------
    max_spikes
        Most spikes D in one integer step.
    beta
        Share of the membrane kept from step to step, 0 to 1; 0 forgets everything.
    backend
        "auto", "numba", "triton" or "reference"; a named backend never falls back.

    Attributes
    ----------
    mode
        "integer", or "unary": each integer spike leaves as binary events in D virtual steps.
        ``nn.spike_mode`` switches a whole model.
    sends_dense_events
        Whether dense unary events are allowed out: ``nn.spike_mode`` takes that away where nobody
        would sum them.

    Shape
    -----
    in:  (T, ...), or a VoxelTensor with features (N, C) or (T, N, C)
    out: the same shape and dtype, integers 0 to D; in "unary" mode (T * D, ...) of 0 and 1, or
         features (D, N, C) or (T * D, N, C), and from ``step`` (D, ...)
    state: (h,), the membrane after reset, of one step's shape

    Raises
    ------
    ArgumentError
        max_spikes below 1, beta outside 0..1, an integer input.
    StateError
        In ``step``, a state of another batch than the input.

    Cost
    ----
    One pass forward; backward recomputes the membranes in cache and keeps only the input.

    Source
    ------
    E-3DSNN, arXiv:2412.07360. Departures: none; the detached reset is the paper's.

    Examples
    --------
    >>> import torch
    >>> ILIF()
    ILIF(max_spikes=4, beta=0.25)
    >>> ILIF(4)(torch.tensor([[0.5], [2.25], [9.0]])).flatten()
    tensor([1., 2., 4.])
    """

    emits_spikes: ClassVar[bool] = True

    def __init__(
        self, max_spikes: int = 4, beta: float = 0.25, *, backend: Backend = "auto"
    ) -> None:
        super().__init__()
        if max_spikes != int(max_spikes) or max_spikes < 1:
            raise ArgumentError(
                f"ILIF.max_spikes: must be a whole number, 1 or more; got {max_spikes}."
            )
        if not 0 <= beta <= 1:
            raise ArgumentError(f"ILIF.beta: must lie in 0..1; got {beta}.")
        self.max_spikes = int(max_spikes)
        self.beta = float(beta)
        self.mode = "integer"
        self.sends_dense_events = True
        self.backend: Backend = backend

    def multi_step(self, x: Tensor, v: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """x (T, ...), v (...) or None for rest -> integers, and the last membrane if v is given."""
        return select.ilif(x, v, max_spikes=self.max_spikes, beta=self.beta, backend=self.backend)

    def forward(self, x: Spikes) -> Spikes:
        """Run a whole sequence from rest; nothing is kept."""
        self._check_reader(x)
        s = super().forward(x)
        return expand(s, self.max_spikes) if self.mode == "unary" else s

    def step(self, x: Spikes, state: State) -> tuple[Spikes, State]:
        """Advance by one integer step; in "unary" mode a dense (B, ...) gives (D, B, ...)."""
        self._check_reader(x)
        s, state = super().step(x, state)
        if self.mode == "unary":
            s = expand(s[None] if isinstance(s, Tensor) else s, self.max_spikes)
        return s, state

    def _check_reader(self, x: Spikes) -> None:
        if self.mode == "unary" and isinstance(x, Tensor) and not self.sends_dense_events:
            raise ArgumentError(
                "ILIF.mode: 'unary' on a dense sequence needs a SpikingSequential around it, which "
                f"sums the {self.max_spikes} virtual steps before the next bias and neuron; put "
                "the layers into one, or use 'integer'."
            )

    def extra_repr(self) -> str:
        """What the representation shows."""
        mode = "" if self.mode == "integer" else f", mode={self.mode!r}"
        return f"max_spikes={self.max_spikes}, beta={self.beta}{mode}"
