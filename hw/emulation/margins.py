"""How close decisions were that differ from the spikes a population was made to send."""

from __future__ import annotations

import numpy as np

from neurospike.hw.emulation.record import Array
from neurospike.hw.network import Population
from neurospike.hw.neuron_models import AdLIFModel, CubaModel, ILIFModel, LIFModel


def distances(population: Population, deciding: Array, decided: Array, forced: Array) -> Array:
    """How far each differing membrane was from one that would have sent the forced spike.

    Shape
    -----
    in:  deciding membranes, decided and forced spikes, (steps, neurons) each
    out: (differences,), in the unit of the membrane, in the order of ``np.nonzero``
    """
    steps, neurons = np.nonzero(decided != forced)
    u, wanted = deciding[steps, neurons], forced[steps, neurons]
    neuron = population.neuron
    if isinstance(neuron, ILIFModel):
        # A spike of value s comes from u / unit in [s - 0.5, s + 0.5), open at 0 and at D.
        low = np.where(wanted > 0, (wanted - 0.5) * neuron.unit, -np.inf)
        high = np.where(wanted < neuron.max_spikes, (wanted + 0.5) * neuron.unit, np.inf)
        beyond: Array = np.maximum(np.maximum(low - u, u - high), 0.0)
        return beyond
    if isinstance(neuron, LIFModel):
        threshold = neuron.threshold
    elif isinstance(neuron, (AdLIFModel, CubaModel)):
        threshold = neuron.parameters["threshold"]
    else:
        return np.zeros(len(steps))
    channels = population.space.channels
    at = np.broadcast_to(np.asarray(threshold, np.float64).reshape(-1), (channels,))
    away: Array = np.abs(u - at[neurons % channels])
    return away
