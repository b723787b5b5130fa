"""Neurons for the whole grid: placed once for all samples, addressed by arithmetic alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ChipLimitError
from neurospike.hw.chip import Chip
from neurospike.hw.network import Network
from neurospike.hw.placement import Placement
from neurospike.hw.placing.limits import check_weight_values, check_widths, limit_of
from neurospike.hw.placing.order import coordinates
from neurospike.sparse import ActiveSet

MOST_TAPS = 2**27
"""Taps of all sites of a layer beyond which a grid is not laid out: some gigabytes of pairs."""


def whole_grid(network: Network) -> Network:
    """The same network with a neuron at every site, occupied or not."""
    populations = tuple(replace(p, space=replace(p.space, level=None)) for p in network.populations)
    return replace(network, populations=populations, levels=(), layout="sequence")


def place_whole_grid(network: Network, chip: Chip, sets: list[ActiveSet]) -> Placement:
    """Place the whole grid, and look up the cores of the occupied voxels.

    Raises
    ------
    ChipLimitError
        As ``place``; and a grid too large to lay out, with the cores that its neurons alone need.
    """
    from neurospike.hw.placing.placing import place_sets

    dense = whole_grid(network)
    check_widths(dense, chip)
    check_weight_values(dense, chip)
    if chip.packing != "speck":
        _check_size(dense, chip)
    placed = place_sets(dense, chip, [])
    core: dict[str, NDArray[np.int32]] = {}
    for population in network.populations:
        found = placed.core.get(population.name)
        space = population.space
        if found is None or space.level is None:
            if found is not None:
                core[population.name] = found
            continue
        site = np.ravel_multi_index(tuple(coordinates(space, sets).T), space.shape)
        core[population.name] = found.reshape(-1, space.channels)[site].reshape(-1)
    return replace(placed, core=core, style="static")


def _check_size(dense: Network, chip: Chip) -> None:
    neurons = sum(p.space.grid_sites * p.space.channels for p in dense.populations)
    taps = max(
        (
            dense.population(p.source).space.grid_sites * p.weight.shape[1]
            for p in dense.projections
        ),
        default=0,
    )
    if taps <= MOST_TAPS:
        return
    limit = limit_of(chip, "neurons_per_core")
    cores = "" if limit is None else f", which take {-(-neurons // limit)} cores or more"
    raise ChipLimitError(
        f"hw.place.style: 'static' gives every site of the grid its neurons, {neurons:.3g} of "
        f"them on {math.prod(dense.populations[0].space.shape):.3g} sites{cores}. Use "
        "style='compact', or voxelise more coarsely."
    )
