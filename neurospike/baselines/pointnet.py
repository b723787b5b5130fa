"""PointNet: every point by itself, then the largest of each feature."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from neurospike.baselines.point_sets import check_points
from neurospike.baselines.registry import Baseline, add

PENALTY = 0.001
"""Weight of the penalty on feature transforms: Qi et al., arXiv:1612.00593, appendix C."""


class TransformNet(nn.Module):
    """T-net: a square matrix for each cloud, the identity before any training.

    Shape
    -----
    in:  (B, in_channels, N)
    out: (B, size, size)

    Source
    ------
    Qi et al., arXiv:1612.00593, section 4.2 and appendix C.
    """

    def __init__(
        self, in_channels: int, size: int, widths: Sequence[int], dense: Sequence[int]
    ) -> None:
        super().__init__()
        self.size = size
        self.points = per_point(in_channels, *widths)
        self.dense = per_cloud(widths[-1], *dense)
        self.last = nn.Linear(dense[-1], size * size)
        nn.init.zeros_(self.last.weight)
        self.last.bias = nn.Parameter(torch.eye(size).flatten())

    def forward(self, x: Tensor) -> Tensor:
        """One matrix a cloud."""
        out: Tensor = self.last(self.dense(self.points(x).amax(dim=2)))
        return out.reshape(-1, self.size, self.size)


class PointNet(nn.Module):
    """Classification of clouds, with both T-nets.

    The first T-net reads all that a point carries, and turns its position only.

    Shape
    -----
    in:  (B, N, in_channels), x, y, z first, any N from 1
    out: (B, num_classes)

    Raises
    ------
    ArgumentError
        Points of another shape.

    Source
    ------
    Qi et al., arXiv:1612.00593, section 4.2 and appendix C; layers as in the authors' code,
    github.com/charlesq34/pointnet, models/pointnet_cls.py. Departure: norms keep torch's own
    pace, where the authors' changes over training.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        local: Sequence[int],
        widths: Sequence[int],
        dense: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.turn = TransformNet(in_channels, 3, widths, dense)
        self.local = per_point(in_channels, *local)
        self.mix = TransformNet(local[-1], local[-1], widths, dense)
        self.wide = per_point(local[-1], *widths)
        layers: list[nn.Module] = []
        for width, after in pairwise((widths[-1], *dense)):
            layers += [per_cloud(width, after), nn.Dropout(dropout)]
        self.head = nn.Sequential(*layers, nn.Linear(dense[-1], num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch of clouds."""
        return self._transformed(x)[0]

    def penalised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and what to add to their loss: ``PENALTY`` times ``orthogonality`` of the mix."""
        logits, matrix = self._transformed(x)
        return logits, PENALTY * orthogonality(matrix)

    def _transformed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and the matrix (B, C, C) that mixed each cloud's features."""
        check_points("pointnet", x, self.in_channels)
        x = x.transpose(1, 2)
        turned = self.turn(x) @ x[:, :3]
        x = self.local(torch.cat((turned, x[:, 3:]), dim=1))
        matrix: Tensor = self.mix(x)
        logits: Tensor = self.head(self.wide(matrix @ x).amax(dim=2))
        return logits, matrix


def orthogonality(matrix: Tensor) -> Tensor:
    """How far matrices (B, C, C) are from orthogonal: squared norm of I - A Aᵀ, mean over B.

    Source
    ------
    Qi et al., arXiv:1612.00593, equation 2.

    Examples
    --------
    >>> float(orthogonality(torch.eye(3)[None])), float(orthogonality(2 * torch.eye(3)[None]))
    (0.0, 27.0)
    """
    left = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    return (left - matrix @ matrix.transpose(1, 2)).square().sum(dim=(1, 2)).mean()


def per_point(*widths: int) -> nn.Sequential:
    """Layers that see one point at a time: (B, C, N) to (B, C', N)."""
    layers: list[nn.Module] = []
    for width, after in pairwise(widths):
        layers += [nn.Conv1d(width, after, 1), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def per_cloud(*widths: int) -> nn.Sequential:
    """Layers that see one cloud at a time: (B, C) to (B, C')."""
    layers: list[nn.Module] = []
    for width, after in pairwise(widths):
        layers += [nn.Linear(width, after), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers)


def build(
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    *,
    local: Sequence[int] = (64, 64),
    widths: Sequence[int] = (64, 128, 1024),
    dense: Sequence[int] = (512, 256),
    dropout: float = 0.3,
) -> PointNet:
    """PointNet of any size.

    Parameters
    ----------
    local
        Widths before the features are mixed.
    widths
        Widths after that, and of both T-nets, up to the maximum over points.
    dense
        Widths after the maximum, of both T-nets and of the classifier.
    dropout
        Share of the classifier's features left out in training.
    """
    return PointNet(
        in_channels, num_classes, local=local, widths=widths, dense=dense, dropout=dropout
    )


add(
    Baseline(
        name="pointnet",
        build=build,
        parameters=3.5e6,
        source="arXiv:1612.00593, table 6",
        cpu={"local": (32, 32), "widths": (32, 64, 256), "dense": (256, 128)},
        takes="points",
        example=(3, 40, 1024),
    )
)
