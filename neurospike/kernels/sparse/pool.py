"""Pooling over each sample's rows on any device, without waiting for it: sums in a fixed order.

Torch's own segmented sum has one thread add up a sample's rows one by one. Rows are therefore
summed by chunks first, so that the threads are many and their sums short.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.kernels.autocast import widened

Mode = Literal["mean", "max", "sum"]

_CHUNK = 64


def pool(features: Tensor, samples: Tensor, bounds: Tensor, mode: Mode) -> Tensor:
    """([T,] N, C), the sample (N,) of each row, bounds (B + 1,) -> ([T,] B, C).

    Rows of a sample follow each other; a sample without rows pools to 0.
    """
    pooled: Tensor = _Pool.apply(features, samples, bounds, mode)  # type: ignore[no-untyped-call]
    return pooled


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, samples: Tensor, bounds: Tensor, mode: Mode) -> Tensor:
        counts = bounds.diff()[:, None]
        pooled = _reduced(features, bounds, "max" if mode == "max" else "sum")
        if mode == "mean":
            pooled = pooled / counts
        pooled = torch.where(counts > 0, pooled, 0.0).to(features.dtype)
        ctx.mode = mode
        ctx.save_for_backward(samples, bounds, *((features, pooled) if mode == "max" else ()))
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        samples, bounds, *kept = ctx.saved_tensors
        grad = grads[0]
        if ctx.mode == "mean":
            # A number of voxels may be more than half precision can hold.
            grad = (widened(grad) / bounds.diff()[:, None]).to(grad.dtype)
        spread = grad.index_select(-2, samples)
        if ctx.mode != "max":
            return spread, None, None, None
        features, pooled = kept
        # Equal largest values share the gradient, as in torch.amax.
        largest = (features == pooled.index_select(-2, samples)).to(grad.dtype)
        ties = _reduced(largest, bounds, "sum").index_select(-2, samples)
        return (spread * largest / ties).to(grad.dtype), None, None, None


def _reduced(values: Tensor, bounds: Tensor, mode: Literal["max", "sum"]) -> Tensor:
    """([T,] N, C) -> ([T,] B, C), in float32 at least."""
    values = widened(values)
    rows = values.shape[-2]
    if values.numel() == 0:
        return values.new_zeros(*values.shape[:-2], bounds.shape[0] - 1, values.shape[-1])
    # Chunks that there could be, whatever the samples' sizes; the last of them are empty.
    most = rows // _CHUNK + bounds.shape[0] - 1
    chunks = (bounds.diff() + (_CHUNK - 1)) // _CHUNK
    first = torch.cat([chunks.new_zeros(1), chunks.cumsum(0)])
    chunk = torch.arange(most + 1, device=values.device)
    owner = torch.searchsorted(first, chunk, right=True) - 1
    starts = bounds[owner] + (chunk - first[owner]) * _CHUNK
    starts = torch.where(chunk < first[-1], starts, rows)
    return _segments(_segments(values, starts, mode), first, mode)


def _segments(values: Tensor, offsets: Tensor, mode: str) -> Tensor:
    axis = values.ndim - 2
    found: Tensor = torch.segment_reduce(
        values.contiguous(), mode, offsets=offsets.expand(*values.shape[:-2], -1).contiguous(),
        axis=axis, unsafe=True,
    )  # fmt: skip
    return found
