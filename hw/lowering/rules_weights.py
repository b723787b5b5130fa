"""Rules of torch's layers with weights, and of norms, which fold into the weights before them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from neurospike.hw.fan_out import shape_of
from neurospike.hw.lowering.element_call import floats
from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.nodes import Labels
from neurospike.hw.lowering.registry import lowers
from neurospike.hw.wiring import Transposed, Window
from neurospike.nn import SparseBatchNorm
from neurospike.sparse import VoxelTensor


@lowers(nn.Linear)
def linear(call: LayerCall) -> Labels:
    """Dense synapses; behind a flattened grid the tap is the site."""
    layer: Any = call.layer
    return call.linear(layer.weight, layer.bias)


@lowers(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def convolution(call: LayerCall) -> Labels:
    """A window on a grid, cross-correlation as torch has it."""
    layer: Any = call.layer
    if layer.padding_mode != "zeros":
        raise call.refuse(f"pads by {layer.padding_mode}; only zeros cost no synapse")
    kernel, stride = shape_of(layer.kernel_size), shape_of(layer.stride)
    dilation = shape_of(layer.dilation)
    # Where "same" pads unevenly, the target's own grid says where the other side ends.
    same = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
    if layer.padding == "same":
        padding = same
    else:
        padding = (0,) * len(kernel) if layer.padding == "valid" else shape_of(layer.padding)
    weight = grouped(floats(layer.weight).reshape(*layer.weight.shape[:2], -1), layer.groups)
    wiring = Window(kernel, stride, padding, dilation)
    return call.window(weight, wiring, layer.bias, groups=layer.groups)


@lowers(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed_convolution(call: LayerCall) -> Labels:
    """The pairs of a convolution from the output's grid to the input's."""
    layer: Any = call.layer
    edges = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    wiring = Transposed(Window(*(shape_of(edge) for edge in edges)))
    inputs, outputs, *_ = layer.weight.shape
    weight = np.moveaxis(floats(layer.weight).reshape(inputs, outputs, -1), 1, 2)
    return call.window(np.ascontiguousarray(weight), wiring, layer.bias, groups=layer.groups)


@lowers(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, SparseBatchNorm)
def batch_norm(call: LayerCall) -> Labels:
    """Running statistics are a scale and a bias a channel; both fold into what is before."""
    layer: Any = call.layer
    if layer.running_mean is None or layer.running_var is None:
        raise call.refuse("has no running statistics; its scale would depend on the batch")
    scale = 1.0 / np.sqrt(floats(layer.running_var) + layer.eps)
    if layer.weight is not None:
        scale = scale * floats(layer.weight)
    bias = -floats(layer.running_mean) * scale
    if layer.bias is not None:
        bias = bias + floats(layer.bias)
    voxels = isinstance(call.input, VoxelTensor)
    return call.scale(scale, bias, axis=-1 if voxels else 1)


def grouped(weight: NDArray[Any], groups: int) -> NDArray[Any]:
    """(out, in / groups, taps) as torch has it -> (in, taps, out / groups)."""
    outputs, each, taps = weight.shape
    split = weight.reshape(groups, outputs // groups, each, taps)
    moved = split.transpose(0, 2, 3, 1).reshape(groups * each, taps, outputs // groups)
    return np.ascontiguousarray(moved)
