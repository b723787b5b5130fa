"""What the host reads of an emulation."""

from __future__ import annotations

import numpy as np

from neurospike.hw.emulation.record import Array
from neurospike.hw.network import Network
from neurospike.hw.neuron_models import fires


def read_out(network: Network, spikes: dict[str, Array]) -> Array:
    """Values of the output's population, in real units, reduced as ``Output`` says.

    Shape
    -----
    out: (steps, sites, channels) less the axes that are reduced, and less the sites of a
    population without a grid; (0,) for a network without an output
    """
    output = network.output
    if output is None:
        return np.zeros(0)
    population = network.population(output.population)
    values = spikes[population.name].astype(np.float64)
    if network.quantised is not None and not fires(population.neuron):
        values *= network.quantised.scale[population.name]
    values = values.reshape(len(values), -1, population.space.channels)
    if output.empty and not values.shape[1]:
        values = np.broadcast_to(np.array(output.empty), (len(values), 1, len(output.empty)))
    if output.over_sites is not None or not population.space.shape:
        values = _reduced(values, output.over_sites or "sum", axis=1)
    if output.over_time is not None:
        values = _reduced(values, output.over_time, axis=0)
    return values


def _reduced(values: Array, how: str, *, axis: int) -> Array:
    total: Array = values.sum(axis)
    return total / max(values.shape[axis], 1) if how == "mean" else total
