"""Triton's LIF and ILIF on contiguous (T, ..., C) tensors, with the events of what they fire."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from neurospike.errors import StateError
from neurospike.functional.neurons import LIFRule
from neurospike.kernels import devices
from neurospike.kernels.events import Events
from neurospike.kernels.neurons import events_triton as kernels
from neurospike.kernels.neurons import gpu
from neurospike.kernels.neurons.launches import FILLING

WIDEST = 4096
"""Channels of the widest rows that one program can have."""

_NEURONS = 512  # of a program: four of each thread
_STEPS = 4  # of a chunk: listing takes registers of its own


class Emitting:
    """The passes of ``gpu``; after a forward one, ``take`` gives its events."""

    lif_backward = staticmethod(gpu.lif_backward)
    ilif_backward = staticmethod(gpu.ilif_backward)

    def __init__(self) -> None:
        self._found: Events | None = None

    def take(self) -> Events:
        """The events, which are not kept: this object lives until the way back."""
        found, self._found = self._found, None
        if found is None:
            raise StateError("Emitting.take: nothing has fired; run a forward pass first.")
        return found

    def lif(
        self, x: Tensor, v: Tensor | None, rate: Tensor | None, rule: LIFRule
    ) -> tuple[Tensor, Tensor | None]:
        """Spikes, and the last membrane where v is given."""
        if not _fits(x):
            s, last = gpu.lif(x, v, rate, rule)
            self._found = Events.of(s, binary=True)
            return s, last
        s, found = torch.empty_like(x), Events.empty(x, binary=True)
        last = None if v is None else torch.empty_like(v)
        leak, divide = gpu.leak_for(rule.tau, rate)
        _launch(
            kernels.lif_events, x, x, s, found.counts, found.channels, v, last, rate, *_sizes(x),
            leak, rule.threshold, rule.v_reset,
            HAS_V=v is not None, HAS_RATE=rate is not None, DIVIDE=divide,
            DECAY_INPUT=rule.decay_input, SOFT=rule.reset == "soft",
        )  # fmt: skip
        self._found = found
        return s, last

    def ilif(
        self, x: Tensor, v: Tensor | None, max_spikes: int, beta: float
    ) -> tuple[Tensor, Tensor | None]:
        """Integer spikes, and the last membrane where v is given."""
        if not _fits(x):
            s, last = gpu.ilif(x, v, max_spikes, beta)
            self._found = Events.of(s)
            return s, last
        s, found = torch.empty_like(x), Events.empty(x, binary=False)
        last = None if v is None else torch.empty_like(v)
        _launch(
            kernels.ilif_events, x, x, s, found.counts, found.channels, found.values, v, last,
            *_sizes(x), float(beta), float(max_spikes), HAS_V=v is not None,
        )  # fmt: skip
        self._found = found
        return s, last


def _fits(x: Tensor) -> bool:
    return x.numel() > 0 and x.shape[-1] <= WIDEST


def _sizes(x: Tensor) -> tuple[int, int, int]:
    """Steps, rows of a step, and channels."""
    return x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]


def _launch(kernel: Any, x: Tensor, *args: Any, **constants: Any) -> None:
    T, sites, C = _sizes(x)
    wide = devices.power_of_two(C)
    high = max(1, _NEURONS // wide)
    while high > 1 and high * FILLING * devices.multiprocessors(x.device) > sites:
        high //= 2
    warps = max(1, min(4, high * wide // 32)) if wide <= 1024 else wide // 256
    with devices.on(x, args):
        kernel[(-(-sites // high),)](
            *args, **constants, ROWS=high, WIDE=wide, STEPS=min(T, _STEPS), num_warps=warps,
            enable_fp_fusion=False,
        )  # fmt: skip
