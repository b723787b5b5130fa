"""What the dynamics of one sample give: spikes, active neurons, saturations, close decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Network, Population
from neurospike.hw.neuron_models import fires

Array = NDArray[Any]

LOIHI_LARGEST = 2**23 - 1
"""Largest magnitude of the 24-bit states that ``nn.CubaLIF(integer_decay=True)`` keeps."""


@dataclass(eq=False)
class Run:
    """The dynamics of one sample.

    Attributes
    ----------
    spikes
        Population -> (steps, neurons): values of spikes, int32, or of real numbers, float64, or
        int64 in a quantised network. Where spikes were forced these are the emulator's decisions.
    active
        Population -> bool (steps, neurons): neurons with work, see ``POPULATION_COUNTS``; of a
        source those that send.
    saturations
        Population -> int64 (steps,): currents and membranes brought back to the ends of their
        width.
    margin
        Population with forced spikes -> (differences,): how far the deciding membrane was from
        what would have given the forced spike, in the order of ``np.nonzero(spikes != forced)``.
    """

    spikes: dict[str, Array]
    active: dict[str, NDArray[np.bool_]]
    saturations: dict[str, NDArray[np.int64]]
    margin: dict[str, Array] = field(default_factory=dict)


def value_type(population: Population, network: Network) -> type[np.generic]:
    """What the values of a population are stored as."""
    if fires(population.neuron):
        return np.int32
    return np.float64 if network.quantised is None else np.int64


def largest(network: Network) -> int:
    """The end of the membranes' width, or 0 for real numbers, which have none."""
    bits = 0 if network.quantised is None else network.quantised.membrane_bits
    return (1 << (bits - 1)) - 1 if bits else 0
