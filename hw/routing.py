"""Which cores an event goes to, and what it passes on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.network import Projection
from neurospike.hw.placement import Placement
from neurospike.hw.wiring import Pairs

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Routes:
    """Destination cores of every source site and group of channels.

    Row ``site * groups + group`` owns the entries ``offsets[row]:offsets[row + 1]``; every input
    channel of the group shares them, as it meets the same neurons.

    Attributes
    ----------
    offsets
        int64 (source sites * groups + 1,).
    core
        int32 (E,): one entry a destination core.
    synapses
        int64 (E,): neurons met there by an event, each at its own tap.
    """

    offsets: Ints
    core: NDArray[np.int32]
    synapses: Ints


@dataclass(frozen=True, eq=False)
class Positions:
    """Where every core stands: its tile on the plane of all chips, and its chip.

    Attributes
    ----------
    x, y
        int32 (cores,): tile, counted over all chips.
    chip_x, chip_y
        int32 (cores,): chip.
    """

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    chip_x: NDArray[np.int32]
    chip_y: NDArray[np.int32]


def positions(placement: Placement) -> Positions:
    """Place the cores on a plane: tiles as ``Mesh`` says, chips in a square, row by row.

    Chip n of a square of edge s stands at x = n // s and y = n % s; where x is odd, at
    y = s - 1 - n % s: rows run to and fro, so that a chip is beside the one before it.

    Examples
    --------
    >>> from neurospike.hw.placement import Mesh, Placement
    >>> where = positions(Placement(core={}, cores=10, mesh=Mesh(width=1, height=2)))
    >>> where.x.tolist(), where.y.tolist()
    ([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5, 4, 5, 2, 3])
    """
    mesh = placement.mesh
    edge = max(1, math.isqrt(max(placement.chips, 1) - 1) + 1)
    chip, local = np.divmod(np.arange(placement.cores), mesh.cores_per_chip)
    tile_x, tile_y = np.divmod(local // mesh.cores_per_tile, mesh.height)
    chip_x, chip_y = np.divmod(chip, edge)
    chip_y = np.where(chip_x % 2 == 1, edge - 1 - chip_y, chip_y)
    columns = (chip_x * mesh.width + tile_x, chip_y * mesh.height + tile_y, chip_x, chip_y)
    return Positions(*(column.astype(np.int32) for column in columns))


def routes(
    projection: Projection, pairs: Pairs, core: NDArray[np.int32] | None, *, cores: int
) -> Routes:
    """Find the destination cores of a projection.

    Parameters
    ----------
    projection, pairs
        A projection and its pairs of sites.
    core
        int32 (target neurons,), the core of each; None for a target without one, where the
        routes are empty.
    cores
        Cores of the placement.

    Raises
    ------
    ArgumentError
        As many cores as neurons were not given.

    Cost
    ----
    O(pairs * cores of one target site * groups), and O(target neurons).
    """
    groups, outputs = projection.groups, projection.weight.shape[2]
    if core is None:
        nothing = np.zeros(0, np.int64)
        rows = pairs.sources * groups
        return Routes(np.zeros(rows + 1, np.int64), nothing.astype(np.int32), nothing)
    if len(core) != pairs.targets * groups * outputs:
        raise ArgumentError(
            f"Placement.core[{projection.target!r}]: must have one core a neuron, "
            f"{pairs.targets * groups * outputs} for these voxels; got {len(core)}. Place the "
            "network with this sample."
        )
    from neurospike.hw.routing_kernels import merge_runs, runs_of_cores

    run_offsets, run_core, run_size = runs_of_cores(core, pairs.targets * groups, outputs, cores)
    return Routes(
        *merge_runs(
            pairs.offsets, pairs.target, groups, run_offsets, run_core, run_size, max(cores, 1)
        )
    )
