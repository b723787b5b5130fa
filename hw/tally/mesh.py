"""What passes over the links of the mesh in one sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.placement import Placement
from neurospike.hw.routing import Positions, positions

Ints = NDArray[np.int64]
NOWHERE = np.zeros(0, np.int32)
"""Cores of a population that has no place."""


@dataclass(eq=False)
class Plane:
    """The cores of a placement, and the messages of every row between them.

    Without a placement it is a plane of no core, to which nothing is sent.
    """

    placement: Placement | None
    rows: int
    where: Positions = field(init=False)
    flow: Ints = field(init=False)

    def __post_init__(self) -> None:
        if self.placement is None:
            self.where = Positions(NOWHERE, NOWHERE, NOWHERE, NOWHERE)
        else:
            self.where = positions(self.placement)
        width = int(self.where.x.max(initial=0)) + 2
        height = int(self.where.y.max(initial=0)) + 2
        self.flow = np.zeros((self.rows, 4, width, height), np.int64)

    @property
    def cores(self) -> int:
        """Cores on the plane."""
        return 0 if self.placement is None else self.placement.cores

    def core(self, population: str) -> NDArray[np.int32]:
        """int32 (neurons,) cores of a population; empty where it has no place."""
        if self.placement is None:
            return NOWHERE
        found = self.placement.core.get(population, NOWHERE)
        return np.ascontiguousarray(found, dtype=np.int32)

    def by_core(self) -> Ints:
        """(rows, cores) zeros."""
        return np.zeros((self.rows, self.cores), np.int64)

    def busiest(self) -> Ints:
        """(rows,) messages on the busiest link; empty without a placement."""
        if self.placement is None:
            return np.zeros(0, np.int64)
        busiest: Ints = _loads(self.flow).max((1, 2, 3), initial=0)
        return busiest

    def links(self) -> Ints:
        """Messages of all rows on every link, as ``Trace.flow``; empty without a placement."""
        if self.placement is None:
            return np.zeros((4, 0, 0), np.int64)
        loads: Ints = _loads(self.flow.sum(0, keepdims=True))[0]
        return loads


def _loads(flow: Ints) -> Ints:
    """Differences along the way -> messages on every link, (rows, 4, x, y).

    A running sum: along x for the first two directions, along y for the others.
    """
    return np.concatenate([flow[:, :2].cumsum(2), flow[:, 2:].cumsum(3)], axis=1)
