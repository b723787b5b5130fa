"""What the neurons of a population do at every step: parameters only; ``emulation`` runs them.

Parameters are numbers, or arrays with one value a channel. In a quantised network they are
integers in units of the population's scale, and a decay is a share of 4096.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

Parameter: TypeAlias = float | int | NDArray[Any]


@dataclass(frozen=True, eq=False)
class Source:
    """Values from outside: spikes, or with ``real`` numbers that multiply weights.

    ``binary``: spikes must be 0 or 1, since a maximum over windows reads them.
    """

    real: bool = False
    binary: bool = False


@dataclass(frozen=True, eq=False)
class LIFModel:
    """v <- v_reset + decay * (v - v_reset) + gain * x; spike where v >= threshold; then reset.

    A soft reset subtracts the threshold, a hard one sets v_reset. ``nn.LIF``: decay = 1 - 1 / tau.
    ``strict`` fires on v > threshold instead, as SANA-FE does.
    """

    decay: Parameter
    threshold: Parameter
    v_reset: Parameter = 0.0
    soft: bool = False
    gain: float = 1.0
    strict: bool = False


@dataclass(frozen=True, eq=False)
class ILIFModel:
    """u = beta * h + x; s = floor(clip(u / unit, 0, D) + 0.5); h = u - s * unit. ``nn.ILIF``.

    ``unit`` is the membrane of one spike: 1, or in a quantised network a power of two. A ``relay``
    passes on what another population sent; its ``max_spikes`` is a bound and no depth of a step.
    """

    max_spikes: int
    beta: Parameter = 0.25
    unit: int = 1
    relay: bool = False


@dataclass(frozen=True, eq=False)
class AdLIFModel:
    """``nn.AdLIF``: h = alpha * u + (1 - alpha) * (x - w); spike s where h >= threshold; then
    u = h after reset, w = beta * w + a * u + b * s.

    ``parameters``: "alpha", "beta", "a", "b" with every constant factor in them, "threshold", and
    flags 0 or 1: "soft" for the reset, "euler" where x meets the w of one step before.
    """

    parameters: dict[str, Parameter]


@dataclass(frozen=True, eq=False)
class CubaModel:
    """``nn.CubaLIF``: i = keep_syn * i + x; v = keep_mem * v + i; spike at v >= threshold; reset.

    ``parameters``: "keep_syn", "keep_mem", "threshold", the flag "soft", 0 or 1, and "scale",
    integer units in 1.0 where the layer computes as the chip does (``functional.cuba``), else 0.
    """

    parameters: dict[str, Parameter]


@dataclass(frozen=True, eq=False)
class ReadoutModel:
    """v <- decay * v + gain * x, and never fires: its value is v. ``nn.LeakyReadout``."""

    decay: Parameter
    gain: float = 1.0


@dataclass(frozen=True, eq=False)
class Membrane:
    """Its value is its current; no memory, and it never fires."""


NeuronModel: TypeAlias = (
    Source | LIFModel | ILIFModel | AdLIFModel | CubaModel | ReadoutModel | Membrane
)


def fires(neuron: NeuronModel) -> bool:
    """Whether it sends spikes; otherwise what it sends are real numbers."""
    return not (
        isinstance(neuron, (ReadoutModel, Membrane)) or (isinstance(neuron, Source) and neuron.real)
    )
