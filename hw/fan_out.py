"""How many outputs each position of a dense grid feeds, borders and strides included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Shape = tuple[int, ...]

_CONV: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


def adjoint_of_ones(shape: Sequence[int], linear: Callable[[Tensor], Tensor]) -> Tensor:
    """float64 fan-out of every position: the gradient of the sum of a map with unit weights.

    A position that a window meets k times gets k, whatever the border mode does to it.
    """
    with torch.enable_grad():
        x = torch.zeros(1, 1, *shape, dtype=torch.float64, requires_grad=True)
        y = linear(x).sum()
        if not y.requires_grad:
            return torch.zeros(tuple(shape), dtype=torch.float64)
        (gradient,) = torch.autograd.grad(y, x)
    return gradient[0, 0]


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
    ones = torch.ones(1, 1, *kernel, dtype=torch.float64)
    apply = _CONV[len(shape)]

    def linear(x: Tensor) -> Tensor:
        if border is not None:
            return apply(F.pad(x, list(border[0]), mode=border[1]), ones, None, stride, 0, dilation)
        return apply(x, ones, None, stride, padding, dilation)

    return adjoint_of_ones(shape, linear)


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
    ones = torch.ones(1, 1, *kernel, dtype=torch.float64)
    apply = _TRANSPOSED[len(shape)]
    return adjoint_of_ones(
        shape, lambda x: apply(x, ones, None, stride, padding, output_padding, 1, dilation)
    )


def events_through(values: Tensor, fan_out: Tensor) -> float:
    """Sum over (..., C, *shape) values of magnitude times fan-out."""
    if values.numel() == 0:
        return 0.0
    per_site = values.abs().reshape(-1, *fan_out.shape).sum(0, dtype=torch.float64)
    return float((per_site.cpu() * fan_out).sum())


def shape_of(value: Any) -> Shape:
    """A tuple of integers, for the cache."""
    return tuple(int(v) for v in value)
