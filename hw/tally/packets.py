"""One packet an event and core, whichever projections end there."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Network, Projection
from neurospike.hw.routing import Routes

Key = tuple[str, int, bool]


class Packets:
    """Which destinations of a projection need a packet of their own.

    Where two projections of one population reach the same core, the packet of the first serves
    both. They must cut the source's channels into as many groups, and speak at the same steps;
    others send their own.
    """

    def __init__(self, network: Network, cores: int) -> None:
        self._cores = max(cores, 1)
        self._left = Counter(_key(p) for p in network.projections)
        self._met: dict[Key, NDArray[np.int64]] = {}

    def own(self, projection: Projection, way: Routes) -> NDArray[np.uint8]:
        """uint8, one an entry of the routes: whether no earlier projection sends there."""
        key = _key(projection)
        self._left[key] -= 1
        met = self._met.get(key)
        if met is None and not self._left[key]:
            return np.ones(len(way.core), np.uint8)
        rows = np.repeat(np.arange(len(way.offsets) - 1), np.diff(way.offsets))
        destinations = rows * self._cores + way.core
        own = np.ones(len(way.core), np.uint8) if met is None else ~np.isin(destinations, met)
        self._met[key] = destinations if met is None else np.union1d(met, destinations)
        return own.astype(np.uint8)


def _key(projection: Projection) -> Key:
    return projection.source, projection.groups, projection.once
