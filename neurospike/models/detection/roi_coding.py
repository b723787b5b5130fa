"""Boxes seen from a proposal: residuals in its own frame, points of a grid in it, corners."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neurospike.models.detection.coding import decode, encode


def encode_in(boxes: Tensor, rois: Tensor) -> Tensor:
    """Residuals (N, 7) of boxes (N, 7) in the frames of their proposals (N, 7).

    The frame's origin is the proposal's centre, its x along the proposal's length. A box that
    looks the other way is turned by half a circle first: which way it looks is settled.

    Source
    ------
    Deng et al., Voxel R-CNN, AAAI 2021, arXiv:2012.15712, after Shi et al., PointRCNN, CVPR 2019.
    """
    apart = _turned(boxes[:, :3] - rois[:, :3], -rois[:, 6])
    turn = torch.remainder(boxes[:, 6:] - rois[:, 6:] + math.pi / 2, math.pi) - math.pi / 2
    return encode(torch.cat([apart, boxes[:, 3:6], turn], 1), _at_rest(rois))


def decode_in(residuals: Tensor, rois: Tensor) -> Tensor:
    """Boxes (N, 7) of residuals (N, 7): the inverse of ``encode_in``; yaws in -pi..pi."""
    seen = decode(residuals, _at_rest(rois))
    centre = _turned(seen[:, :3], rois[:, 6]) + rois[:, :3]
    yaw = torch.remainder(seen[:, 6:] + rois[:, 6:] + math.pi, 2 * math.pi) - math.pi
    return torch.cat([centre, seen[:, 3:6], yaw], 1)


def grid_points(rois: Tensor, edge: int) -> Tensor:
    """(N, edge ** 3, 3) centres of the cells that each box (N, 7) is cut into, in metres."""
    line = (torch.arange(edge, dtype=rois.dtype, device=rois.device) + 0.5) / edge - 0.5
    unit = torch.cartesian_prod(line, line, line)
    return _turned(unit * rois[:, None, 3:6], rois[:, None, 6]) + rois[:, None, :3]


def corners(boxes: Tensor) -> Tensor:
    """(N, 8, 3) corners of boxes (N, 7)."""
    half = torch.tensor([-0.5, 0.5], dtype=boxes.dtype, device=boxes.device)
    unit = torch.cartesian_prod(half, half, half)
    return _turned(unit * boxes[:, None, 3:6], boxes[:, None, 6]) + boxes[:, None, :3]


def _at_rest(rois: Tensor) -> Tensor:
    """The proposals in their own frames."""
    nothing = torch.zeros_like(rois)
    return torch.cat([nothing[:, :3], rois[:, 3:6], nothing[:, 6:]], 1)


def _turned(points: Tensor, yaw: Tensor) -> Tensor:
    """Points (..., 3) turned about z by angles that broadcast to (...)."""
    c, s = torch.cos(yaw), torch.sin(yaw)
    x, y, z = points.unbind(-1)
    return torch.stack([c * x - s * y, s * x + c * y, z], -1)
