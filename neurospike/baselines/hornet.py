"""HorNet: spatial interactions of higher order by recursive gated convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike.baselines.channel_norm import ChannelNorm
from neurospike.baselines.image_limits import check_sides
from neurospike.baselines.initial_weights import draw_weights
from neurospike.baselines.registry import Baseline, add
from neurospike.errors import ArgumentError

EPS = 1e-6
ORDERS = (2, 3, 4, 5)
"""Of the gated convolutions of each stage."""
GATE_SCALE = 1 / 3
"""1 / alpha: products of many gates stay small."""


class GatedConv(nn.Module):
    """Recursive gated convolution, gnConv: products of neighbourhoods, ``order`` of them.

    Channels double from product to product, so that the early ones are cheap.

    Shape
    -----
    in, out: (B, channels, H, W)

    Source
    ------
    arXiv:2207.14284, section 3.1, with one 7 x 7 depthwise convolution for all gates.
    """

    def __init__(self, channels: int, order: int) -> None:
        super().__init__()
        self.widths = [channels // 2**i for i in reversed(range(order))]
        gates = sum(self.widths)
        self.enter = nn.Conv2d(channels, 2 * channels, 1)
        self.neighbours = nn.Conv2d(gates, gates, 7, padding=3, groups=gates)
        self.widen = nn.ModuleList(nn.Conv2d(width, 2 * width, 1) for width in self.widths[:-1])
        self.leave = nn.Conv2d(channels, channels, 1)

    def start_lively(self) -> None:
        """Draw weights as torch does, so that products of gates of few channels are felt.

        At a width of 0.02 the branches of a network of 24 to 192 channels start between 1e-8 and
        1e-18; their slopes drown in Adam's epsilon, and a short training leaves some so.
        """
        for part in (self.enter, self.neighbours, *self.widen, self.leave):
            part.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.widths[0], sum(self.widths)]
        product, rest = torch.split(self.enter(x), parts, dim=1)
        first, *gates = torch.split(GATE_SCALE * self.neighbours(rest), self.widths, dim=1)
        product = product * first
        for widen, gate in zip(self.widen, gates, strict=True):
            product = widen(product) * gate
        out: Tensor = self.leave(product)
        return out


class Block(nn.Module):
    """A gated convolution and an MLP, each a shortcut whose share is learned channel by channel.

    Shape
    -----
    in, out: (B, channels, H, W)
    """

    def __init__(self, channels: int, order: int, layer_scale: float) -> None:
        super().__init__()
        self.space_norm = ChannelNorm(channels)
        self.space = GatedConv(channels, order)
        self.space_scale = nn.Parameter(torch.full((channels, 1, 1), layer_scale))
        self.channel_norm = nn.LayerNorm(channels, eps=EPS)
        self.expand = nn.Linear(channels, 4 * channels)
        self.contract = nn.Linear(4 * channels, channels)
        self.channel_scale = nn.Parameter(torch.full((channels,), layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.space_scale * self.space(self.space_norm(x))
        y = self.channel_norm(x.permute(0, 2, 3, 1))
        y = self.channel_scale * self.contract(F.gelu(self.expand(y)))
        out: Tensor = x + y.permute(0, 3, 1, 2)
        return out


class HorNet(nn.Module):
    """The classifier: a strided stem, four stages of gated blocks, a head on the mean.

    Parameters
    ----------
    width
        Channels of the first stage, even; they double from stage to stage.
    depths
        Blocks of each of the four stages.
    patch
        Edge and stride of the stem, in pixels.
    layer_scale
        Share of each branch beside its shortcut before training.
    lively
        Gates start as ``GatedConv.start_lively`` says, else as the authors'.

    Shape
    -----
    in:  (B, in_channels, H, W)
    out: logits (B, num_classes)

    Raises
    ------
    ArgumentError
        An odd width, or depths that are not four.

    Source
    ------
    Rao et al., "HorNet: Efficient High-Order Spatial Interactions with Recursive Gated
    Convolutions", arXiv:2207.14284, section 3.2; orders, scale and initial weights from
    github.com/raoyongming/HorNet. Departures: no stochastic depth, which is no part of the
    network at inference.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        width: int,
        depths: Sequence[int],
        patch: int,
        layer_scale: float,
        lively: bool = False,
    ) -> None:
        super().__init__()
        if width < 2 or width % 2:
            raise ArgumentError(
                f"HorNet.width: must be even, since gates halve it; got {width}. Take "
                f"{2 * max(width // 2, 1)}."
            )
        if len(depths) != len(ORDERS):
            raise ArgumentError(
                f"HorNet.depths: must be {len(ORDERS)}, one a stage; got {len(depths)}."
            )
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, width, patch, stride=patch),
            ChannelNorm(width),
        ]
        for index, (depth, order) in enumerate(zip(depths, ORDERS, strict=True)):
            if index:
                layers += [
                    ChannelNorm(width),
                    nn.Conv2d(width, 2 * width, 2, stride=2),
                ]
                width *= 2
            layers += [Block(width, order, layer_scale) for _ in range(depth)]
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, num_classes)
        draw_weights(self)
        if lively:
            for part in self.modules():
                if isinstance(part, GatedConv):
                    part.start_lively()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(self.layers(x).mean((2, 3))))
        return logits


def build_hornet(
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    *,
    width: int = 64,
    depths: Sequence[int] = (2, 3, 18, 2),
    patch: int = 4,
    layer_scale: float = 1e-6,
    lively: bool = False,
) -> nn.Module:
    """HorNet-T with 7 x 7 convolutions by default; see ``HorNet`` for the arguments.

    Raises
    ------
    ArgumentError
        Images smaller than the product of the strides, or arguments that ``HorNet`` refuses.
    """
    check_sides("hornet", image_size, patch * 8)
    return HorNet(
        in_channels,
        num_classes,
        width=width,
        depths=depths,
        patch=patch,
        layer_scale=layer_scale,
        lively=lively,
    )


add(
    Baseline(
        name="hornet",
        build=build_hornet,
        parameters=22_409_512,
        source="arXiv:2207.14284, HorNet-T 7x7 (22 M; exact: mmpretrain's model zoo)",
        least=(32, 16),
        # Small images keep twice the pixels, and few steps need branches that already act: 0.1 is
        # what arXiv:2103.17239, section 2, starts networks of up to 18 layers at.
        cpu={
            "width": 24,
            "depths": (1, 1, 3, 1),
            "patch": 2,
            "layer_scale": 0.1,
            "lively": True,
        },
    )
)
