"""The anchor head: a 1x1 convolution on the membranes of every scale, summed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neurospike.kernels.autocast import widened
from neurospike.models.detection.maps import NUMBERS, Maps

PRIOR = 0.01
"""Score that every anchor starts with, arXiv:1708.02002."""


class AnchorHead(nn.Module):
    """Numbers of every anchor from membranes, averaged over time.

    A convolution a scale, summed: the same numbers as of one convolution on all scales' channels
    joined, without joining them.

    Parameters
    ----------
    scales, channels
        Inputs, and channels of each.
    anchors, each
        Anchors of a cell, and numbers of an anchor, 10 or 11.

    Shape
    -----
    in:  of every scale (T, B, channels, X, Y), membranes
    out: Maps, numbers (B, anchors * each, X, Y)

    Cost
    ----
    Membranes are real: every weight is a product at every cell.
    """

    def __init__(self, scales: int, channels: int, anchors: int, each: int = NUMBERS) -> None:
        super().__init__()
        self.each = each
        outputs = anchors * each
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, outputs, 1, bias=index == 0) for index in range(scales)
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw small weights, and let every anchor say "nothing" with a score of 0.01."""
        for conv in self.convs:
            nn.init.normal_(conv.weight, std=0.01)  # type: ignore[arg-type]
        bias = self.convs[0].bias
        if isinstance(bias, Tensor):
            nn.init.zeros_(bias)
            with torch.no_grad():
                bias[:: self.each] = -math.log((1 - PRIOR) / PRIOR)

    def forward(self, scales: Sequence[Tensor]) -> Maps:
        parts = [
            conv(membranes.flatten(0, 1))
            for conv, membranes in zip(self.convs, scales, strict=True)
        ]
        numbers = widened(parts[0])
        for part in parts[1:]:
            numbers = numbers + part
        steps = scales[0].shape[0]
        if steps > 1:
            numbers = numbers.reshape(steps, -1, *numbers.shape[1:]).mean(0)
        return Maps(numbers, self.each)
