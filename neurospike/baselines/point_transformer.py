"""Point Transformer: each point attends to its neighbours, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neurospike.baselines.point_sets import (
    check_points,
    farthest_points,
    gather_points,
    nearest_points,
    over_rows,
)
from neurospike.baselines.pointnet import per_cloud
from neurospike.baselines.registry import Baseline, add
from neurospike.errors import ArgumentError


class VectorAttention(nn.Module):
    """Attention of points to their neighbours, with one weight for every few channels.

    Keys minus queries plus an encoding of where the neighbour lies become weights; values plus
    the same encoding are summed by them. ``groups`` channels share each weight.

    Shape
    -----
    x:          (B, N, C)
    apart:      (B, N, K, 3), where each neighbour lies, seen from its point
    neighbours: (B, N, K), whole numbers below N
    out:        (B, N, C)

    Source
    ------
    Zhao et al., arXiv:2012.09164, equations 3 and 4; shared weights and norms as in the authors'
    code.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        weights = channels // groups
        self.groups = groups
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.place = nn.Sequential(
            nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, channels)
        )
        self.weigh = nn.Sequential(
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Linear(channels, weights),
            nn.BatchNorm1d(weights),
            nn.ReLU(),
            nn.Linear(weights, weights),
        )

    def forward(self, x: Tensor, apart: Tensor, neighbours: Tensor) -> Tensor:
        """Attend."""
        place = over_rows(self.place, apart)
        relation = gather_points(self.key(x), neighbours) - self.query(x)[:, :, None] + place
        weights = over_rows(self.weigh, relation).softmax(dim=2)
        values = gather_points(self.value(x), neighbours) + place
        apiece = values.reshape(*values.shape[:3], self.groups, weights.shape[3])
        mixed: Tensor = (apiece * weights[:, :, :, None]).sum(dim=2)
        return mixed.flatten(2)


