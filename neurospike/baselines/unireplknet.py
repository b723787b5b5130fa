"""UniRepLKNet: large depthwise kernels that are trained as several dilated branches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from neurospike.baselines.channel_norm import ChannelNorm
from neurospike.baselines.initial_weights import draw_weights
from neurospike.baselines.merging import NormedConv, fold_norm
from neurospike.baselines.registry import Baseline, add
from neurospike.errors import ArgumentError

PLAIN = (3, 5)
"""Edges of kernels without branches."""

BRANCHES: dict[int, tuple[tuple[int, int], ...]] = {
    7: ((5, 1), (3, 2), (3, 3)),
    9: ((5, 1), (5, 2), (3, 3), (3, 4)),
    11: ((5, 1), (5, 2), (3, 3), (3, 4), (3, 5)),
    13: ((5, 1), (7, 2), (3, 3), (3, 4), (3, 5)),
    15: ((5, 1), (7, 2), (3, 3), (3, 5), (3, 7)),
    17: ((5, 1), (9, 2), (3, 4), (3, 5), (3, 7)),
}
"""Edge of a large kernel: edge and dilation of each branch beside it, as in the authors' code."""

SMALLEST = 1e-6
"""Keeps the response of a blank image finite, as in the authors' code."""


class DilatedKernel(nn.Module):
    """A large depthwise kernel beside dilated small ones, each with its norm, summed and normed.

    ``merge`` makes all of it one convolution.

    Shape
    -----
    in, out: (B, C, H, W)

    Source
    ------
    Ding et al., arXiv:2311.15599, section 3.1, "dilated reparam block".
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        shapes = ((kernel_size, 1), *BRANCHES[kernel_size])
        self.branches = nn.ModuleList(NormedConv(depthwise(channels, *shape)) for shape in shapes)
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Add the branches up, then normalise."""
        total: Tensor = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        out: Tensor = self.norm(total)
        return out

    def merge(self) -> None:
        """Write every branch into the large kernel, then fold the norm of their sum, once."""
        if isinstance(self.norm, nn.Identity):
            return
        branches = cast("list[NormedConv]", list(self.branches))
        for branch in branches:
            branch.merge()
        large = branches[0].conv
        kernels = [_in_window(branch.conv, large.kernel_size[0]) for branch in branches]
        biases = [branch.conv.bias for branch in branches if branch.conv.bias is not None]
        large.weight = nn.Parameter(torch.stack(kernels).sum(0))
        large.bias = nn.Parameter(torch.stack(biases).sum(0))
        self.branches = nn.ModuleList([fold_norm(large, self.norm)])
        self.norm = nn.Identity()


