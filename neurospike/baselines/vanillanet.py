"""VanillaNet: a few wide layers without shortcuts, trained deeper than they are deployed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike.baselines.image_limits import check_sides
from neurospike.baselines.initial_weights import draw_weights
from neurospike.baselines.merging import fold_norm
from neurospike.baselines.registry import Baseline, add
from neurospike.errors import ArgumentError, StateError

EPS = 1e-6


class SeriesActivation(nn.Module):
    """ReLU, then a learned sum of its neighbours in the same channel, normalised.

    Shape
    -----
    in, out: (B, channels, H, W)

    Source
    ------
    arXiv:2305.12972, section 3.2, equation 6: a depthwise convolution over 2 n + 1 places a side.
    """

    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        self.series = nn.Conv2d(
            channels, channels, 2 * reach + 1, padding=reach, groups=channels, bias=False
        )
        self.norm: nn.Module = nn.BatchNorm2d(channels, eps=EPS)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.series(torch.relu(x)))
        return out

    def merge(self) -> None:
        """Fold the norm into the convolution."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.series = fold_norm(self.series, self.norm)
            self.norm = nn.Identity()


class Pair(nn.Module):
    """A convolution and a 1 x 1 one, with an activation between them that training fades out.

    The activation is A'(x) = (1 - a) ReLU(x) + a x; at a = ``act_learn`` = 1 the two are one.

    Parameters
    ----------
    first
        The first convolution, with a bias.
    outputs
        Channels of the second one.
    normed
        Whether a norm follows the second one, too.

    Source
    ------
    arXiv:2305.12972, section 3.1, equation 1 and the merging below it.
    """

    act_learn: Tensor

    def __init__(self, first: nn.Conv2d, outputs: int, *, normed: bool = True) -> None:
        super().__init__()
        middle = first.out_channels
        self.first = first
        self.first_norm: nn.Module = nn.BatchNorm2d(middle, eps=EPS)
        self.second: nn.Conv2d | None = nn.Conv2d(middle, outputs, 1)
        self.second_norm = nn.BatchNorm2d(outputs, eps=EPS) if normed else nn.Identity()
        # A buffer: a checkpoint from the middle of training must compute what was trained.
        self.register_buffer("act_learn", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first_norm(self.first(x))
        if self.second is None:
            return x
        out: Tensor = self.second_norm(self.second(F.prelu(x, self.act_learn)))
        return out

    def merge(self) -> None:
        """Make one convolution of the two and their norms.

        Raises
        ------
        StateError
            An activation that still bends.
        """
        if self.second is None:
            return
        faded = float(self.act_learn)
        if faded != 1:
            raise StateError(
                f"VanillaNet.act_learn: must be 1 before layers can merge; got {faded:g}. Train "
                "until the activation has faded, or set act_learn = 1 and train on."
            )
        first, second = self.first, self.second
        if isinstance(self.first_norm, nn.BatchNorm2d):
            first = fold_norm(first, self.first_norm)
        if isinstance(self.second_norm, nn.BatchNorm2d):
            second = fold_norm(second, self.second_norm)
        self.first = _product(first, second)
        self.first_norm = self.second_norm = nn.Identity()
        self.second = None


class VanillaNet(nn.Module):
    """The classifier: a strided stem, pairs of 1 x 1 convolutions with pooling, a pair as head.

    Parameters
    ----------
    widths
        Channels of the stem and of each stage.
    strides
        Of each stage, one fewer than widths.
    patch
        Edge and stride of the stem, in pixels.
    reach
        Neighbours on either side that an activation sums over.

    Shape
    -----
    in:  (B, in_channels, H, W)
    out: logits (B, num_classes)

    Raises
    ------
    ArgumentError
        As many strides as widths, or more; or fewer than widths less one.

    Source
    ------
    Chen et al., "VanillaNet: the Power of Minimalism in Deep Learning", arXiv:2305.12972,
    section 2; widths, norms and initial weights from github.com/huawei-noah/VanillaNet.
    Departures: none; dropout before the head, 0.05 in the authors' recipe, is left out.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        widths: Sequence[int],
        strides: Sequence[int],
        patch: int,
        reach: int = 3,
    ) -> None:
        super().__init__()
        if len(strides) != len(widths) - 1:
            raise ArgumentError(
                "VanillaNet.strides: must be one fewer than widths, the stem having its own; got "
                f"{len(strides)} for {len(widths)} widths."
            )
        stem = nn.Conv2d(in_channels, widths[0], patch, stride=patch)
        layers: list[nn.Module] = [Pair(stem, widths[0]), SeriesActivation(widths[0], reach)]
        for inputs, outputs, stride in zip(widths, widths[1:], strides, strict=False):
            layers.append(Pair(nn.Conv2d(inputs, inputs, 1), outputs))
            if stride > 1:
                layers.append(nn.MaxPool2d(stride))
            layers.append(SeriesActivation(outputs, reach))
        head = Pair(nn.Conv2d(widths[-1], num_classes, 1), num_classes, normed=False)
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), head, nn.Flatten())
        draw_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits

    @property
    def act_learn(self) -> float:
        """How far the activations inside pairs have faded: 0 is ReLU, 1 nothing.

        The deep training strategy raises it from 0 to 1, in the authors' recipe evenly over the
        first 100 of 300 epochs, and trains on at 1. A new network stands at 1, as the authors'.

        Raises
        ------
        ArgumentError
            A value outside 0..1.
        """
        return float(self._pairs()[0].act_learn)

    @act_learn.setter
    def act_learn(self, value: float) -> None:
        if not 0 <= value <= 1:
            raise ArgumentError(f"VanillaNet.act_learn: must lie in 0..1; got {value}.")
        for pair in self._pairs():
            pair.act_learn.fill_(value)

    def _pairs(self) -> list[Pair]:
        return [part for part in self.layers if isinstance(part, Pair)]


def _product(first: nn.Conv2d, second: nn.Conv2d) -> nn.Conv2d:
    """One convolution in the place of two, the second of them 1 x 1; both have biases."""
    if first.bias is None or second.bias is None:
        raise ArgumentError("VanillaNet.merge: both convolutions of a pair must have a bias.")
    # Long sums of products: in float32 they would be off by more than the layers' own rounding.
    across = second.weight.detach().flatten(1).double()
    weight = torch.einsum("om,mihw->oihw", across, first.weight.detach().double())
    bias = across @ first.bias.detach().double() + second.bias.detach().double()
    merged = nn.Conv2d(
        first.in_channels,
        second.out_channels,
        (first.weight.shape[2], first.weight.shape[3]),
        stride=(first.stride[0], first.stride[1]),
        device=weight.device,
        dtype=first.weight.dtype,
    )
    merged.weight = nn.Parameter(weight.to(first.weight))
    merged.bias = nn.Parameter(bias.to(first.weight))
    return merged


def build_vanillanet(
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    *,
    widths: Sequence[int] = (512, 1024, 2048, 4096),
    strides: Sequence[int] = (2, 2, 2),
    patch: int = 4,
    reach: int = 3,
) -> nn.Module:
    """VanillaNet-5 by default; see ``VanillaNet`` for the arguments.

    Raises
    ------
    ArgumentError
        Images smaller than the product of the strides, or strides that do not fit the widths.

    Examples
    --------
    >>> from neurospike.baselines.merging import deployed
    >>> network = build_vanillanet(1, 10, (32, 32), widths=(8, 16, 32, 64))
    >>> network.act_learn = 0.0  # training raises it to 1, step by step
    >>> network.act_learn = 1.0
    >>> [sum(p.numel() for p in form.parameters()) for form in (network, deployed(network))]
    [11676, 9586]
    """
    check_sides("vanillanet", image_size, patch * math.prod(strides))
    return VanillaNet(
        in_channels, num_classes, widths=widths, strides=strides, patch=patch, reach=reach
    )


add(
    Baseline(
        name="vanillanet",
        build=build_vanillanet,
        parameters=15.5e6,
        source="arXiv:2305.12972, VanillaNet-5; parameters of the deployed form",
        least=(32, 32),
        # Three sixteenths of the published widths; the strides leave 2 x 2 of 64 pixels.
        cpu={"widths": (96, 192, 384, 768)},
    )
)
