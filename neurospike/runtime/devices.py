"""Where a network is, and what time it is there."""

from __future__ import annotations

import time

import torch
from torch import nn


def device_of(model: nn.Module) -> torch.device:
    """Where a network's parameters are, or its buffers; the CPU where it has neither."""
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            return tensor.device
    return torch.device("cpu")


def now(device: torch.device) -> float:
    """Seconds of a clock that is read once the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