class Block(nn.Module):
    """Vector attention between two linear layers, each with a norm, beside a shortcut.

    Shape
    -----
    As of ``VectorAttention``.

    Source
    ------
    Zhao et al., arXiv:2012.09164, figure 4a.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.enter = nn.Linear(channels, channels, bias=False)
        self.enter_norm = nn.BatchNorm1d(channels)
        self.attend = VectorAttention(channels, groups)
        self.attend_norm = nn.BatchNorm1d(channels)
        self.leave = nn.Linear(channels, channels, bias=False)
        self.leave_norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor, apart: Tensor, neighbours: Tensor) -> Tensor:
        """(B, N, C) of the same shape."""
        y = over_rows(self.enter_norm, self.enter(x)).relu()
        y = over_rows(self.attend_norm, self.attend(y, apart, neighbours)).relu()
        return (x + over_rows(self.leave_norm, self.leave(y))).relu()


class Down(nn.Module):
    """Fewer points, each the maximum over its neighbours; with a stride of 1, a layer a point.

    Shape
    -----
    in:  positions (B, N, 3), features (B, N, C_in)
    out: positions (B, M, 3), features (B, M, C_out); M = max(N // stride, 1)

    Source
    ------
    Zhao et al., arXiv:2012.09164, figure 4b; positions beside the features as in the authors'
    code.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, neighbours: int) -> None:
        super().__init__()
        self.stride, self.neighbours = stride, neighbours
        carried = 0 if stride == 1 else 3
        self.linear = nn.Linear(carried + in_channels, channels, bias=False)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, positions: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Positions and features of the points that are left."""
        if self.stride == 1:
            return positions, over_rows(self.norm, self.linear(x)).relu()
        left = max(positions.shape[1] // self.stride, 1)
        centres = gather_points(positions, farthest_points(positions, left))
        near = nearest_points(centres, positions, self.neighbours)
        apart = gather_points(positions, near) - centres[:, :, None]
        x = self.linear(torch.cat((apart, gather_points(x, near)), dim=3))
        return centres, over_rows(self.norm, x).relu().amax(dim=2)


class Stage(nn.Module):
    """``Down``, then blocks among the neighbours of what is left.

    Shape
    -----
    As of ``Down``.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int,
        neighbours: int,
        blocks: int,
        groups: int,
    ) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.down = Down(in_channels, channels, stride, neighbours)
        self.blocks = nn.ModuleList(Block(channels, groups) for _ in range(blocks))

    def forward(self, positions: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Positions and features of the points that are left."""
        positions, x = self.down(positions, x)
        near = nearest_points(positions, positions, self.neighbours)
        apart = gather_points(positions, near) - positions[:, :, None]
        for block in self.blocks:
            x = block(x, apart, near)
        return positions, x


class PointTransformer(nn.Module):
    """Classification of clouds: stages of ever fewer points, mean over them, and a classifier.

    Sampling starts from the first point of a cloud, so that the order of points matters a little.

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
    Zhao et al., arXiv:2012.09164, section 3.5 and figure 3; layers as in the authors' code,
    github.com/POSTECH-CVLab/point-transformer, model/pointtransformer; the classifier as in
    github.com/Pointcept/Pointcept, point_transformer_cls.py. Departures: neighbours are found
    once a stage, and are fewer where a stage has fewer points.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        widths: Sequence[int],
        blocks: Sequence[int],
        strides: Sequence[int],
        neighbours: Sequence[int],
        groups: int,
        dense: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.stages = nn.ModuleList()
        before = in_channels
        for width, depth, stride, near in zip(widths, blocks, strides, neighbours, strict=True):
            self.stages.append(
                Stage(before, width, stride=stride, neighbours=near, blocks=depth, groups=groups)
            )
            before = width
        layers: list[nn.Module] = []
        for width in dense:
            layers += [per_cloud(before, width), nn.Dropout(dropout)]
            before = width
        self.head = nn.Sequential(*layers, nn.Linear(before, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch of clouds."""
        check_points("point_transformer", x, self.in_channels)
        positions = x[:, :, :3]
        for stage in self.stages:
            positions, x = stage(positions, x)
        out: Tensor = self.head(x.mean(dim=1))
        return out


def build(
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    *,
    widths: Sequence[int] = (32, 64, 128, 256, 512),
    blocks: Sequence[int] = (1, 1, 1, 1, 1),
    strides: Sequence[int] = (1, 4, 4, 4, 4),
    neighbours: Sequence[int] = (8, 16, 16, 16, 16),
    groups: int = 8,
    dense: Sequence[int] = (256, 128),
    dropout: float = 0.5,
) -> PointTransformer:
    """Point Transformer of any size.

    Parameters
    ----------
    widths, blocks, strides, neighbours
        Of each stage: channels, blocks, points before for each point after, and neighbours that
        each point attends to.
    groups
        Channels that share an attention weight.
    dense
        Widths of the classifier.
    dropout
        Share of the classifier's features left out in training.

    Raises
    ------
    ArgumentError
        Stages that the arguments disagree on, or widths that are no multiple of ``groups``.
    """
    counts = [len(each) for each in (widths, blocks, strides, neighbours)]
    if len(set(counts)) > 1:
        raise ArgumentError(
            "point_transformer.widths: widths, blocks, strides and neighbours must each have one "
            f"number a stage; got {', '.join(map(str, counts))} numbers."
        )
    if any(width % groups for width in widths):
        raise ArgumentError(
            f"point_transformer.widths: must be multiples of groups, {groups}; got {tuple(widths)}."
        )
    return PointTransformer(
        in_channels,
        num_classes,
        widths=widths,
        blocks=blocks,
        strides=strides,
        neighbours=neighbours,
        groups=groups,
        dense=dense,
        dropout=dropout,
    )


add(
    Baseline(
        name="point_transformer",
        build=build,
        # Counted here: no figure is known for classification. The same stages with the decoder
        # for segmentation have the 4.9 million that are quoted for that network.
        parameters=2_159_778,
        source="arXiv:2012.09164, figure 3, one block a stage; points with normals",
        cpu={
            "widths": (32, 64, 128, 192),
            "blocks": (1, 1, 1, 1),
            "strides": (1, 4, 4, 4),
            "neighbours": (8, 12, 12, 12),
            "dense": (128,),
        },
        takes="points",
        example=(6, 40, 1024),
    )
)
