"""Rules of conventional layers without synapses: activations, pooling, norms, reshaping."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.hw.fan_out import conv_fan_out, events_through, over_axes, shape_of
from neurospike.hw.operations import Call, Operations
from neurospike.hw.origins import Trail
from neurospike.hw.registry import counts
from neurospike.nn import QuantisedReLU, ReLU, SequenceDropout

ELEMENTWISE = "element-wise"


@counts(
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    SequenceDropout,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.ChannelShuffle,
    nn.Unfold,
    nn.ZeroPad1d,
    nn.ZeroPad2d,
    nn.ZeroPad3d,
    nn.ReflectionPad1d,
    nn.ReflectionPad2d,
    nn.ReflectionPad3d,
    nn.ReplicationPad1d,
    nn.ReplicationPad2d,
    nn.ReplicationPad3d,
    nn.CircularPad1d,
    nn.CircularPad2d,
    nn.CircularPad3d,
    nn.UpsamplingNearest2d,
)
def moves(_call: Call) -> Operations:
    """Numbers are moved or copied; what they are stays what it was."""
    return Operations(emits="same")


@counts(
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
    nn.ReLU,
    ReLU,
    "neurospike.models.detection.voxel_query.VoxelQuery",
)
def selects(_call: Call) -> Operations:
    """Comparisons: neither products nor sums, and the largest of spikes is a spike."""
    return Operations(emits="same", note=ELEMENTWISE)


@counts(
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.LogSoftmax,
    nn.Mish,
    nn.PReLU,
    nn.RReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softmax,
    nn.Softmax2d,
    nn.Softmin,
    nn.Softplus,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Threshold,
    QuantisedReLU,
    "transformers.activations.*",
    "neurospike.baselines.star_relu.StarReLU",
)
def activation(_call: Call) -> Operations:
    """A function of each number: no convention counts it, and its output is real."""
    return Operations(note=ELEMENTWISE)


@counts(nn.GLU)
def gated(call: Call) -> Operations:
    """One product per output: the gate."""
    return Operations(macs=call.out_values.numel(), note="gate")


@counts(nn.Upsample)
def upsample(call: Call) -> Operations:
    """Copies where nearest; else a weighted sum of the corners."""
    mode = str(call.layer.mode)
    if mode.startswith("nearest"):
        return Operations(emits="same")
    return Operations(macs=call.out_values.numel() * INTERPOLATION_TAPS[mode])


INTERPOLATION_TAPS = {"linear": 2, "bilinear": 4, "trilinear": 8, "bicubic": 16}


@counts(
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)
def batch_norm(call: Call) -> Operations:
    """Folded into the synapses before it; what is left is their bias.

    Only statistics of training fold: a layer that keeps none takes those of each input.
    """
    layer: Any = call.layer
    if layer.running_mean is None:
        return token_norm(call)
    return folded_norm(call.values.numel(), call.trail)


def folded_norm(numbers: int, trail: int) -> Operations:
    """What BatchNorm costs at inference, by what stands before it."""
    if trail == Trail.BIASED:
        return Operations(note="folded")
    if trail == Trail.WEIGHTS:
        return Operations(acs=numbers, note="folded: bias")
    return Operations(macs=numbers, note="scale and shift")


@counts(nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, "neurospike.baselines.metaformer.ImageNorm")
def token_norm(call: Call) -> Operations:
    """Statistics of each input, at run time: nothing folds."""
    n = call.values.numel()
    # Squares and the scale with its shift; the mean's sum and its subtraction.
    return Operations(macs=2 * n, acs=0 if isinstance(call.layer, nn.RMSNorm) else 2 * n)


@counts(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def average_pool(call: Call) -> Operations:
    """Sums over windows; the mean of spikes is a real number."""
    layer: Any = call.layer
    values, out = call.values, call.out_values
    axes = {nn.AvgPool1d: 1, nn.AvgPool2d: 2, nn.AvgPool3d: 3}
    n = next(count for kind, count in axes.items() if isinstance(layer, kind))
    kernel, stride, padding = (
        shape_of(v) if isinstance(v, (tuple, list)) else (int(v),) * n
        for v in (layer.kernel_size, layer.stride, layer.padding)
    )
    shape = shape_of(values.shape[-n:])
    border: list[int] = []
    for i, o, k, s, p in reversed(
        list(zip(shape, out.shape[-n:], kernel, stride, padding, strict=True))
    ):
        border += [p, max((o - 1) * s + k - i - p, 0)]  # ceil_mode opens windows past the edge
    fan_out = conv_fan_out(shape, kernel, stride, (0,) * n, (1,) * n, (tuple(border), "constant"))
    return pooled(values, fan_out, out.numel(), call.spikes)


@counts(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_average_pool(call: Call) -> Operations:
    """Sums over windows that divide the input."""
    values, out = call.values, call.out_values
    axes = {nn.AdaptiveAvgPool1d: 1, nn.AdaptiveAvgPool2d: 2, nn.AdaptiveAvgPool3d: 3}
    n = next(count for kind, count in axes.items() if isinstance(call.layer, kind))
    return pooled(
        values,
        adaptive_fan_out(shape_of(values.shape[-n:]), shape_of(out.shape[-n:])),
        out.numel(),
        call.spikes,
    )


def adaptive_fan_out(shape: tuple[int, ...], out: tuple[int, ...]) -> Tensor:
    """How many adaptive windows hold each position."""
    lines = []
    for size, windows in zip(shape, out, strict=True):
        line = torch.zeros(size, dtype=torch.float64)
        for w in range(windows):
            line[w * size // windows : math.ceil((w + 1) * size / windows)] += 1
        lines.append(line)
    return over_axes(lines)


def pooled(values: Tensor, fan_out: Tensor, outputs: int, spikes: bool) -> Operations:
    """Additions of a pooling: one an event and window for spikes, else a window's size less one."""
    if spikes:
        return Operations(acs=events_through(values, fan_out), emits="sums", note="event sums")
    rows = values.numel() // max(fan_out.numel(), 1)
    return Operations(acs=max(rows * float(fan_out.sum()) - outputs, 0.0))
