"""How many outputs each position of a dense grid feeds, borders and strides included."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Shape = tuple[int, ...]


def over_axes(lines: list[Tensor]) -> Tensor:
    """Fan-out of every position of a grid, of which each axis has its own."""
    grid = torch.ones((), dtype=torch.float64)
    for line in lines:
        grid = grid[..., None] * line
    return grid


@lru_cache(maxsize=256)
def conv_fan_out(
    shape: Shape,
    kernel: Shape,
    stride: Shape,
    padding: Shape | str,
    dilation: Shape,
    border: tuple[tuple[int, ...], str] | None = None,
) -> Tensor:
    """float64 (*shape) outputs that each position of a convolution's input feeds, per channel.

    ``border`` is (padding in the order of ``F.pad``, mode) where the layer pads by itself.
    """

    lines = []
    for axis, length in enumerate(shape):
        window = kernel[axis], stride[axis], dilation[axis]
        if border is not None:
            last = 2 * (len(shape) - 1 - axis)  # F.pad begins with the last axis
            around, mode = border[0][last : last + 2], border[1]
        else:
            around, mode = _padding(padding, axis, kernel[axis], dilation[axis]), "constant"
        lines.append(_conv_line(length, window, around, mode))
    return over_axes(lines)


@lru_cache(maxsize=256)
def transposed_fan_out(
    shape: Shape,
    kernel: Shape,
    stride: Shape,
    padding: Shape,
    output_padding: Shape,
    dilation: Shape,
) -> Tensor:
    """float64 (*shape) outputs that each position of a transposed convolution's input feeds."""

    lines = []
    for axis, length in enumerate(shape):
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        outputs = (length - 1) * stride[axis] - 2 * padding[axis] + reach + output_padding[axis]
        first = torch.arange(length) * stride[axis] - padding[axis]
        line = torch.zeros(length, dtype=torch.float64)
        for tap in range(0, reach, dilation[axis]):
            line += (first + tap >= 0) & (first + tap < outputs)
        lines.append(line)
    return over_axes(lines)


def _padding(padding: Shape | str, axis: int, kernel: int, dilation: int) -> Shape:
    """Positions before and after an axis; of an odd number, torch puts one more after it."""
    if not isinstance(padding, str):
        return padding[axis], padding[axis]
    both = dilation * (kernel - 1) if padding == "same" else 0
    return both // 2, both - both // 2


def _conv_line(length: int, window: tuple[int, int, int], around: Shape, mode: str) -> Tensor:
    """float64 (length,): in how many windows (kernel, stride, dilation) each position is.

    A position that a window meets k times gets k, whatever the border does to it.
    """
    kernel, stride, dilation = window
    positions = torch.arange(length, dtype=torch.float64)[None, None]
    outside = {"value": -1.0} if mode == "constant" else {}
    met = F.pad(positions, list(around), mode=mode, **outside)[0, 0].long()
    last = len(met) - dilation * (kernel - 1)
    windows = torch.zeros(len(met), dtype=torch.float64)
    for tap in range(0, dilation * kernel, dilation):
        windows[tap : last + tap : stride] += 1
    inside = met >= 0
    return torch.zeros(length, dtype=torch.float64).index_add_(0, met[inside], windows[inside])


def events_through(values: Tensor, fan_out: Tensor) -> float:
    """Sum over (..., C, *shape) values of magnitude times fan-out."""
    if values.numel() == 0:
        return 0.0
    per_site = values.abs().reshape(-1, *fan_out.shape).sum(0, dtype=torch.float64)
    return float((per_site.cpu() * fan_out).sum())


def shape_of(value: Any) -> Shape:
    """A tuple of integers, for the cache."""
    return tuple(int(v) for v in value)
