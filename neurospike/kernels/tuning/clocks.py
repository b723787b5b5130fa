"""How long a call takes, on a CPU and on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import torch

FLUSH_BYTES = 1 << 28
"""More than any card's second-level cache; writing it takes longer than a launch does."""


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

    Before each call some memory is written. So every candidate finds the same cache, and its
    kernels are queued while the device is still busy: what Python takes to launch them is not
    measured, unless it takes longer than the writing. Triton's own ``do_bench`` does the same.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._flushed = torch.empty(FLUSH_BYTES, dtype=torch.int8, device=device)

    def time(self, call: Callable[[], Any]) -> float:
        with torch.cuda.device(self.device):
            event: Any = torch.cuda.Event
            began, ended = event(enable_timing=True), event(enable_timing=True)
            self._flushed.zero_()
            began.record()
            call()
            ended.record()
            ended.synchronize()
        return float(began.elapsed_time(ended)) / 1000


def clock_of(device: torch.device) -> Clock:
    """The clock for a device."""
    return CudaClock(device) if device.type == "cuda" else WallClock()
