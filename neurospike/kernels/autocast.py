"""Automatic mixed precision: what casts its inputs, and what keeps away from it.

Inside ``torch.autocast`` torch casts the inputs of its own matrix products; operations written
here follow the same two rules: synapses take half precision, states and sums stay in float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

HALVES = (torch.bfloat16, torch.float16)


def cast_dtype(x: Tensor) -> torch.dtype:
    """What a product of ``x`` is computed in: autocast's dtype where that is on, else x's own."""
    kind = x.device.type
    if _enabled(kind) and x.dtype != torch.float64:
        return torch.get_autocast_dtype(kind)
    return x.dtype


def in_full_precision(x: Tensor) -> AbstractContextManager[object]:
    """A block in which products of ``x`` are computed in its own dtype."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if _enabled(kind) else nullcontext()


def is_on(x: Tensor) -> bool:
    """Whether automatic mixed precision is on where ``x`` is."""
    return _enabled(x.device.type)


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """What states are kept in: float32 where inputs are of half precision."""
    return torch.float32 if dtype in HALVES else dtype


def widened(x: Tensor) -> Tensor:
    """Half precision as float32: what losses and sums are made of."""
    return x.to(state_dtype(x.dtype))


def _enabled(kind: str) -> bool:
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
