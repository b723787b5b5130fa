"""One time step of the adaptive LIF neuron, as a pure function of its state and input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from neurospike.functional.neurons import Reset
from neurospike.functional.surrogate import ATan, Surrogate

__all__ = ["AdaptiveRule", "Discretisation", "adaptive_step"]

Discretisation = Literal["symplectic", "euler"]

_ATAN = ATan()


@dataclass(frozen=True)
class AdaptiveRule:
    """What fixes the dynamics of an adaptive LIF neuron beside its parameters per neuron.

    Attributes
    ----------
    threshold
        Membrane at which the neuron fires.
    reset
        "hard" sets the membrane to 0 after a spike; "soft" subtracts ``threshold``.
    discretisation
        "symplectic": the membrane feels the adaptation of the step before. "euler": of one step
        earlier still.
    detach_reset
        Whether gradients stop at the reset; they never stop at the spike's own adaptation.
    surrogate
        Gradient of the spike.
    """

    threshold: float = 1.0
    reset: Reset = "hard"
    discretisation: Discretisation = "symplectic"
    detach_reset: bool = True
    surrogate: Surrogate = _ATAN

    @property
    def states(self) -> int:
        """Tensors that the neuron carries from step to step."""
        return 3 if self.discretisation == "euler" else 2


def adaptive_step(
    state: tuple[Tensor, ...], x: Tensor, gains: Tensor, rule: AdaptiveRule
) -> tuple[tuple[Tensor, ...], Tensor]:
    """One step of an adaptive LIF neuron: charge, fire where h >= threshold, reset, adapt.

    h <- alpha * u + (1 - alpha) * (x - w), s = (h >= threshold), u <- h after reset, and
    w <- beta * w + (a * u + b * s) of this same step: symplectic Euler. Plain Euler adapts with
    u and s of the step before; here that is the same rule whose adaptation arrives a step late.

    Shape
    -----
    in:  state (u, w), or (u, w, w of the step before) for Euler, each (..., C); x (..., C);
         gains (4, C): alpha, beta, a, b
    out: the state after the step, and the spikes (..., C)

    Source
    ------
    arXiv:2408.07517.

    Examples
    --------
    >>> import torch
    >>> gains = torch.tensor([[0.5], [0.5], [0.0], [1.0]])
    >>> at_rest = (torch.zeros(1), torch.zeros(1))
    >>> adaptive_step(at_rest, torch.tensor([2.0]), gains, AdaptiveRule())
    ((tensor([0.]), tensor([1.])), tensor([1.]))
    """
    u, w, felt = state[0], state[1], state[-1]
    alpha, beta, a, b = gains
    h = alpha * u + (1 - alpha) * (x - felt)
    s = rule.surrogate(h - rule.threshold)
    fired = s.detach() if rule.detach_reset else s
    u = h - fired * rule.threshold if rule.reset == "soft" else h * (1 - fired)
    adapted = beta * w + (a * u + b * s)
    return ((u, adapted) if rule.discretisation == "symplectic" else (u, adapted, w)), s
