"""The order in which sites are packed: along a Morton curve, so that neighbours stay together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Space
from neurospike.sparse import ActiveSet

Ints = NDArray[np.int64]


def coordinates(space: Space, sets: list[ActiveSet]) -> Ints:
    """(sites, axes) of every site, in the order of the neurons."""
    if space.level is not None:
        return sets[space.level].coords[:, 1:].numpy().astype(np.int64)
    if not space.shape:
        return np.zeros((1, 0), np.int64)
    return np.indices(space.shape).reshape(len(space.shape), -1).T.astype(np.int64)


def morton_order(coords: Ints) -> Ints:
    """(sites,) the sites in the order of the curve.

    Examples
    --------
    >>> square = np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]])
    >>> morton_order(square).tolist()
    [0, 1, 3, 4, 2]
    """
    return np.argsort(morton_key(coords), kind="stable")


def morton_key(coords: Ints) -> Ints:
    """(sites,) places on the curve: the bits of the axes in turn, the last axis fastest."""
    axes = coords.shape[1]
    key = np.zeros(len(coords), np.int64)
    for bit in range(int(coords.max(initial=0)).bit_length()):
        for axis in range(axes):
            taken = (coords[:, axis] >> bit) & 1
            key |= taken << (bit * axes + axes - 1 - axis)
    return key
