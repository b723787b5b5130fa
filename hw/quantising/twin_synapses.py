"""Integer weights put back into torch layers, and the biases that stand in for their norms."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Projection
from neurospike.hw.neuron_models import fires
from neurospike.hw.quantising.rounding import to_grid
from neurospike.nn import (
    DelayLinear,
    RecurrentDelay,
    SparseConv3d,
    SparseInverseConv3d,
    SubmanifoldConv3d,
)
from neurospike.nn.delay_windows import DelayConvNd
from neurospike.nn.delayed import Delayed
from neurospike.sparse import VoxelTensor

_SPARSE = (SubmanifoldConv3d, SparseConv3d, SparseInverseConv3d)
_CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TAP = re.compile(r"\.tap(\d+)$")  # what ``lower`` calls the taps of one layer
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
Array = NDArray[Any]


def weight_scale(network: Network, projection: Projection) -> float:
    """Value of one unit of a projection's weights in a quantised network."""
    quantised = network.quantised
    if quantised is None:
        raise ArgumentError(
            "integer_twin.network: must be quantised; got one of real numbers. Give "
            "quantise(network, bits)."
        )
    unit = quantised.scale[projection.target] / 2.0**projection.shift
    if fires(network.population(projection.source).neuron):
        return unit
    sent = {**quantised.scale, **quantised.input_scale}[projection.source]
    return unit / sent


def home(model: nn.Module, path: str) -> tuple[nn.Module, str]:
    """The module that holds the one of that path, and its name there.

    Raises
    ------
    ArgumentError
        No such layer: another model, or synapses that no layer of the model is.
    """
    above, _, name = path.rpartition(".")
    try:
        parent = model.get_submodule(above)
        parent.get_submodule(name)
    except AttributeError:
        raise ArgumentError(
            f"integer_twin.model: must have a layer at {path!r}, as the network says; got none. "
            "Lower this very model, and give sums and scalings layers of their own."
        ) from None
    return parent, name


def path_of(projection: Projection) -> str:
    """The path of the layer whose synapses a projection is."""
    return _TAP.sub("", projection.name)


def layer_of(model: nn.Module, projection: Projection) -> nn.Module:
    """The layer itself."""
    parent, name = home(model, path_of(projection))
    layer: nn.Module = getattr(parent, name)
    return layer


def put_weights(layer: nn.Module, projection: Projection, scale: float) -> None:
    """Give a layer the projection's integers, as real numbers of its own layout."""
    weight = np.asarray(projection.weight, np.float64) * scale
    values = torch.from_numpy(laid_out(layer, projection, weight))
    own = layer.weight
    if isinstance(layer, DelayConvNd) and isinstance(own, Tensor):  # a projection a tap
        if projection.shift and layer.taps > 1:
            raise ArgumentError(
                f"integer_twin.model: a layer with several taps must meet spikes, as each tap "
                f"would round its own sum; got real numbers at {projection.name}."
            )
        tap = _TAP.search(projection.name)
        own = own[..., int(tap[1]) if tap else 0]
        values = values.reshape(own.shape)
    if not isinstance(own, Tensor) or own.shape != values.shape:
        raise ArgumentError(
            f"integer_twin.model: the layer at {projection.name} must have the weights of its "
            f"projection, {tuple(values.shape)}; got {tuple(getattr(own, 'shape', ()))}. Lower "
            "this very model."
        )
    with torch.no_grad():
        own.copy_(values)
    if isinstance(layer, Delayed):
        layer.round_delays_()


def laid_out(layer: nn.Module, projection: Projection, weight: Array) -> Array:
    """(C_in, taps, C_out / groups) as the layer itself keeps its weights."""
    sources, taps, width = weight.shape
    if isinstance(layer, _SPARSE):
        return np.ascontiguousarray(weight.transpose(1, 0, 2))
    if isinstance(layer, nn.Linear):  # behind a flattened grid its inputs are channel by channel
        return np.ascontiguousarray(weight.reshape(sources * taps, width).T)
    if isinstance(layer, _TRANSPOSED):
        return weight.transpose(0, 2, 1).reshape(layer.weight.shape)
    groups = projection.groups
    split = weight.reshape(groups, sources // groups, taps, width)
    by_output = split.transpose(0, 3, 1, 2).reshape(groups * width, sources // groups, taps)
    if isinstance(layer, RecurrentDelay):
        return np.ascontiguousarray(by_output[..., 0])
    if isinstance(layer, DelayConvNd):
        return by_output
    if isinstance(layer, (DelayLinear, *_CONV)) and by_output.size == layer.weight.numel():
        if isinstance(layer, _CONV) and layer.in_channels > sources:  # height became channels
            planes = layer.in_channels // sources
            columns = by_output.reshape(width, sources, -1, planes).transpose(0, 3, 1, 2)
            return columns.reshape(layer.weight.shape)
        return by_output.reshape(layer.weight.shape)
    raise ArgumentError(
        f"integer_twin.model: no rule for a {type(layer).__name__} at {projection.name}; its "
        "synapses must be a linear, convolution, sparse convolution or delay layer."
    )


@dataclass
class Tape:
    """Which layer of synapses ran last: the one whose norm comes next, if one does.

    ``biases`` has those that a norm is to add, by the path of the layer before it.
    """

    biases: dict[str, Tensor] = field(default_factory=dict)
    last: str = ""


class Bias(nn.Module):
    """In place of a norm: adds the bias that it was folded into, of the synapses before it.

    Shape
    -----
    in, out: (N, C, ...), or a VoxelTensor
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape

    def forward(self, x: Any) -> Any:
        """Add the bias, if those synapses have no place for it themselves."""
        bias = self.tape.biases.get(self.tape.last)
        if bias is None:
            return x
        if isinstance(x, VoxelTensor):
            return x.replace(x.features + bias)
        return x + bias.reshape(-1, *[1] * (x.ndim - 2))


class OnGrid:
    """Forward pre-hook: real inputs rounded to their grid."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, _layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Round the first argument."""
        return _mapped(inputs[0], lambda x: to_grid(x, self.scale) * self.scale), *inputs[1:]


class Held:
    """Forward pre-hook: membranes that are sent themselves, brought back into their width."""

    def __init__(self, largest: float) -> None:
        self.largest = largest

    def __call__(self, _layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Clip the first argument."""
        return _mapped(inputs[0], lambda x: x.clip(-self.largest, self.largest)), *inputs[1:]


class Requantised:
    """Forward hook: sums of products rounded half up to the target's unit.

    ``largest`` is the end of the width where nobody behind the layer looks after it.
    """

    def __init__(self, scale: float, largest: float = math.inf) -> None:
        self.scale, self.largest = scale, largest

    def __call__(self, _layer: nn.Module, _inputs: Any, output: Any) -> Any:
        """Round the output."""
        return _mapped(output, self._rounded)

    def _rounded(self, y: Array) -> Array:
        rounded: Array = to_grid(y, self.scale) * self.scale
        return rounded.clip(-self.largest, self.largest)


def _mapped(x: Any, rule: Any) -> Any:
    if isinstance(x, VoxelTensor):
        return x.replace(_mapped(x.features, rule))
    return torch.from_numpy(np.asarray(rule(x.detach().numpy()), np.float64))
