"""Leaky integrate-and-fire."""

from __future__ import annotations

import math
from typing import ClassVar, get_args

from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.functional.neurons import LIFRule, Reset
from neurospike.functional.surrogate import ATan, Surrogate
from neurospike.kernels.neurons import select
from neurospike.kernels.neurons.select import Backend
from neurospike.nn.neuron import Neuron
from neurospike.nn.tau import check_tau, rate_of, rate_parameter

_ATAN = ATan(alpha=2.0)


class LIF(Neuron):
    """Leaky integrate-and-fire: charge, spike where v >= threshold, reset.

    v <- v - (v - v_reset) / tau + x, or with ``decay_input`` v <- v + (x - (v - v_reset)) / tau.

    Parameters
    ----------
    tau
        Membrane time constant in time steps, 1 or more; infinite for no leak.
    threshold
        Membrane at which the neuron fires; above ``v_reset``.
    v_reset
        Membrane at rest, and after a hard reset.
    reset
        "hard" sets the membrane to ``v_reset`` after a spike; "soft" subtracts ``threshold``.
    decay_input
        Whether the input is divided by tau like the leak.
    detach_reset
        Whether gradients stop at the reset.
    surrogate
        Gradient of the spike, from ``functional.surrogate``.
    learnable_tau
        Learn one tau for the layer: 1 / tau = sigmoid(``rate_logit``), which keeps tau above 1,
        and ``tau`` is where it starts.
    backend
        "auto", "numba", "triton" or "reference"; a named backend never falls back.

    Shape
    -----
    in:  (T, ...), or a VoxelTensor with features (N, C) or (T, N, C)
    out: the same shape and dtype, 0 or 1
    state: (v,), the membrane after reset, of one step's shape

    Raises
    ------
    ArgumentError
        A tau below 1, a threshold not above v_reset, an unknown reset, an integer input.
    StateError
        In ``step``, a state of another batch than the input.
    BackendUnavailableError
        A named backend that cannot run on this input.

    Cost
    ----
    One pass forward; backward recomputes the membranes in cache and keeps only the input.

    Source
    ------
    Dynamics and gradients as in spikingjelly's LIFNode, whose ``v_reset=None`` is
    ``reset="soft"``, and for ``learnable_tau`` as in Fang et al., ICCV 2021, arXiv:2007.05785.
    snntorch's Leaky with ``reset_mechanism="zero"`` is tau = 1 / (1 - beta): it fires on
    v > threshold where this fires on v >= threshold, and resets at the start of the next step.

    Examples
    --------
    >>> import torch
    >>> LIF(tau=2.0)(torch.tensor([[0.75], [0.75], [0.5]]))
    tensor([[0.],
            [1.],
            [0.]])
    """

    emits_spikes: ClassVar[bool] = True

    def __init__(
        self,
        tau: float,
        threshold: float = 1.0,
        v_reset: float = 0.0,
        reset: Reset = "hard",
        decay_input: bool = False,
        detach_reset: bool = True,
        surrogate: Surrogate = _ATAN,
        learnable_tau: bool = False,
        *,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        tau = check_tau("LIF", tau, learnable=learnable_tau)
        _check_membrane(threshold, v_reset, reset)
        self.rule = LIFRule(
            tau,
            float(threshold),
            float(v_reset),
            reset,
            bool(decay_input),
            bool(detach_reset),
            surrogate,
        )
        self.rate_logit: nn.Parameter | None
        self.register_parameter("rate_logit", rate_parameter(tau) if learnable_tau else None)
        self.backend: Backend = backend

    @property
    def tau(self) -> float:
        """Membrane time constant in time steps, as it is now."""
        rate = rate_of(self.rate_logit)
        return self.rule.tau if rate is None else 1 / float(rate.detach())

    @property
    def threshold(self) -> float:
        """Membrane at which the neuron fires."""
        return self.rule.threshold

    @property
    def v_reset(self) -> float:
        """Membrane at rest, and after a hard reset."""
        return self.rule.v_reset

    @property
    def rest(self) -> float:
        """The membrane before any input: ``v_reset``."""
        return self.rule.v_reset

    def multi_step(self, x: Tensor, v: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """x (T, ...), v (...) or None for rest -> spikes, and the last membrane if v is given."""
        return select.lif(x, v, self.rule, rate=rate_of(self.rate_logit), backend=self.backend)

    def extra_repr(self) -> str:
        """What the representation shows: tau, and what differs from the defaults."""
        usual = LIFRule(self.rule.tau)
        parts = [f"tau={self.tau:.6g}"]
        for name in ("threshold", "v_reset", "reset", "decay_input", "detach_reset", "surrogate"):
            value = getattr(self.rule, name)
            if value != getattr(usual, name):
                parts.append(f"{name}={value!r}")
        if self.rate_logit is not None:
            parts.append("learnable_tau=True")
        return ", ".join(parts)


def _check_membrane(threshold: float, v_reset: float | None, reset: str) -> None:
    if reset not in get_args(Reset):
        raise ArgumentError(f"LIF.reset: must be 'hard' or 'soft'; got {reset!r}.")
    if v_reset is None or not math.isfinite(v_reset):
        raise ArgumentError(
            f"LIF.v_reset: must be a finite number; got {v_reset}. For a reset by subtraction "
            "give reset='soft'."
        )
    if not (math.isfinite(threshold) and threshold > v_reset):
        raise ArgumentError(
            f"LIF.threshold: must be finite and above v_reset = {v_reset}; got {threshold}."
        )
