"""Which channels of which row fired: what a neuron hands an event-driven convolution.

Each row owns as many slots as there are channels, so that a kernel which finds the events can
write them at once: no count of all rows first, no wait for the device, no order of programs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from neurospike.errors import ArgumentError

LARGEST = torch.iinfo(torch.int16).max
"""Channels that a row can have: their indices are of 16 bits, as half the traffic is."""


@dataclass(frozen=True)
class Events:
    """The non-zero entries of a (..., C) tensor, row by row.

    Attributes
    ----------
    counts
        int32 (rows,), events of each row.
    channels
        int16 (rows, C), contiguous: row r's channels, ascending, in its first ``counts[r]`` slots.
        What the other slots hold means nothing.
    values
        (rows, C) beside ``channels``, of the tensor's dtype; None where every event is a 1.
    shape
        The tensor's own shape, (..., C): rows are its leading axes, in row-major order.
    """

    counts: Tensor
    channels: Tensor
    values: Tensor | None
    shape: tuple[int, ...]

    @classmethod
    def empty(cls, like: Tensor, *, binary: bool) -> Events:
        """Unwritten events for a (..., C) tensor, to be filled by a kernel."""
        check_channels(like.shape[-1])
        rows = math.prod(like.shape[:-1])
        counts = like.new_empty((rows,), dtype=torch.int32)
        channels = like.new_empty((rows, like.shape[-1]), dtype=torch.int16)
        values = None if binary else like.new_empty((rows, like.shape[-1]))
        return cls(counts, channels, values, tuple(like.shape))

    @classmethod
    def of(cls, dense: Tensor, *, binary: bool = False) -> Events:
        """Events of a (..., C) tensor in plain torch: the oracle of the kernels.

        ``binary`` says that there are no values but 0 and 1. Nothing waits for the device.

        >>> Events.of(torch.tensor([[0.0, 2.0, 1.0]])).channels[0, :2]
        tensor([1, 2], dtype=torch.int16)
        """
        check_channels(dense.shape[-1])
        rows = dense.detach().flatten(0, -2)
        fired = rows != 0
        order = (~fired).byte().argsort(dim=1, stable=True)
        values = None if binary else rows.gather(1, order)
        return cls(fired.sum(1).int(), order.short(), values, tuple(dense.shape))

    def dense(self, dtype: torch.dtype) -> Tensor:
        """The tensor again, of ``dtype``."""
        rows, width = self.channels.shape
        real = torch.arange(width, device=self.counts.device) < self.counts[:, None]
        worth = real.to(dtype) if self.values is None else self.values.where(real, 0).to(dtype)
        # A column beside the last takes what the unused slots hold.
        wide = worth.new_zeros((rows, width + 1))
        wide.scatter_(1, self.channels.long().where(real, width), worth)
        return wide[:, :width].reshape(self.shape)


def check_channels(channels: int) -> None:
    """Raise where rows are too wide for the indices."""
    if channels > LARGEST:
        raise ArgumentError(
            f"Events.channels: at most {LARGEST} a row; got {channels}. Use dense spikes."
        )
