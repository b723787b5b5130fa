"""InceptionNeXt: a large depthwise kernel split into a square, two bands and nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike.baselines.image_limits import check_sides
from neurospike.baselines.initial_weights import draw_weights
from neurospike.baselines.registry import Baseline, add
from neurospike.errors import ArgumentError

EPS = 1e-6
MLP_RATIO = (4, 4, 4, 3)
"""Of the blocks of each stage."""
HEAD_RATIO = 3


class InceptionConv(nn.Module):
    """Depthwise convolutions on four groups of channels: identity, 3 x 3, 1 x band, band x 1.

    Shape
    -----
    in, out: (B, channels, H, W)

    Source
    ------
    arXiv:2303.16900, section 3.2.
    """

    def __init__(self, channels: int, band: int, share: float) -> None:
        super().__init__()
        group = int(channels * share)
        self.groups = [channels - 3 * group, group, group, group]
        side = band // 2
        self.square = nn.Conv2d(group, group, 3, padding=1, groups=group)
        self.row = nn.Conv2d(group, group, (1, band), padding=(0, side), groups=group)
        self.column = nn.Conv2d(group, group, (band, 1), padding=(side, 0), groups=group)

    def forward(self, x: Tensor) -> Tensor:
        kept, square, row, column = torch.split(x, self.groups, dim=1)
        return torch.cat((kept, self.square(square), self.row(row), self.column(column)), dim=1)


class Block(nn.Module):
    """Mixing of pixels, norm, MLP, and one shortcut around them (MetaNeXt).

    Shape
    -----
    in, out: (B, channels, H, W)
    """

    def __init__(
        self, channels: int, ratio: int, *, band: int, share: float, layer_scale: float
    ) -> None:
        super().__init__()
        self.mix = InceptionConv(channels, band, share)
        self.norm = nn.BatchNorm2d(channels)
        self.expand = nn.Conv2d(channels, ratio * channels, 1)
        self.contract = nn.Conv2d(ratio * channels, channels, 1)
        self.scale = nn.Parameter(torch.full((channels, 1, 1), layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.scale * self.contract(F.gelu(self.expand(self.norm(self.mix(x)))))
        return out


class InceptionNeXt(nn.Module):
    """The classifier: a strided stem, four stages of blocks, an MLP on the mean.

    Parameters
    ----------
    widths, depths
        Channels and blocks of each of the four stages.
    patch
        Edge and stride of the stem, in pixels.
    band
        Length of the bands, odd.
    share
        Part of the channels that each of the three convolutions reads, at most a third.
    layer_scale
        Share of each block beside its shortcut before training.

    Shape
    -----
    in:  (B, in_channels, H, W)
    out: logits (B, num_classes)

    Raises
    ------
    ArgumentError
        Widths or depths that are not four, an even band, or a share above a third or of less than
        a channel.

    Source
    ------
    Yu et al., "InceptionNeXt: When Inception Meets ConvNeXt", arXiv:2303.16900, section 3.3;
    bands, shares and initial weights from github.com/sail-sg/inceptionnext. Departures: no
    stochastic depth, which is no part of the network at inference.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        widths: Sequence[int],
        depths: Sequence[int],
        patch: int,
        band: int,
        share: float,
        layer_scale: float,
    ) -> None:
        super().__init__()
        _check(widths, depths, band, share)
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, widths[0], patch, stride=patch),
            nn.BatchNorm2d(widths[0]),
        ]
        inputs = widths[0]
        for index, (width, depth, ratio) in enumerate(zip(widths, depths, MLP_RATIO, strict=True)):
            if index:
                layers += [nn.BatchNorm2d(inputs), nn.Conv2d(inputs, width, 2, stride=2)]
            inputs = width
            layers += [
                Block(width, ratio, band=band, share=share, layer_scale=layer_scale)
                for _ in range(depth)
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(inputs, HEAD_RATIO * inputs),
            nn.GELU(),
            nn.LayerNorm(HEAD_RATIO * inputs, eps=EPS),
            nn.Linear(HEAD_RATIO * inputs, num_classes),
        )
        draw_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layers(x).mean((2, 3)))
        return logits


def _check(widths: Sequence[int], depths: Sequence[int], band: int, share: float) -> None:
    """Refuse what no network can be built of."""
    for name, values in (("widths", widths), ("depths", depths)):
        if len(values) != len(MLP_RATIO):
            raise ArgumentError(
                f"InceptionNeXt.{name}: must be {len(MLP_RATIO)}, one a stage; got {len(values)}."
            )
    if band % 2 == 0:
        raise ArgumentError(
            f"InceptionNeXt.band: must be odd, a band needs a centre; got {band}. Take {band + 1}."
        )
    if not 1 / min(widths) <= share <= 1 / 3:
        raise ArgumentError(
            "InceptionNeXt.share: three groups of at least one channel must fit, so it must lie "
            f"in {1 / min(widths):.3g}..1/3; got {share}."
        )


def build_inceptionnext(
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    *,
    widths: Sequence[int] = (40, 80, 160, 320),
    depths: Sequence[int] = (2, 2, 6, 2),
    patch: int = 4,
    band: int = 9,
    share: float = 0.25,
    layer_scale: float = 1e-6,
) -> nn.Module:
    """InceptionNeXt-A by default; see ``InceptionNeXt`` for the arguments.

    Raises
    ------
    ArgumentError
        Images smaller than the product of the strides, or arguments that ``InceptionNeXt``
        refuses.
    """
    check_sides("inceptionnext", image_size, patch * 8)
    return InceptionNeXt(
        in_channels,
        num_classes,
        widths=widths,
        depths=depths,
        patch=patch,
        band=band,
        share=share,
        layer_scale=layer_scale,
    )


add(
    Baseline(
        name="inceptionnext",
        build=build_inceptionnext,
        parameters=4.2e6,
        source="arXiv:2303.16900, InceptionNeXt-A (github.com/sail-sg/inceptionnext, atto)",
        least=(32, 16),
        # Small images keep twice the pixels, and few steps need branches that already act: 0.1 is
        # what arXiv:2103.17239, section 2, starts networks of up to 18 layers at.
        cpu={
            "widths": (24, 48, 96, 192),
            "depths": (1, 1, 3, 1),
            "patch": 2,
            "layer_scale": 0.1,
        },
    )
)
