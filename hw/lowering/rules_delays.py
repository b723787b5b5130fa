"""Rules of layers whose synapses have delays."""

from __future__ import annotations

import math

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.hw.lowering.element_call import floats, whole
from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.nodes import Current, Labels
from neurospike.hw.lowering.registry import lowers
from neurospike.hw.lowering.rules_weights import grouped
from neurospike.hw.wiring import Window
from neurospike.nn import DelayConv1d, DelayConv2d, DelayLinear, RecurrentDelay
from neurospike.nn.delay_windows import DelayConvNd


def check_rounded(layer: DelayLinear | DelayConvNd | RecurrentDelay, call: LayerCall) -> None:
    """Raise unless every synapse has one tap at a whole delay."""
    if not bool(layer.rounded):
        raise ArgumentError(
            f"hw.lower.model: delays must be whole steps; {call.where} has spread ones. Call "
            "round_delays_() on it first, and compare the accuracy."
        )


@lowers(DelayLinear)
def delay_linear(call: LayerCall) -> Labels:
    """Taps are synapses side by side, each with its own delay."""
    layer = call.layer
    if not isinstance(layer, DelayLinear):
        raise call.refuse("is no DelayLinear")
    check_rounded(layer, call)
    delay = whole(layer.settled())
    if layer.per == "axon":
        delay = delay[None]
    elif layer.per == "dendrite":
        delay = delay[:, None]
    delay = np.broadcast_to(delay, tuple(layer.weight.shape))
    return call.linear(layer.weight, delay=delay, tail=layer.tail)


@lowers(DelayConv1d, DelayConv2d)
def delay_convolution(call: LayerCall) -> Labels:
    """A projection a tap; the first one has the layer's name."""
    layer = call.layer
    if not isinstance(layer, DelayConvNd):
        raise call.refuse("is no convolution with delays")
    check_rounded(layer, call)
    wiring = Window(layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    weight = floats(layer.weight).reshape(*layer.weight.shape[:2], -1, layer.taps)
    delay = whole(layer.settled())
    if layer.per == "dendrite":
        delay = delay[:, None, None]
    elif layer.per == "axon":
        # (in, taps), of which every output channel sees those of its group.
        each = delay.reshape(layer.groups, -1, 1, layer.taps)
        delay = np.repeat(each, layer.out_channels // layer.groups, axis=0)
    else:
        delay = delay.reshape(weight.shape)
    delay = np.broadcast_to(delay, weight.shape)
    currents = []
    for tap in range(layer.taps):
        labels = call.window(
            grouped(weight[..., tap], layer.groups),
            wiring,
            groups=layer.groups,
            delay=grouped(delay[..., tap], layer.groups),
            tail=layer.tail,
            name=call.path if tap == 0 else f"{call.path}.tap{tap}",
        )
        currents.append(call.builder.node_of(labels, call.where))
    if len(currents) == 1:
        return labels
    first = currents[0]
    parts = tuple(c for c in currents if isinstance(c, Current))
    total = call.builder.like(first, Current, parts=parts)
    shape = (total.steps, math.prod(call.output.shape[3:]), total.channels)
    return np.moveaxis(total.labels().reshape(shape), 2, 1)
