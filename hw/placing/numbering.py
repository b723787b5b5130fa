"""Which core of which chip: neighbours in space close together, whatever their population."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.chip import Chip
from neurospike.hw.network import Network, Space
from neurospike.hw.placing.limits import core_limits
from neurospike.hw.placing.order import coordinates, morton_key
from neurospike.hw.placing.packing import Packed
from neurospike.sparse import ActiveSet

Ints = NDArray[np.int64]

TINY = 4
"""A population that takes one core and at most 1/TINY of each of its limits may share a core."""


def number_cores(
    network: Network, chip: Chip, packed: dict[str, Packed], sets: list[ActiveSet]
) -> tuple[dict[str, NDArray[np.int32]], int]:
    """Number the cores of all populations, and let tiny populations share one.

    Cores follow one another along the Morton curve of the grid, those of a region together: most
    messages go to the next layer's neurons of the same region. Populations without a grid come
    last, in their order.

    Returns the number of each population's own cores, by name, and how many there are.
    """
    first, count = _in_turn(network, chip, packed)
    total, neurons = np.zeros(count), np.zeros(count)
    turn = np.zeros(count, np.int64)
    finest = _finest(network)
    for index, population in enumerate(network.populations):
        name, space = population.name, population.space
        if name not in packed:
            continue
        found = packed[name]
        here = slice(first[name], first[name] + found.cores)
        turn[here] = index
        if not space.shape:
            continue
        place = np.repeat(_places(space, finest, sets), space.channels)
        total[here] += np.bincount(found.core, weights=place, minlength=found.cores)
        neurons[here] += np.bincount(found.core, minlength=found.cores)
    where = np.where(neurons > 0, total / np.maximum(neurons, 1), math.inf)
    number = np.empty(count, np.int32)
    number[np.lexsort((turn, where))] = np.arange(count, dtype=np.int32)
    numbers = {name: number[first[name] : first[name] + p.cores] for name, p in packed.items()}
    return numbers, count


def _in_turn(network: Network, chip: Chip, packed: dict[str, Packed]) -> tuple[dict[str, int], int]:
    """The first core of each population, one population after another; tiny ones together."""
    limits = core_limits(chip)
    first: dict[str, int] = {}
    count = 0
    shared, filled = -1, np.zeros(5, np.int64)
    for population in network.populations:
        name = population.name
        if name not in packed:
            continue
        found = packed[name]
        tiny = found.cores == 1 and bool((found.fullest * TINY <= limits).all())
        if tiny and shared >= 0 and bool((filled + found.fullest <= limits).all()):
            first[name] = shared
            filled += found.fullest
            continue
        first[name] = count
        if tiny:
            shared, filled = count, found.fullest.copy()
        count += found.cores
    return first, count


def _finest(network: Network) -> dict[int, tuple[int, ...]]:
    """Number of axes -> the largest grid."""
    found: dict[int, tuple[int, ...]] = {}
    for population in network.populations:
        shape = population.space.shape
        if shape and math.prod(shape) > math.prod(found.get(len(shape), (0,))):
            found[len(shape)] = shape
    return found


def _places(
    space: Space, finest: dict[int, tuple[int, ...]], sets: list[ActiveSet]
) -> NDArray[np.float64]:
    """(sites,) places on the curve of the finest grid, from 0 to 1."""
    largest = np.array(finest[len(space.shape)])
    middle = (coordinates(space, sets) + 0.5) * largest / np.array(space.shape)
    bits = int(largest.max()).bit_length() * len(largest)
    found: NDArray[np.float64] = morton_key(middle.astype(np.int64)) / 2.0**bits
    return found
