"""What the counts of all elements share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Network, Population
from neurospike.hw.neuron_models import ILIFModel, Source
from neurospike.hw.tally.mesh import Plane


@dataclass(frozen=True, eq=False)
class Run:
    """What ran: the arguments that all elements share.

    Attributes
    ----------
    network, plane, depth
        The network, its cores, and rows an integer step.
    gate, mode, generator
        As ``emulate`` takes them.
    static
        Whether neurons stand for the whole grid, so that addresses are arithmetic.
    """

    network: Network
    plane: Plane
    depth: int
    gate: str
    mode: str
    generator: str
    static: bool = False


def is_graded(run: Run, population: Population, values: NDArray[Any]) -> bool:
    """Whether its spikes carry their values in one packet each, which multiplies weights.

    In "graded" mode: of neurons that can send more than one, and of a source or a relay that does.
    """
    if run.mode != "graded":
        return False
    neuron = population.neuron
    if isinstance(neuron, ILIFModel) and not neuron.relay:
        return neuron.max_spikes > 1
    return isinstance(neuron, (Source, ILIFModel)) and bool(np.any(np.abs(values) > 1))


def whole(values: NDArray[Any]) -> NDArray[np.int32]:
    """Spikes as whole numbers, contiguous."""
    rounded = np.rint(values) if values.dtype.kind == "f" else values
    return np.ascontiguousarray(rounded, dtype=np.int32)
