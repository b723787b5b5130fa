"""Rules of pooling on grids, and of layers that do nothing in evaluation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import nn

from neurospike.hw.fan_out import shape_of
from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.nodes import Labels, Sent
from neurospike.hw.lowering.registry import lowers
from neurospike.hw.neuron_models import LIFModel
from neurospike.hw.wiring import Window
from neurospike.nn import SequenceDropout


@lowers(
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    SequenceDropout,
)
def nothing(call: LayerCall) -> Labels:
    """Numbers stay what and where they were."""
    return call.unchanged()


@lowers(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def average(call: LayerCall) -> Labels:
    """Without overlap an address; else synapses of equal weight."""
    layer: Any = call.layer
    axes = _axes(layer)
    kernel, stride, padding = (
        _edges(value, axes) for value in (layer.kernel_size, layer.stride, layer.padding)
    )
    space = call.input.shape[-axes:]
    uneven = any(
        (n + 2 * p - k) % s for n, k, s, p in zip(space, kernel, stride, padding, strict=True)
    )
    if getattr(layer, "divisor_override", None) or (layer.ceil_mode and uneven):
        raise call.refuse("divides by another number than its window has places")
    if any(padding) and not layer.count_include_pad:
        raise call.refuse("divides by fewer places at the border, which shared weights cannot")
    if kernel == stride and not any(padding):
        return call.pool(kernel)
    channels = call.input.shape[-axes - 1]
    weight = np.full((channels, math.prod(kernel), 1), 1 / math.prod(kernel))
    wiring = Window(kernel, stride, padding, (1,) * axes)
    return call.window(weight, wiring, groups=channels)


@lowers(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_average(call: LayerCall) -> Labels:
    """As ``average``, where the grid divides."""
    axes = _axes(call.layer)
    before, after = call.input.shape[-axes:], call.output.shape[-axes:]
    if any(n % m for n, m in zip(before, after, strict=True)):
        raise call.refuse(
            f"pools {tuple(before)} to {tuple(after)} by windows of several sizes; choose an "
            "output that divides the input"
        )
    return call.pool(tuple(n // m for n, m in zip(before, after, strict=True)))


@lowers(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
def maximum(call: LayerCall) -> Labels:
    """The largest of binary spikes is an OR: a neuron without memory that one spike fires."""
    layer: Any = call.layer
    axes = _axes(layer)
    node = call.builder.node_of(call.labels(), call.where)
    if not isinstance(node, Sent) or node.most is None or node.most > 1:
        raise call.refuse(
            "takes the maximum of numbers that are no binary spikes, which no neuron does; use "
            "AvgPool or a strided convolution"
        )
    call.builder.require_binary(node.population)
    edges = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    wiring = Window(*(_edges(value, axes) for value in edges))
    channels = node.channels
    weight = np.ones((channels, math.prod(wiring.kernel), 1))
    currents = call.window(weight, wiring, groups=channels, name=f"{call.path}.in")
    return call.fire_on(currents, LIFModel(decay=0.0, threshold=0.5))


def _axes(layer: nn.Module) -> int:
    """Spatial axes of one of torch's pooling layers, which say so in their name alone."""
    return next(
        axes
        for kind in type(layer).__mro__
        for axes in (1, 2, 3)
        if kind.__module__.startswith("torch.nn") and kind.__name__.endswith(f"Pool{axes}d")
    )


def _edges(value: Any, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else shape_of(value)
