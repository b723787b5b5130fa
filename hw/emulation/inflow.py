"""A projection at run time: events of its source, put down where they arrive."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospike.hw.emulation.record import Array
from neurospike.hw.network import Projection
from neurospike.hw.quantising.rounding import requantised
from neurospike.hw.wiring import Pairs, Submanifold


class Inflow:
    """The events of one projection for one sample.

    Attributes
    ----------
    late
        Steps from a spike to the first row that it can reach.
    spread
        Steps from there to the last row that it can reach.
    once
        Whether only the first step counts, and is held.
    """

    def __init__(
        self, projection: Projection, pairs: Pairs, sent: Array, latency: int, gate: str
    ) -> None:
        delay = projection.delay
        earliest = 0 if delay is None or delay.size == 0 else int(delay.min())
        self.late = latency + earliest
        self.spread = max(projection.max_delay - earliest, 0)
        self.once, self.shift = projection.once, projection.shift
        self.sent = sent
        gated = gate == "spike" and isinstance(projection.wiring, Submanifold)
        weight = np.asarray(projection.weight)
        exact = weight.dtype.kind in "iu"
        weight = np.ascontiguousarray(weight, weight.dtype if exact else np.float64)
        self.wires: tuple[Any, ...] = (pairs.offsets, pairs.tap, pairs.target, weight)
        self.delayed = self.spread > 0
        if self.delayed:
            self.wires += (np.ascontiguousarray(delay, np.int32), earliest)
        self.rule = (projection.groups, gated)

    def allocate(self, ring: Array, touched: Array) -> None:
        """Where events go: the target's rows, or rows of their own where sums are rounded."""
        self.ring, self.touched = ring, touched
        self.own = np.zeros_like(ring) if self.shift else ring

    def push(self, first: int, last: int) -> None:
        """Put down all that arrives in the steps first..last, and later by longer delays."""
        if self.once:
            return
        start, stop = max(first - self.late, 0), min(last - self.late, len(self.sent))
        if start < stop:
            self._accumulate(start, stop, self.own, self.touched)
        if self.shift:
            from neurospike.hw.emulation import kernels

            kernels.settle(self.own, self.shift, first, last, self.ring)

    def constant(self, neurons: int, dtype: Any) -> Array:
        """The current of the first step, (neurons,)."""
        held, touched = np.zeros((1, neurons), dtype), np.zeros((1, neurons), np.uint8)
        self._accumulate(0, min(1, len(self.sent)), held, touched)
        return requantised(held[0], self.shift) if self.shift else held[0]

    def _accumulate(self, start: int, stop: int, ring: Array, touched: Array) -> None:
        from neurospike.hw.emulation import kernels

        put = kernels.accumulate_delayed if self.delayed else kernels.accumulate
        put(self.sent, start, stop, self.late, *self.wires, *self.rule, ring, touched)
