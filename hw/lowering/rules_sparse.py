"""Rules of sparse convolutions, and of what leads from voxels to vectors and grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurospike.hw.lowering.element_call import floats
from neurospike.hw.lowering.functions import reduce
from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.nodes import Columns, Labels, Sent
from neurospike.hw.lowering.reading import block
from neurospike.hw.lowering.registry import lowers
from neurospike.hw.network import Space
from neurospike.hw.wiring import Submanifold, Transposed, Window, Wiring
from neurospike.nn import (
    SparseConv3d,
    SparseGlobalPool,
    SparseInverseConv3d,
    SubmanifoldConv3d,
    ToBEV,
    ToDense,
)


@lowers(SubmanifoldConv3d)
def submanifold(call: LayerCall) -> Labels:
    """Occupied voxels to occupied voxels of the same level."""
    layer: Any = call.layer
    level = call.builder.level_of(call.input.active, call.where)
    return _onto(call, Submanifold(layer.kernel_size, layer.dilation), level)


@lowers(SparseConv3d)
def strided(call: LayerCall) -> Labels:
    """Occupied voxels to every site that they reach, which are a level of their own."""
    layer: Any = call.layer
    window = Window(layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    parent = call.builder.level_of(call.input.active, call.where)
    level = call.builder.level_after(parent, window, call.output.active)
    return _onto(call, window, level)


@lowers(SparseInverseConv3d)
def inverse(call: LayerCall) -> Labels:
    """The pairs of the strided convolution, the other way."""
    layer: Any = call.layer
    of = layer.of
    window = Window(of.kernel_size, of.stride, of.padding, of.dilation)
    level = call.builder.level_of(call.output.active, call.where)
    return _onto(call, Transposed(window), level)


def _onto(call: LayerCall, wiring: Wiring, level: int) -> Labels:
    layer: Any = call.layer
    # The layer has (taps, in, out).
    weight = np.ascontiguousarray(np.moveaxis(floats(layer.weight), 1, 0))
    active = call.output.active
    space = Space(layer.out_channels, active.spatial_shape, level)
    return call.rows(weight, wiring, layer.bias, space=space, sites=len(active))


@lowers(SparseGlobalPool)
def global_pool(call: LayerCall) -> Labels:
    """A mean or a sum over a sample's voxels, whose number only the host knows beforehand."""
    layer: Any = call.layer
    if layer.mode not in ("mean", "sum"):
        raise call.refuse("takes the maximum over voxels; use the mean or the sum")
    labels = call.labels()
    node = call.builder.node_of(labels, call.where)
    number, once = block(node, labels, call.where)
    if once or (number[0] != np.arange(node.per_step)).any():
        raise call.refuse("pools voxels that were repeated in time or moved")
    return reduce(call, node, layer.mode, sites=True, time=False).labels()


@lowers(ToDense)
def to_dense(call: LayerCall) -> Labels:
    """What voxels send, on the whole grid: an address, and no work."""
    sent = _sent_in_place(call)
    shape = call.input.active.spatial_shape
    grid = call.builder.like(
        sent,
        Sent,
        sites=math.prod(shape),
        space=Space(sent.channels, shape),
        population=sent.population,
        factor=sent.factor,
        most=sent.most,
    )
    return np.moveaxis(grid.labels(), 2, 1)


@lowers(ToBEV)
def to_bev(call: LayerCall) -> Labels:
    """What voxels send, on the grid seen from above: an address, and no work."""
    sent = _sent_in_place(call)
    x, y, z = call.input.active.spatial_shape
    seen = call.builder.like(
        sent,
        Columns,
        sites=x * y,
        space=Space(sent.channels * z, (x, y)),
        population=sent.population,
        factor=sent.factor,
        most=sent.most,
        planes=z,
        where=call.where,
    )
    return np.moveaxis(seen.labels(), 2, 1)


def _sent_in_place(call: LayerCall) -> Sent:
    """What a population of voxels sends, where the layer reads it whole and in order."""
    labels = call.labels()
    node = call.builder.node_of(labels, call.where)
    number, once = block(node, labels, call.where)
    if once or (number[0] != np.arange(node.per_step)).any():
        raise call.refuse("takes voxels that were repeated in time or moved")
    call.builder.level_of(call.input.active, call.where)
    return call.builder.sent(node, f"{call.path}.membrane", call.where)
