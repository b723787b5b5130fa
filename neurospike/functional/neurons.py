"""One time step of each neuron, as a pure function of its state and input.

These are the definitions: layers hold parameters and nothing else, and kernels are tested
against them. Every step is differentiable by autograd.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from neurospike.functional.surrogate import ATan, Surrogate

__all__ = ["LIFRule", "Reset", "ilif_step", "leak", "lif_step"]

Reset = Literal["hard", "soft"]

_ATAN = ATan()


@dataclass(frozen=True)
class LIFRule:
    """Everything that fixes the dynamics of a leaky integrate-and-fire neuron.

    Attributes
    ----------
    tau
        Membrane time constant, in time steps.
    threshold, v_reset
        Firing threshold, and the membrane at rest and after a hard reset.
    reset
        "hard" sets the membrane to ``v_reset``; "soft" subtracts ``threshold``.
    decay_input
        Whether the input is scaled by 1 / tau like the leak.
    detach_reset
        Whether gradients stop at the reset.
    surrogate
        Gradient of the spike.
    """

    tau: float = 2.0
    threshold: float = 1.0
    v_reset: float = 0.0
    reset: Reset = "hard"
    decay_input: bool = False
    detach_reset: bool = True
    surrogate: Surrogate = _ATAN


def leak(
    v: Tensor,
    x: Tensor,
    tau: float,
    *,
    v_reset: float = 0.0,
    decay_input: bool = False,
    rate: Tensor | None = None,
) -> Tensor:
    """Charge a leaky membrane: v - (v - v_reset) / tau + x, or with the input decayed too.

    ``rate`` is 1 / tau as a tensor, where it is learnt; ``tau`` is then ignored.

    >>> leak(torch.tensor([1.0]), torch.tensor([0.5]), 2.0)
    tensor([1.])
    """
    drift = v - v_reset
    if decay_input:
        drift = x - drift
        return v + (drift / tau if rate is None else drift * rate)
    return v - (drift / tau if rate is None else drift * rate) + x


def lif_step(
    v: Tensor,
    x: Tensor,
    tau: float,
    *,
    threshold: float = 1.0,
    v_reset: float = 0.0,
    reset: Reset = "hard",
    decay_input: bool = False,
    detach_reset: bool = True,
    surrogate: Surrogate = _ATAN,
    rate: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of a leaky integrate-and-fire neuron: charge, fire where v >= threshold, reset.

    Shape
    -----
    in:  v (...), x (...)
    out: (v, s), the membrane after reset and the spikes, both (...)

    Source
    ------
    arXiv:2007.05785; ``decay_input``, ``detach_reset`` and both resets as in spikingjelly, whose
    ``v_reset=None`` is ``reset="soft"`` here.

    Examples
    --------
    >>> lif_step(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5]), 2.0)
    (tensor([0.5000, 0.0000]), tensor([0., 1.]))
    """
    h = leak(v, x, tau, v_reset=v_reset, decay_input=decay_input, rate=rate)
    s = surrogate(h - threshold)
    fired = s.detach() if detach_reset else s
    if reset == "soft":
        return h - fired * threshold, s
    return fired * v_reset + (1 - fired) * h, s


def ilif_step(
    v: Tensor, x: Tensor, *, max_spikes: int = 4, beta: float = 0.25
) -> tuple[Tensor, Tensor]:
    """One step of the integer LIF: u = beta * v + x, s = floor(clip(u, 0, D) + 0.5), v = u - s.

    Halves round up. The subtracted s is detached; the gradient of s is 1 for 0 < u < D, else 0.

    Shape
    -----
    in:  v (...), x (...)
    out: (v, s), the membrane after reset and the integer spikes, both (...)

    Source
    ------
    arXiv:2412.07360.

    Examples
    --------
    >>> ilif_step(torch.zeros(4), torch.tensor([-1.0, 0.5, 2.25, 9.0]))
    (tensor([-1.0000, -0.5000,  0.2500,  5.0000]), tensor([0., 1., 2., 4.]))
    """
    u = beta * v + x
    s: Tensor = _RoundedClip.apply(u, max_spikes)  # type: ignore[no-untyped-call]
    return u - s.detach(), s


class _RoundedClip(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, max_spikes: int) -> Tensor:
        ctx.save_for_backward(u)
        ctx.max_spikes = max_spikes
        return torch.floor(u.clamp(0, max_spikes) + 0.5)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (u,) = ctx.saved_tensors
        return grads[0] * ((u > 0) & (u < ctx.max_spikes)), None
