"""The activation of MetaFormers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
        return self.scale * F.relu(x).square() + self.bias
