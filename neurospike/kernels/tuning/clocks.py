"""How long a call takes, on a CPU and on a GPU."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

FLUSH_BYTES = 1 << 28
"""More than any card's second-level cache."""

LEAD_S = 1e-3
"""How far ahead of the device Python may get: longer than a layer takes to launch its kernels."""


class Clock(Protocol):
    """What a search tells time by."""

    def now(self) -> float:
        """Seconds since some moment, for the limit of a search."""
        ...

    def time(self, call: Callable[[], Any]) -> float:
        """Seconds that a call takes."""
        ...


class WallClock:
    """For CPUs, whose calls end when they return."""

    def now(self) -> float:
        return time.perf_counter()

    def time(self, call: Callable[[], Any]) -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began


class CudaClock(WallClock):
    """For GPUs: what the device spends on a call, with a cold cache.

    Before each call the device is kept writing. So every candidate finds the same cache, as with
    Triton's own ``do_bench``, and its kernels are queued before the device comes to them: what
    Python takes to launch them is not measured, unless it takes longer than ``LEAD_S``. To be made
    and used where the device is ``devices.current``.
    """

    def __init__(self, device: torch.device) -> None:
        self._flushed = torch.empty(FLUSH_BYTES, dtype=torch.int8, device=device)
        self._writes = 0
        self.time(self._flushed.zero_)  # the first call loads the kernel
        self._writes = math.ceil(LEAD_S / self.time(self._flushed.zero_))

    def time(self, call: Callable[[], Any]) -> float:
        event: Any = torch.cuda.Event
        began, ended = event(enable_timing=True), event(enable_timing=True)
        for _ in range(self._writes):
            self._flushed.zero_()
        began.record()
        call()
        ended.record()
        ended.synchronize()
        return float(began.elapsed_time(ended)) / 1000


def clock_of(device: torch.device) -> Clock:
    """The clock for a device."""
    return CudaClock(device) if device.type == "cuda" else WallClock()
