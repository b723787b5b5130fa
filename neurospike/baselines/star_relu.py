"""The activation of MetaFormers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class StarReLU(nn.Module):
    """``scale * relu(x) ** 2 + bias``, with one scale and one bias for all channels.

    A unit normal input comes out with mean 0 and variance 1 at scale 0.8944 and bias -0.4472;
    training starts from 1 and 0, as in the authors' code.

    Shape
    -----
    Any, unchanged.

    Cost
    ----
    A function of each number, which no convention counts; two parameters.

    Source
    ------
    Yu et al., arXiv:2210.13452; github.com/sail-sg/metaformer. Departures: none.

    Examples
    --------
    >>> StarReLU()(torch.tensor([-2.0, 0.5, 3.0])).tolist()
    [0.0, 0.25, 9.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = _Star.apply(x, self.scale, self.bias)  # type: ignore[no-untyped-call]
        return out


class _Star(torch.autograd.Function):
    """With half the passes over memory that autograd takes backward, and one tensor kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        positive = F.relu(x)
        ctx.save_for_backward(positive, scale)
        return scale * positive.square() + bias

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        positive, scale = ctx.saved_tensors
        of_square = gradient * positive  # 0 wherever the input was not above 0
        for_scale = (of_square * positive).sum().reshape(1)
        return of_square.mul_(2 * scale).to(positive.dtype), for_scale, gradient.sum().reshape(1)
