"""A leaky membrane that never fires."""

from __future__ import annotations

from torch import Tensor, nn

from neurospike.kernels.neurons import select
from neurospike.kernels.neurons.select import Backend
from neurospike.nn.neuron import Neuron
from neurospike.nn.tau import check_tau, rate_of, rate_parameter


class LeakyReadout(Neuron):
    """Integrate with a leak and give the membrane out: v <- v - v / tau + x.

    Parameters
    ----------
    tau
        Membrane time constant in time steps, 1 or more; infinite for a plain sum.
    decay_input
        Whether the input is divided by tau like the leak.
    learnable_tau
        Learn one tau for the layer: 1 / tau = sigmoid(``rate_logit``), which keeps tau above 1.
    backend
        "auto", "numba", "triton" or "reference"; a named backend never falls back.

    Shape
    -----
    in:  (T, ...), or a VoxelTensor with features (N, C) or (T, N, C)
    out: the same shape and dtype, the membrane after each step
    state: (v,), of one step's shape

    Raises
    ------
    ArgumentError
        A tau below 1, or an integer input.
    StateError
        In ``step``, a state of another batch than the input.

    Source
    ------
    The readout of arXiv:2306.17670.

    Examples
    --------
    >>> import torch
    >>> LeakyReadout(tau=2.0)(torch.ones(3, 1)).flatten()
    tensor([1.0000, 1.5000, 1.7500])
    """

    def __init__(
        self,
        tau: float,
        decay_input: bool = False,
        learnable_tau: bool = False,
        *,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        self._start_tau = check_tau("LeakyReadout", tau, learnable=learnable_tau)
        self.decay_input = bool(decay_input)
        self.rate_logit: nn.Parameter | None
        self.register_parameter(
            "rate_logit", rate_parameter(self._start_tau) if learnable_tau else None
        )
        self.backend: Backend = backend

    @property
    def tau(self) -> float:
        """Membrane time constant in time steps, as it is now."""
        rate = rate_of(self.rate_logit)
        return self._start_tau if rate is None else 1 / float(rate.detach())

    def multi_step(self, x: Tensor, v: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """x (T, ...), v (...) or None for rest -> membranes, and the last one if v is given."""
        y = select.readout(
            x,
            v,
            tau=self._start_tau,
            decay_input=self.decay_input,
            rate=rate_of(self.rate_logit),
            backend=self.backend,
        )
        return y, None if v is None else y[-1].clone()

    def extra_repr(self) -> str:
        """What the representation shows."""
        parts = [f"tau={self.tau:.6g}"]
        parts += ["decay_input=True"] if self.decay_input else []
        parts += ["learnable_tau=True"] if self.rate_logit is not None else []
        return ", ".join(parts)
