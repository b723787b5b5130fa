"""How spikes travel back: by axons, each with one delay, or by synapses, each with its own.

A buffer (T + K, B, N) holds what is on its way at every step: delayed spikes, to be weighed when
they arrive, for axons; weighed currents for synapses. The methods ending in ``_back`` are the
transposes that gradients take.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.kernels.buffers import empty
from neurospike.kernels.recurrent import numba as kernels

Array = NDArray[Any]


class Axons:
    """Weight (out, in) and share (K, in); with ``events``, whole delays: one tap an axon."""

    def __init__(self, weight: Tensor, share: Tensor, *, events: bool) -> None:
        self.weight = weight.detach()
        self.share: Array = share.detach().contiguous().numpy()
        self.by_input: Array | None = self.weight.T.contiguous().numpy() if events else None

    def due(self, row: Tensor) -> Tensor:
        """Currents (B, N) of the spikes that arrive now."""
        if self.by_input is None:
            return row @ self.weight.T
        out = empty(row.shape, row)
        kernels.weigh(row.numpy(), self.by_input, out.numpy())
        return out

    def send(self, window: Tensor, y: Tensor) -> None:
        """Put the spikes y (B, N) on their way to the next K steps."""
        kernels.send(window.numpy(), y.numpy(), self.share)

    def due_back(self, grad: Tensor) -> Tensor:
        """Gradient of the spikes that arrive, from that of the currents."""
        return grad @ self.weight

    def send_back(self, window: Tensor, grad: Tensor) -> None:
        """Add to the gradient of y what comes from the next K steps."""
        kernels.gather(window.numpy(), self.share, grad.numpy())

    def parameters_back(
        self, currents: Tensor, sent: Tensor, y: Tensor, arrived: Tensor, *, shares: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Gradients of weight and share, given those of the currents and of what was sent."""
        steps = len(y)
        weight = currents.flatten(0, 1).T @ arrived[:steps].flatten(0, 1)
        if not shares:
            return weight, None
        total = np.zeros(self.share.shape)
        kernels.share_gradient(sent.numpy(), y.numpy(), total)
        return weight, torch.from_numpy(total).to(weight.dtype)


class Synapses:
    """Weight (out, in) and share (K, out, in); with ``events``, whole delays: one tap each."""

    def __init__(self, weight: Tensor, share: Tensor, *, events: bool) -> None:
        self.weight = weight.detach()
        self.share = share.detach()
        # (in, K * out): one product sends a step's spikes on all their ways.
        taps = (self.weight * self.share).permute(2, 0, 1)
        self.taps = taps.flatten(1).contiguous()
        self.events = events
        if events:
            self.late: Array = self.share.argmax(0).T.contiguous().numpy()
            self.by_input: Array = self.weight.T.contiguous().numpy()

    def due(self, row: Tensor) -> Tensor:
        """Currents (B, N) that arrive now."""
        return row

    def send(self, window: Tensor, y: Tensor) -> None:
        """Put the spikes y (B, N) on their way to the next K steps."""
        if self.events:
            kernels.send_synapses(window.numpy(), y.numpy(), self.late, self.by_input)
        else:
            steps, batch, width = window.shape
            window += (y @ self.taps).reshape(batch, steps, width).transpose(0, 1)

    def due_back(self, grad: Tensor) -> Tensor:
        """Gradient of what arrives, from that of the currents: the same."""
        return grad

    def send_back(self, window: Tensor, grad: Tensor) -> None:
        """Add to the gradient of y what comes from the next K steps."""
        grad += window.transpose(0, 1).flatten(1) @ self.taps.T

    def parameters_back(
        self, currents: Tensor, sent: Tensor, y: Tensor, arrived: Tensor, *, shares: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Gradients of weight and share, given those of the currents and of what was sent."""
        steps = len(y)
        spikes = y.flatten(0, 1)
        taps = [
            sent[k + 1 : k + 1 + steps].flatten(0, 1).T @ spikes for k in range(len(self.share))
        ]
        grad = torch.stack(taps)
        return (grad * self.share).sum(0), grad * self.weight if shares else None
