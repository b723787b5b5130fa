"""Current-based leaky integrate-and-fire."""

from __future__ import annotations

import math
from typing import ClassVar, get_args

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.functional.cuba import UNITY, CubaRule, decay_constant
from neurospike.functional.neurons import Reset
from neurospike.functional.surrogate import ATan, Surrogate
from neurospike.kernels.devices import constants
from neurospike.kernels.neurons import select
from neurospike.kernels.neurons.select import Backend
from neurospike.nn.multi_state import MultiStateNeuron
from neurospike.nn.stateful import State
from neurospike.nn.tau import check_tau, rate_parameter

_ATAN = ATan(alpha=2.0)


class CubaLIF(MultiStateNeuron):
    """Current-based leaky integrate-and-fire: inputs charge a current, the current the membrane.

    i <- i - i / tau_syn + x, v <- v - v / tau_mem + i, spike where v >= threshold, reset.

    Parameters
    ----------
    tau_syn, tau_mem
        Time constants of current and membrane in time steps, 1 or more; infinite for no leak. A
        tau_syn of 1 is a current that lasts one step: ``LIF``. The time constant T of an
        exponential, as others write it, is tau = 1 / (1 - exp(-1 / T)).
    threshold
        Membrane at which the neuron fires, above 0.
    reset
        "hard" sets the membrane to 0 after a spike; "soft" subtracts ``threshold``. The current
        is never reset.
    detach_reset
        Whether gradients stop at the reset.
    surrogate
        Gradient of the spike, from ``functional.surrogate``.
    learnable_tau
        Learn one tau_syn and one tau_mem for the layer: 1 / tau = sigmoid of ``syn_rate_logit``
        and ``mem_rate_logit``, which keeps both above 1.
    integer_decay
        Compute as Loihi does: states are whole numbers of 24 bits, in units of 1 / ``scale``, and
        decay by v * (4096 - d) / 4096 rounded toward zero, d = round(4096 / tau) in 12 bits.
        Inputs and threshold are rounded to the unit. Gradients pass straight through all rounding.
    scale
        Integer units of the chip in 1.0, a power of two, so that float32 holds every state.
    backend
        "auto", "numba", "triton" or "reference"; a named backend never falls back.

    Shape
    -----
    in:  (T, ...), or a VoxelTensor with features (N, C) or (T, N, C)
    out: the same shape and dtype, 0 or 1
    state: (i, v), current and membrane after reset, each of one step's shape

    Raises
    ------
    ArgumentError
        A tau below 1, a threshold not above 0, an unknown reset, a scale that is no power of two;
        with ``integer_decay`` inputs of less than 32 bits.
    StateError
        In ``step``, a state of another batch than the input.
    BackendUnavailableError
        A named backend that cannot run on this input.

    Cost
    ----
    One pass forward; backward recomputes both states in cache and keeps only the input.

    Source
    ------
    Davies et al., IEEE Micro 2018 (Loihi), in discrete time as lava states it:
    u[t] = u[t-1] * (1 - du) + a[t], v[t] = v[t-1] * (1 - dv) + u[t], s = v > threshold, v <- 0.
    Integers as in its bit-accurate model: u * (4096 - du) >> 12 on magnitudes, with the sign put
    back. norse's LIF is the same with v driven by the current of the step before.
    Departures: this fires on v >= threshold; the current stops at +-(2^23 - 1) where the chip
    wraps around; ``current_decay`` is the constant in effect, on Loihi 1 one more than its
    register holds; no refractory steps.

    Examples
    --------
    >>> import torch
    >>> CubaLIF(tau_syn=2.0, tau_mem=4.0)(torch.tensor([[0.5], [0.5], [0.0], [0.0]])).flatten()
    tensor([0., 1., 0., 0.])
    >>> CubaLIF(10.0, 20.0, integer_decay=True).voltage_decay
    205
    """

    emits_spikes: ClassVar[bool] = True

    def __init__(
        self,
        tau_syn: float,
        tau_mem: float,
        threshold: float = 1.0,
        reset: Reset = "hard",
        *,
        detach_reset: bool = True,
        surrogate: Surrogate = _ATAN,
        learnable_tau: bool = False,
        integer_decay: bool = False,
        scale: int = UNITY,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        self._taus = (
            check_tau("CubaLIF", tau_syn, learnable=learnable_tau, name="tau_syn"),
            check_tau("CubaLIF", tau_mem, learnable=learnable_tau, name="tau_mem"),
        )
        _check(threshold, reset, scale)
        unit = float(scale) if integer_decay else 0.0
        level = round(threshold * scale) / scale if integer_decay else float(threshold)
        if not level > 0:
            raise ArgumentError(
                f"CubaLIF.threshold: must be one unit 1 / scale or more; got {threshold} with "
                f"scale = {scale}. Raise the scale."
            )
        self.rule = CubaRule(level, reset, bool(detach_reset), surrogate, unit)
        self.syn_rate_logit: nn.Parameter | None
        self.mem_rate_logit: nn.Parameter | None
        for name, tau in zip(("syn_rate_logit", "mem_rate_logit"), self._taus, strict=True):
            self.register_parameter(name, rate_parameter(tau) if learnable_tau else None)
        self.backend: Backend = backend

    @property
    def tau_syn(self) -> float:
        """Time constant of the current in time steps, as it is now."""
        return self._tau(0)

    @property
    def tau_mem(self) -> float:
        """Time constant of the membrane in time steps, as it is now."""
        return self._tau(1)

    @property
    def threshold(self) -> float:
        """Membrane at which the neuron fires."""
        return self.rule.threshold

    @property
    def integer_decay(self) -> bool:
        """Whether states are the chip's integers."""
        return self.rule.scale > 0

    @property
    def current_decay(self) -> int:
        """The chip's decay constant of the current, of 4096."""
        return decay_constant(self.tau_syn)

    @property
    def voltage_decay(self) -> int:
        """The chip's decay constant of the membrane, of 4096."""
        return decay_constant(self.tau_mem)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the state tensors, in their order."""
        return ("i", "v")

    def keep(self, device: torch.device | None = None) -> Tensor:
        """What is kept of current and membrane from step to step: (2,).

        Fixed ones are made on the device that is asked for, the CPU if none is.
        """
        if self.syn_rate_logit is None or self.mem_rate_logit is None:
            rates = constants([1 / tau for tau in self._taus], device or torch.device("cpu"))
        else:
            rates = torch.stack((self.syn_rate_logit, self.mem_rate_logit)).sigmoid()
        if self.integer_decay:
            rates = rates + (torch.round(rates * UNITY) / UNITY - rates).detach()
        return 1 - rates

    def run(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        """x (T, ...), states (...) or None for rest -> spikes, and the last states if given."""
        if self.integer_decay and x.dtype not in (torch.float32, torch.float64):
            raise ArgumentError(
                f"CubaLIF.x: integer_decay needs float32 or float64 to hold 24-bit states; got "
                f"{x.dtype}. Convert with x.float()."
            )
        keep = self.keep(x.device).to(x.device, x.dtype)
        return select.cuba(x, state, keep, self.rule, backend=self.backend)

    def _wide(self, x: Tensor, *, step: bool = False) -> Tensor:
        return x if self.integer_decay else super()._wide(x, step=step)

    def extra_repr(self) -> str:
        """What the representation shows: taus, and what differs from the defaults."""
        parts = [f"tau_syn={self.tau_syn:.6g}, tau_mem={self.tau_mem:.6g}"]
        usual = CubaRule(surrogate=_ATAN)
        for field in ("threshold", "reset", "detach_reset", "surrogate"):
            value = getattr(self.rule, field)
            if value != getattr(usual, field):
                parts.append(f"{field}={value!r}")
        parts += [] if self.syn_rate_logit is None else ["learnable_tau=True"]
        if self.integer_decay:
            parts.append(f"integer_decay=True, scale={self.rule.scale:g}")
        return ", ".join(parts)

    def _tau(self, which: int) -> float:
        logit = (self.syn_rate_logit, self.mem_rate_logit)[which]
        return self._taus[which] if logit is None else 1 / float(logit.detach().sigmoid())


def _check(threshold: float, reset: str, scale: int) -> None:
    if not (math.isfinite(threshold) and threshold > 0):
        raise ArgumentError(f"CubaLIF.threshold: must be finite and above 0; got {threshold}.")
    if reset not in get_args(Reset):
        raise ArgumentError(f"CubaLIF.reset: must be 'hard' or 'soft'; got {reset!r}.")
    if not (scale >= 1 and math.isfinite(scale) and math.frexp(scale)[0] == 0.5):
        raise ArgumentError(
            f"CubaLIF.scale: must be a power of two, 1 or more; got {scale}, in which float32 "
            "could not hold every state."
        )
