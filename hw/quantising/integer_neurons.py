"""Neuron parameters in whole units of their population's scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    NeuronModel,
    ReadoutModel,
    Source,
)
from neurospike.hw.quantising.rounding import decay_units, to_grid


def integer_neuron(neuron: NeuronModel, scale: float) -> NeuronModel:
    """The same neuron, its membrane counted in units of ``scale``; its gain is in its weights.

    Thresholds are rounded to the unit, and to one unit above the reset where that would be less;
    decays are rounded to 1 / 4096.

    Raises
    ------
    ArgumentError
        An adaptive neuron, for which no chip at hand states an integer arithmetic.
    """
    if isinstance(neuron, (Source, Membrane)):
        return neuron
    if isinstance(neuron, ILIFModel):
        return replace(neuron, beta=decay_units(neuron.beta), unit=round(1 / scale))
    if isinstance(neuron, ReadoutModel):
        return ReadoutModel(decay_units(neuron.decay))
    if isinstance(neuron, LIFModel):
        return _integer_lif(neuron, scale)
    if isinstance(neuron, CubaModel):
        return _integer_cuba(neuron, scale)
    raise unsupported(neuron)


def gain_of(neuron: NeuronModel) -> float:
    """By how much the neuron multiplies its current: a share of its weights from here on."""
    return float(neuron.gain) if isinstance(neuron, (LIFModel, ReadoutModel)) else 1.0


def level_of(neuron: NeuronModel) -> float:
    """The largest membrane that the neuron must be able to hold, in real units; 0 for any."""
    if isinstance(neuron, ILIFModel):
        return float(neuron.max_spikes)
    if isinstance(neuron, LIFModel):
        return _largest(neuron.threshold, neuron.v_reset)
    if isinstance(neuron, CubaModel):
        return _largest(neuron.parameters["threshold"])
    return 0.0


def memory_of(neuron: NeuronModel) -> float:
    """Steps over which the neuron sums its current: 1 / (1 - decay), 64 at most."""
    if isinstance(neuron, (LIFModel, ReadoutModel)):
        kept = min(_largest(neuron.decay), 1 - 1 / 64)
        return 1 / (1 - kept)
    return 1.0


def unsupported(neuron: NeuronModel) -> ArgumentError:
    """The error for a neuron without an integer arithmetic."""
    kind = "AdLIF" if isinstance(neuron, AdLIFModel) else type(neuron).__name__
    return ArgumentError(
        f"quantise.network: neurons must be LIF, ILIF, CubaLIF or LeakyReadout; got {kind}, whose "
        "integer arithmetic no chip states. Emulate it with quantise=None."
    )


def _integer_lif(neuron: LIFModel, scale: float) -> LIFModel:
    rest = whole(neuron.v_reset, scale)
    threshold = np.maximum(whole(neuron.threshold, scale), rest + 1)
    return LIFModel(
        decay=decay_units(neuron.decay),
        threshold=int(threshold) if threshold.ndim == 0 else threshold,
        v_reset=rest,
        soft=neuron.soft,
        strict=neuron.strict,
    )


def _integer_cuba(neuron: CubaModel, scale: float) -> CubaModel:
    own = neuron.parameters
    return CubaModel(
        {
            "keep_syn": decay_units(own["keep_syn"]),
            "keep_mem": decay_units(own["keep_mem"]),
            "threshold": np.maximum(whole(own["threshold"], scale), 1),
            "soft": own.get("soft", 0),
        }
    )


def whole(value: Any, scale: float) -> Any:
    """In whole units: a number, or int64 an entry."""
    units = to_grid(value, scale)
    return int(units) if units.ndim == 0 else units


def _largest(*values: Any) -> float:
    return max(float(np.abs(np.asarray(value)).max()) for value in values)