class Block(nn.Module):
    """A depthwise kernel, squeeze and excitation, and two pointwise layers, beside a shortcut.

    The kernel is a ``DilatedKernel`` from an edge of 7. Between the pointwise layers stand GELU
    and global response normalisation.

    Source
    ------
    Ding et al., arXiv:2311.15599, figure 2. Squeeze and excitation: Hu et al., arXiv:1709.01507;
    response normalisation: Woo et al., arXiv:2301.00808, section 3. Stochastic depth, a matter of
    training, is left out.
    """

    def __init__(self, channels: int, kernel_size: int, layer_scale: float) -> None:
        super().__init__()
        hidden = 4 * channels
        if kernel_size in PLAIN:
            self.spatial: nn.Module = NormedConv(depthwise(channels, kernel_size))
        else:
            self.spatial = DilatedKernel(channels, kernel_size)
        self.squeeze = nn.Conv2d(channels, channels // 4, 1)
        self.excite = nn.Conv2d(channels // 4, channels, 1)
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.act = nn.GELU()
        self.response_gain = nn.Parameter(torch.zeros(hidden, 1, 1))
        self.response_shift: nn.Parameter | None = nn.Parameter(torch.zeros(hidden, 1, 1))
        self.project = NormedConv(nn.Conv2d(hidden, channels, 1, bias=False))
        self.layer_scale: nn.Parameter | None = nn.Parameter(
            torch.full((channels, 1, 1), layer_scale)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) of the same shape."""
        y: Tensor = self.spatial(x)
        gate = self.excite(torch.relu(self.squeeze(y.mean(dim=(2, 3), keepdim=True))))
        y = self.act(self.expand(y * gate.sigmoid()))
        norms = torch.linalg.vector_norm(y, dim=(2, 3), keepdim=True)
        response = norms / (norms.mean(dim=1, keepdim=True) + SMALLEST)
        y = y * (self.response_gain * response + 1)
        if self.response_shift is not None:
            y = y + self.response_shift
        y = self.project(y)
        return x + (y if self.layer_scale is None else y * self.layer_scale)

    def merge(self) -> None:
        """Fold what only shifts and scales into the last pointwise layer, once."""
        if self.response_shift is None or self.layer_scale is None:
            return
        self.project.merge()
        last = self.project.conv
        shift = last.weight.flatten(1) @ self.response_shift.flatten()
        scale = self.layer_scale.flatten()
        last.bias = nn.Parameter((shift if last.bias is None else last.bias + shift) * scale)
        last.weight = nn.Parameter(last.weight * scale.reshape(-1, 1, 1, 1))
        self.response_shift = self.layer_scale = None


class UniRepLKNet(nn.Module):
    """Four stages of ``Block``, each after a convolution of stride 2; mean, norm and classifier.

    Shape
    -----
    in:  (B, in_channels, H, W), any H and W
    out: (B, num_classes)

    Source
    ------
    Ding et al., arXiv:2311.15599, section 3.2; the stem and initial weights as in the authors'
    code, github.com/AILab-CVC/UniRepLKNet, unireplknet.py.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        widths: Sequence[int],
        kernels: Sequence[Sequence[int]],
        stem_strides: tuple[int, int],
        layer_scale: float,
    ) -> None:
        super().__init__()
        first = widths[0]
        parts: list[nn.Module] = [
            nn.Conv2d(in_channels, first // 2, 3, stem_strides[0], 1),
            ChannelNorm(first // 2),
            nn.GELU(),
            nn.Conv2d(first // 2, first, 3, stem_strides[1], 1),
            ChannelNorm(first),
        ]
        for stage, (width, edges) in enumerate(zip(widths, kernels, strict=True)):
            if stage:
                parts += [nn.Conv2d(widths[stage - 1], width, 3, 2, 1), ChannelNorm(width)]
            parts += [Block(width, edge, layer_scale) for edge in edges]
        self.features = nn.Sequential(*parts)
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)
        self.head = nn.Linear(widths[-1], num_classes)
        draw_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch of images."""
        out: Tensor = self.head(self.norm(self.features(x).mean(dim=(2, 3))))
        return out


def build(
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    *,
    widths: Sequence[int],
    kernels: Sequence[Sequence[int]],
    stem_strides: tuple[int, int] = (2, 2),
    layer_scale: float = 1e-6,
) -> UniRepLKNet:
    """UniRepLKNet of any size.

    Parameters
    ----------
    widths
        Channels of each stage, each at least 4.
    kernels
        Edges of the depthwise kernels: one sequence a stage, one number a block.
    stem_strides
        Of the two convolutions before the first stage.
    layer_scale
        What each block's output is multiplied by at first.

    Raises
    ------
    ArgumentError
        An edge without branches, or widths and kernels of different numbers of stages.
    """
    if len(widths) != len(kernels) or min(widths) < 4:
        raise ArgumentError(
            f"unireplknet.widths: must be one number, at least 4, for each of the {len(kernels)} "
            f"stages of kernels; got {tuple(widths)}."
        )
    unknown = sorted({edge for edges in kernels for edge in edges} - {*PLAIN, *BRANCHES})
    if unknown:
        known = ", ".join(map(str, (*PLAIN, *BRANCHES)))
        raise ArgumentError(f"unireplknet.kernels: edges must be among {known}; got {unknown[0]}.")
    return UniRepLKNet(
        in_channels,
        num_classes,
        widths=widths,
        kernels=kernels,
        stem_strides=stem_strides,
        layer_scale=layer_scale,
    )


def depthwise(channels: int, kernel_size: int, dilation: int = 1) -> nn.Conv2d:
    """A depthwise convolution that keeps height and width, without bias."""
    padding = dilation * (kernel_size - 1) // 2
    return nn.Conv2d(
        channels,
        channels,
        kernel_size,
        padding=padding,
        dilation=dilation,
        groups=channels,
        bias=False,
    )


def _in_window(conv: nn.Conv2d, edge: int) -> Tensor:
    """The kernel of a dilated depthwise convolution, as that of a larger window."""
    dilation, reach = conv.dilation[0], conv.dilation[0] * (conv.kernel_size[0] - 1) + 1
    first = (edge - reach) // 2
    taps = slice(first, first + reach, dilation)
    wide = conv.weight.new_zeros(conv.out_channels, 1, edge, edge)
    wide[:, :, taps, taps] = conv.weight
    return wide


add(
    Baseline(
        name="unireplknet",
        build=build,
        parameters=4.4e6,
        source="arXiv:2311.15599, size A; parameters in the form that is deployed",
        published={
            "widths": (40, 80, 160, 320),
            "kernels": ((3, 3), (13, 13), (13,) * 6, (13, 13)),
        },
        # A stem of stride 2, kernels no wider than the maps of 64 pixels that they see, and a
        # scale for networks of few layers (Touvron et al., arXiv:2103.17239, section 2).
        cpu={
            "widths": (20, 40, 80, 160),
            "kernels": ((3, 3), (13, 13), (9,) * 4, (7, 7)),
            "stem_strides": (2, 1),
            "layer_scale": 0.1,
        },
    )
)
