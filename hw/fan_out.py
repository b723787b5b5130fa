"""How many outputs each position of a dense grid feeds, borders and strides included."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Shape = tuple[int, ...]


def _reached(length: int, linear: Callable[[Tensor], Tensor]) -> Tensor:
    """float64 (length,) outputs that each position feeds through a map with unit weights.

    A position that a window meets k times gets k, whatever the border does to it. Every position
    is sent through by itself: below autograd, where functions are counted, there is no gradient.
    """
    return linear(torch.eye(length, dtype=torch.float64)[:, None]).sum((1, 2))


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

    def linear(x: Tensor, axis: int) -> Tensor:
        inside = padding if isinstance(padding, str) else padding[axis]
        if border is not None:
            last = 2 * (len(shape) - 1 - axis)  # F.pad begins with the last axis
            x, inside = F.pad(x, list(border[0][last : last + 2]), mode=border[1]), 0
        ones = torch.ones(1, 1, kernel[axis], dtype=torch.float64)
        return F.conv1d(x, ones, None, stride[axis], inside, dilation[axis])

    return over_axes([_reached(n, partial(linear, axis=axis)) for axis, n in enumerate(shape)])


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

    def linear(x: Tensor, axis: int) -> Tensor:
        ones = torch.ones(1, 1, kernel[axis], dtype=torch.float64)
        extra = output_padding[axis]
        return F.conv_transpose1d(
            x, ones, None, stride[axis], padding[axis], extra, 1, dilation[axis]
        )

    return over_axes([_reached(n, partial(linear, axis=axis)) for axis, n in enumerate(shape)])


def events_through(values: Tensor, fan_out: Tensor) -> float:
    """Sum over (..., C, *shape) values of magnitude times fan-out."""
    if values.numel() == 0:
        return 0.0
    per_site = values.abs().reshape(-1, *fan_out.shape).sum(0, dtype=torch.float64)
    return float((per_site.cpu() * fan_out).sum())


def shape_of(value: Any) -> Shape:
    """A tuple of integers, for the cache."""
    return tuple(int(v) for v in value)
