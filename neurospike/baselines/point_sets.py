"""What networks on sets of points share: neighbours, sampling, and layers for each point."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError


def check_points(owner: str, x: Tensor, in_channels: int) -> None:
    """Refuse anything but a batch of clouds of one point or more.

    Raises
    ------
    ArgumentError
        Another shape than (B, N, in_channels), or no point.
    """
    if x.ndim != 3 or x.shape[2] != in_channels or x.shape[1] < 1:
        raise ArgumentError(
            f"{owner}.x: must be points (B, N, {in_channels}), N at least 1, x, y, z first; got "
            f"{tuple(x.shape)}."
        )


def over_rows(layer: nn.Module, x: Tensor) -> Tensor:
    """Call a layer of (rows, C) on (..., C)."""
    out: Tensor = layer(x.flatten(0, -2))
    return out.reshape(*x.shape[:-1], out.shape[-1])


def gather_points(x: Tensor, index: Tensor) -> Tensor:
    """Rows of each cloud.

    Shape
    -----
    x:     (B, N, C)
    index: (B, ...), whole numbers below N
    out:   (B, ..., C)
    """
    batch, count, channels = x.shape
    first = torch.arange(0, batch * count, count, device=x.device)
    rows = (index.flatten(1) + first[:, None]).flatten()
    return x.reshape(-1, channels).index_select(0, rows).view(*index.shape, channels)


def squared_distances(points: Tensor, axes: Tensor) -> Tensor:
    """Squared distance of every pair, axis by axis: exact far from the origin too.

    Shape
    -----
    points, axes: (..., M, 3), (..., 3, N), the latter contiguous to be read at speed
    out: (..., M, N)
    """
    total = points.new_zeros(())
    for axis in range(points.shape[-1]):
        apart = points[..., axis, None] - axes[..., axis, None, :]
        total = torch.addcmul(total, apart, apart)
    return total


@torch.no_grad()
def nearest_points(centres: Tensor, points: Tensor, count: int) -> Tensor:
    """The nearest points of each centre, or all of them where a cloud has fewer.

    Shape
    -----
    centres, points: (B, M, 3), (B, N, 3)
    out: (B, M, min(count, N)), whole numbers below N, the nearest first

    Cost
    ----
    3 MACs and 3 subtractions a pair; one (M, N) tensor.
    """
    axes = points.mT.contiguous()
    count = min(count, points.shape[1])
    found = torch.empty(*centres.shape[:2], count, dtype=torch.int64, device=points.device)
    for cloud in range(len(found)):  # distances of one at a time stay in cache
        distances = squared_distances(centres[cloud], axes[cloud])
        found[cloud] = distances.topk(count, largest=False).indices
    return found


@torch.no_grad()
def farthest_points(points: Tensor, count: int) -> Tensor:
    """Farthest point sampling: the first point, then each time the one farthest from all chosen.

    Shape
    -----
    points: (B, N, 3)
    out:    (B, count), whole numbers below N; distinct where so many points are

    Cost
    ----
    3 MACs and 3 subtractions a point and choice; the choices follow one another.

    Source
    ------
    Eldar et al., The farthest point strategy for progressive image sampling, IEEE TIP 6(9), 1997.
    """
    axes = points.mT.contiguous()
    chosen = torch.zeros(points.shape[0], count, dtype=torch.int64, device=points.device)
    nearest = points.new_full(points.shape[:2], torch.inf)
    for step in range(1, count):
        last = gather_points(points, chosen[:, step - 1 : step])
        nearest = torch.minimum(nearest, squared_distances(last, axes)[:, 0])
        chosen[:, step] = nearest.argmax(dim=1)
    return chosen
