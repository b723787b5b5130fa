"""How long scans took, in memory that does not grow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from neurospike.errors import ArgumentError, StateError

PARTS = ("voxelise", "network", "decode")


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one scan, part by part."""

    voxelise_ms: float
    network_ms: float
    decode_ms: float

    @property
    def total_ms(self) -> float:
        """From points to results."""
        return self.voxelise_ms + self.network_ms + self.decode_ms


@dataclass(frozen=True)
class LatencySummary:
    """Latency over a run.

    Attributes
    ----------
    scans
        How many the figures are of: the last ones, if more were seen than are remembered.
    p50_ms, p99_ms, worst_ms
        Half of the scans, 99 of 100 scans, and all scans took no longer than this.
    voxelise_ms, network_ms, decode_ms
        Medians of the parts; they need not add up to the median of the whole.
    """

    scans: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    voxelise_ms: float
    network_ms: float
    decode_ms: float

    def __str__(self) -> str:
        return (
            f"{self.scans} scans: p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, worst "
            f"{self.worst_ms:.1f} ms (voxelise {self.voxelise_ms:.1f}, network "
            f"{self.network_ms:.1f}, decode {self.decode_ms:.1f})"
        )


class LatencyRecord:
    """The last ``length`` latencies, and what they amount to.

    Raises
    ------
    ArgumentError
        A length below 1.

    Examples
    --------
    >>> record = LatencyRecord(100)
    >>> for ms in range(1, 101):
    ...     record.add(Latency(0.0, float(ms), 0.0))
    >>> record.summary().p50_ms, record.summary().p99_ms
    (50.0, 99.0)
    """

    def __init__(self, length: int) -> None:
        if length < 1:
            raise ArgumentError(f"LatencyRecord.length: must be 1 or more; got {length}.")
        self._held: deque[Latency] = deque(maxlen=length)

    def add(self, latency: Latency) -> None:
        """Take one more, and drop the oldest where there is no room."""
        self._held.append(latency)

    def clear(self) -> None:
        """Forget all, for instance after warming up."""
        self._held.clear()

    def summary(self) -> LatencySummary:
        """Percentiles by nearest rank: each is the latency of a scan that was seen.

        Raises
        ------
        StateError
            No scan yet.
        """
        if not self._held:
            raise StateError("LatencyRecord: holds no scan yet; run one first.")
        total = np.array([latency.total_ms for latency in self._held])
        p50, p99 = np.percentile(total, (50, 99), method="inverted_cdf")
        parts = {
            f"{part}_ms": float(np.median([getattr(held, f"{part}_ms") for held in self._held]))
            for part in PARTS
        }
        return LatencySummary(len(total), float(p50), float(p99), float(total.max()), **parts)
