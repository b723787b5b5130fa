"""MetaFormers: one network, four ways to mix its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neurospike.baselines.initial_weights import draw_weights
from neurospike.baselines.registry import Baseline, add
from neurospike.baselines.star_relu import StarReLU
from neurospike.baselines.token_mixers import HEAD_WIDTH, MIXERS, RandomMixing
from neurospike.baselines.transformer import EPSILON, Block, feed_forward
from neurospike.errors import ArgumentError

SCALED_FROM = 2
"""The stage from which on shortcuts are scaled."""


class ImageNorm(nn.Module):
    """Norm over all numbers of a sample, with a scale per channel.

    Shape
    -----
    in:  (B, H, W, C)
    out: the same
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[1:], eps=EPSILON) * self.weight


def channel_norm(width: int) -> nn.LayerNorm:
    """Norm over the channels of each token, with a scale and no shift."""
    return nn.LayerNorm(width, eps=EPSILON, bias=False)


class Head(nn.Module):
    """Classifier with one hidden layer, four times as wide as its input.

    Shape
    -----
    in:  (B, width)
    out: (B, num_classes)
    """

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 4 * width)
        self.norm = nn.LayerNorm(4 * width)
        self.classify = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.classify(self.norm(F.relu(self.hidden(x)).square()))
        return out


class Down(nn.Module):
    """A convolution that downsamples, with a norm before it, or in the stem after it.

    Shape
    -----
    in:  (B, H, W, before)
    out: (B, H', W', width), of the sides that ``sides`` tells
    """

    def __init__(self, before: int, width: int, kernel: int, stride: int, *, stem: bool) -> None:
        super().__init__()
        self.stem = stem
        self.norm = channel_norm(width if stem else before)
        self.conv = nn.Conv2d(before, width, kernel, stride, (kernel + 1 - stride) // 2)

    def sides(self, grid: tuple[int, int]) -> tuple[int, int]:
        """Height and width that come out, less than 1 where the kernel finds no place."""
        (kernel, _), (stride, _), margin = (
            self.conv.kernel_size,
            self.conv.stride,
            self.conv.padding,
        )
        height, width = ((s + 2 * int(margin[0]) - kernel) // stride + 1 for s in grid)
        return height, width

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.stem else self.norm(x)
        x = self.conv(x.movedim(-1, 1)).movedim(1, -1)
        return self.norm(x) if self.stem else x


class MetaFormer(nn.Module):
    """Stages of blocks, each behind a convolution that downsamples.

    Parameters
    ----------
    image_size
        Height and width.
    mixers
        One a stage: "identity", "random", "conv" or "attention".
    depths, widths
        Blocks and channels of each stage.
    stem_stride
        How much the first convolution, of kernel 7, downsamples; the others halve the sides.
    basic
        As IdentityFormer and RandFormer are: norms over whole images, and a linear classifier.
        ConvFormer and CAFormer have norms over channels, and a classifier with a hidden layer.

    Shape
    -----
    in:  (B, in_channels, H, W)
    out: logits (B, num_classes)

    Raises
    ------
    ArgumentError
        Mixers, depths and widths of different lengths, an unknown mixer, a width that heads of
        attention do not divide, or an image that is too small for the stem.

    Source
    ------
    Yu et al., arXiv:2210.13452, figure 2; github.com/sail-sg/metaformer. Departures: no stochastic
    depth, which is a matter of training.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        image_size: tuple[int, int],
        *,
        mixers: Sequence[str],
        depths: Sequence[int],
        widths: Sequence[int],
        stem_stride: int,
        basic: bool,
    ) -> None:
        super().__init__()
        _check(mixers, depths, widths)
        layers: list[nn.Module] = []
        grid, before = image_size, in_channels
        for index, (mixer, depth, width) in enumerate(zip(mixers, depths, widths, strict=True)):
            stem = index == 0
            kernel, stride = (7, stem_stride) if stem else (3, 2)
            down = Down(before, width, kernel, stride, stem=stem)
            grid, before = down.sides(grid), width
            if min(grid) < 1:
                raise ArgumentError(
                    f"metaformer.image_size: leaves nothing behind a stem of stride {stem_stride}; "
                    f"got {image_size[0]} x {image_size[1]}. Take larger images or stem_stride=1."
                )
            layers.append(down)
            layers += [
                Block(
                    width,
                    MIXERS[mixer](width, grid),
                    feed_forward(width, StarReLU(), bias=False),
                    norm=ImageNorm if basic else channel_norm,
                    scaled=index >= SCALED_FROM,
                )
                for _ in range(depth)
            ]
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(before, eps=EPSILON)
        self.head = nn.Linear(before, num_classes) if basic else Head(before, num_classes)
        draw_weights(self)
        for part in self.modules():
            if isinstance(part, RandomMixing):
                part.draw_shares()

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.layers(x.movedim(1, -1))
        logits: Tensor = self.head(self.norm(tokens.mean((1, 2))))
        return logits


def _check(mixers: Sequence[str], depths: Sequence[int], widths: Sequence[int]) -> None:
    if not len(mixers) == len(depths) == len(widths) > 0:
        raise ArgumentError(
            "metaformer.mixers: one mixer, depth and width a stage; got "
            f"{len(mixers)}, {len(depths)} and {len(widths)}."
        )
    for mixer, width in zip(mixers, widths, strict=True):
        if mixer not in MIXERS:
            raise ArgumentError(
                f"metaformer.mixers: must be among {', '.join(MIXERS)}; got {mixer!r}."
            )
        if mixer == "attention" and width % HEAD_WIDTH:
            raise ArgumentError(
                f"metaformer.widths: must be a multiple of {HEAD_WIDTH}, the width of a head, "
                f"where the mixer is attention; got {width}."
            )


def _add(name: str, mixers: Sequence[str], parameters: float, *, basic: bool) -> None:
    """S12 where basic, S18 elsewhere; the CPU size halves the stem's stride for small images."""
    add(
        Baseline(
            f"metaformer:{name}",
            MetaFormer,
            parameters=parameters,
            source="arXiv:2210.13452",
            published={
                "mixers": mixers,
                "depths": (2, 2, 6, 2) if basic else (3, 3, 9, 3),
                "widths": (64, 128, 320, 512),
                "stem_stride": 4,
                "basic": basic,
            },
            cpu={
                "mixers": mixers,
                "depths": (1, 1, 3, 1),
                "widths": (24, 48, 96, 128),
                "stem_stride": 2,
                "basic": basic,
            },
        )
    )


_add("identity", ("identity",) * 4, 11.9e6, basic=True)
# The paper says 11.9 + 0.2: what is trained, and the random matrices.
_add("rand", ("identity", "identity", "random", "random"), 12.1e6, basic=True)
_add("conv", ("conv",) * 4, 27e6, basic=False)
_add("ca", ("conv", "conv", "attention", "attention"), 26e6, basic=False)
