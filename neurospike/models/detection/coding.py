"""Boxes as residuals to anchors, and back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

DIRECTION_OFFSET = math.pi / 4
"""Directions are told apart at 45 and 225 degrees, where no street runs along an axis."""


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Residuals (N, 7) of boxes (N, 7) to their anchors (N, 7).

    x and y are in diagonals of the anchor's floor, z in its heights, sizes logarithmic, and the
    yaw is a difference.

    Source
    ------
    Yan et al., SECOND, Sensors 2018, 18(10), 3337, equation 1.
    """
    diagonal = anchors[:, 3:5].norm(dim=1, keepdim=True)
    return torch.cat(
        [
            (boxes[:, :2] - anchors[:, :2]) / diagonal,
            (boxes[:, 2:3] - anchors[:, 2:3]) / anchors[:, 5:6],
            torch.log(boxes[:, 3:6] / anchors[:, 3:6]),
            boxes[:, 6:] - anchors[:, 6:],
        ],
        1,
    )


def decode(residuals: Tensor, anchors: Tensor) -> Tensor:
    """Boxes (N, 7) of residuals (N, 7): the inverse of ``encode``."""
    diagonal = anchors[:, 3:5].norm(dim=1, keepdim=True)
    return torch.cat(
        [
            residuals[:, :2] * diagonal + anchors[:, :2],
            residuals[:, 2:3] * anchors[:, 5:6] + anchors[:, 2:3],
            # A net that has learnt nothing yet must not send sizes to infinity.
            torch.exp(residuals[:, 3:6].clamp(-4, 4)) * anchors[:, 3:6],
            residuals[:, 6:] + anchors[:, 6:],
        ],
        1,
    )


def direction_of(yaw: Tensor) -> Tensor:
    """int64 (N,): 0 where the box looks between 45 and 225 degrees, else 1."""
    turned = torch.remainder(yaw - DIRECTION_OFFSET, 2 * math.pi)
    return (turned >= math.pi).long()


def with_direction(yaw: Tensor, direction: Tensor) -> Tensor:
    """The yaw (N,), known up to half a turn, that looks in that direction; in -pi..pi."""
    half = torch.remainder(yaw - DIRECTION_OFFSET, math.pi)
    whole = half + DIRECTION_OFFSET + math.pi * direction.to(yaw.dtype)
    return torch.remainder(whole + math.pi, 2 * math.pi) - math.pi
