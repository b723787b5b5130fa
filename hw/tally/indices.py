"""What it takes to build and keep the index of voxels, once a sample, by generator.

A level made by a strided window is a union: every pair looks whether its target is there already,
and the targets that were not are put in. The pairs themselves are stored, since the events of a
strided or an inverse convolution replay them. A submanifold layer needs an index of its level:

``bitmap``
    a bit a site of the grid, and beside each word of 64 bits the voxels before it;
``hash``
    key and row of every voxel, looked up at once (collisions are not modelled);
``rulebook``
    a row, or none, for every tap of every voxel; each window is swept once to fill it.

Where neurons stand for the whole grid, addresses are arithmetic: bits to probe, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurospike.hw.network import Network, Projection
from neurospike.hw.trace import REBUILD_COUNTS
from neurospike.hw.wiring import Pairs, Submanifold, Transposed, Window
from neurospike.sparse import ActiveSet

GENERATORS = ("bitmap", "hash", "rulebook")
WORD = 64


@dataclass(frozen=True)
class LevelCost:
    """What one level of voxels costs in one sample, with one generator.

    Attributes
    ----------
    generator, level, sites
        Which index, of which level, and how many voxels it has.
    counts
        The counts of ``trace.REBUILD_COUNTS``.
    """

    generator: str
    level: int
    sites: int
    counts: dict[str, int]


def rebuild(
    network: Network, sets: list[ActiveSet], pairs: dict[str, Pairs], *, static: bool = False
) -> list[LevelCost]:
    """Cost of the index of every level and generator.

    Parameters
    ----------
    network, sets, pairs
        A network, the voxels of one sample and the pairs of its projections.
    static
        Whether neurons stand for the whole grid.
    """
    found = []
    for generator in GENERATORS:
        for level in range(len(sets)):
            counts = dict.fromkeys(REBUILD_COUNTS, 0)
            _union(network, level, sets, pairs, counts, static=static)
            _neighbours(network, level, sets, pairs, counts, generator=generator, static=static)
            found.append(LevelCost(generator, level, len(sets[level]), counts))
    return found


def _starts(network: Network, level: int) -> list[Projection]:
    """Projections from a level of voxels to a level of voxels, each wiring once."""
    found: dict[object, Projection] = {}
    for projection in network.projections:
        source = network.population(projection.source).space
        target = network.population(projection.target).space
        if source.level == level and target.level is not None:
            found.setdefault((projection.wiring, target.level), projection)
    return list(found.values())


def _union(
    network: Network,
    level: int,
    sets: list[ActiveSet],
    pairs: dict[str, Pairs],
    counts: dict[str, int],
    *,
    static: bool,
) -> None:
    """Inserts of a level made from another, and the stored pairs of windows from this one."""
    made = network.levels[level].parent is not None
    if made:
        counts["inserts"] += len(sets[level])
    for projection in _starts(network, level):
        if not isinstance(projection.wiring, (Window, Transposed)):
            continue
        found = pairs[projection.name]
        stored = len(found.target)
        if isinstance(projection.wiring, Window):
            counts["build_probes"] += stored
        if not static:
            counts["table_writes"] += stored
            counts["table_bits"] += stored * (bits_for(found.taps) + bits_for(found.targets))


def _neighbours(
    network: Network,
    level: int,
    sets: list[ActiveSet],
    pairs: dict[str, Pairs],
    counts: dict[str, int],
    *,
    generator: str,
    static: bool,
) -> None:
    """The index of the level, if a submanifold window needs one."""
    swept = [pairs[p.name] for p in _starts(network, level) if isinstance(p.wiring, Submanifold)]
    if not swept:
        return
    sites = len(sets[level])
    grid = math.prod(network.levels[level].shape)
    if network.levels[level].parent is None:
        counts["inserts"] += sites
    if generator == "bitmap":
        counts["index_bits"] += grid
        counts["rank_bits"] += 0 if static else -(-grid // WORD) * bits_for(sites + 1)
    elif generator == "hash":
        counts["index_bits"] += sites * (bits_for(grid) + (0 if static else bits_for(sites)))
    else:
        for found in swept:
            counts["build_probes"] += int(found.visited.sum())
            counts["table_writes"] += found.taps * sites
            counts["table_bits"] += found.taps * sites * bits_for(sites)


def bits_for(values: int) -> int:
    """Bits that tell so many values apart.

    Examples
    --------
    >>> bits_for(1), bits_for(3), bits_for(256)
    (0, 2, 8)
    """
    return max(values - 1, 0).bit_length()
