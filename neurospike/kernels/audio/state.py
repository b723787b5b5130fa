"""What the nerve remembers between two stretches of sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import StateError
from neurospike.kernels.audio import model, numba

Arrays = NDArray[Any]


@dataclass
class Nerve:
    """Hair cells, fibres and bushy cells of all channels, at ``rate_hz`` samples a second."""

    rate_hz: float
    pools: Arrays
    floats: Arrays
    ints: Arrays
    ring: Arrays
    generators: Arrays
    time: int = 0

    @classmethod
    def at_rest(cls, units: range, rate_hz: float, seed: int) -> Nerve:
        """Every fibre ready, every membrane at 0, the hair cells as in long silence."""
        channels = len(units)
        pools = np.empty((-(-channels // numba.LANES), 3, numba.LANES), np.float32)
        pools[:] = np.array(model.hair_cell_at_rest(), np.float32)[:, None]
        floats = np.zeros((channels, 3))
        ints = np.zeros((channels, 2), np.int64)
        ints[:, numba.READY] = model.FIBRES
        ring = np.zeros((channels, math.ceil(model.FIBRE_REFRACTORY_S * rate_hz)), np.int64)
        generators = numba.seed_channels(seed, units.start, channels)
        floats[:, numba.BUDGET] = numba.first_draws(generators)
        return cls(rate_hz, pools, floats, ints, ring, generators)

    def hear(
        self, velocity: NDArray[np.float32], begin: int, samples: int
    ) -> tuple[Arrays, Arrays]:
        """Sample indices and channels of the spikes, ascending in time.

        ``velocity`` is (C, any) float32, contiguous; ``samples`` of it are heard from ``begin``.
        """
        channels = len(velocity)
        if channels != len(self.generators):
            raise StateError(
                f"Nerve: state has {len(self.generators)} channels, velocity has {channels}."
            )
        room = samples // math.ceil(model.BUSHY_REFRACTORY_S * self.rate_hz) + 2
        events = np.empty((channels, room), np.int64)
        found = np.empty(channels, np.int64)
        numba.nerve(
            velocity,
            begin,
            samples,
            self.time,
            self.rate_hz,
            self.pools,
            self.floats,
            self.ints,
            self.ring,
            self.generators,
            events,
            found,
        )
        self.time += samples
        return _in_order(events, found)


def _in_order(events: Arrays, found: Arrays) -> tuple[Arrays, Arrays]:
    at = events[np.arange(events.shape[1]) < found[:, None]]
    channels = np.repeat(np.arange(len(found)), found)
    order = np.argsort(at, kind="stable")
    return at[order], channels[order]
