"""Rules of the conventional layers that hold weights: linear and convolutional ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.hw.fan_out import conv_fan_out, events_through, shape_of, transposed_fan_out
from neurospike.hw.fourier_ops import macs_each
from neurospike.hw.operations import Call, Operations, Synapses, total
from neurospike.hw.origins import tensors_in
from neurospike.hw.registry import counts
from neurospike.sparse import VoxelTensor

Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


@counts(nn.Linear)
def linear(call: Call) -> Synapses:
    """A matrix product: every event reaches every output."""
    layer, values = call.layer, call.values
    outputs, inputs = parameter(layer, "weight").shape
    rows = values.numel() // inputs if inputs else 0
    return Synapses(
        values=values,
        spikes=call.spikes,
        dense_macs=rows * inputs * outputs * macs_each(values),
        synops=lambda: total(values) * outputs,
        effective=effective_pairs(call),
        fan_out=outputs,
        weights=inputs * outputs,
        bias_adds=bias_adds(call),
        biases=stored_biases(call),
        outputs=rows * outputs,
        spatial=False,
    )


@counts(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def convolution(call: Call) -> Synapses:
    """A convolution: dense products include the zeros of the border, events do not."""
    layer: Any = call.layer
    values, out = call.values, call.out_values
    kernel = shape_of(layer.kernel_size)
    spatial = shape_of(values.shape[-len(kernel) :])
    border = None
    if layer.padding_mode != "zeros":
        border = (shape_of(layer._reversed_padding_repeated_twice), str(layer.padding_mode))
    padding = layer.padding if isinstance(layer.padding, str) else shape_of(layer.padding)

    def fan_out() -> Tensor:
        stride, dilation = shape_of(layer.stride), shape_of(layer.dilation)
        return conv_fan_out(spatial, kernel, stride, padding, dilation, border)

    targets = layer.out_channels // layer.groups
    window = layer.in_channels // layer.groups * math.prod(kernel)
    return Synapses(
        values=values,
        spikes=call.spikes,
        dense_macs=out.numel() * window * macs_each(values),
        synops=lambda: events_through(values, fan_out()) * targets,
        effective=effective_pairs(call),
        fan_out=math.prod(kernel) * targets,
        weights=layer.weight.numel(),
        bias_adds=bias_adds(call),
        biases=stored_biases(call),
        outputs=out.numel(),
        spatial=True,
    )


@counts(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed_convolution(call: Call) -> Synapses:
    """A transposed convolution: every input is spread by the window, cropped by the padding."""
    layer: Any = call.layer
    values, out = call.values, call.out_values
    kernel = shape_of(layer.kernel_size)
    spatial = shape_of(values.shape[-len(kernel) :])
    stride, padding, dilation = (shape_of(v) for v in (layer.stride, layer.padding, layer.dilation))
    # The output's own shape says how much was added, also where output_size asked for it.
    extra = tuple(
        o - ((i - 1) * s - 2 * p + d * (k - 1) + 1)
        for o, i, s, p, d, k in zip(
            out.shape[-len(kernel) :], spatial, stride, padding, dilation, kernel, strict=True
        )
    )
    targets = layer.out_channels // layer.groups
    return Synapses(
        values=values,
        spikes=call.spikes,
        dense_macs=values.numel() * targets * math.prod(kernel) * macs_each(values),
        synops=lambda: (
            events_through(
                values, transposed_fan_out(spatial, kernel, stride, padding, extra, dilation)
            )
            * targets
        ),
        effective=effective_pairs(call),
        fan_out=math.prod(kernel) * targets,
        weights=layer.weight.numel(),
        bias_adds=bias_adds(call),
        biases=stored_biases(call),
        outputs=out.numel(),
        spatial=True,
    )


@counts(nn.Embedding)
def embedding(_call: Call) -> Operations:
    """A look-up multiplies nothing."""
    return Operations(note="look-up")


def parameter(layer: nn.Module, name: str) -> Tensor:
    """A parameter of a layer, as a tensor."""
    found = getattr(layer, name)
    if not isinstance(found, Tensor):
        raise TypeError(f"{type(layer).__name__}.{name} is {type(found).__name__}, not a tensor")
    return found


def bias_adds(call: Call) -> float:
    """One addition per output where the layer has a bias."""
    return float(call.out_values.numel()) if call.biased else 0.0


def stored_biases(call: Call) -> int:
    """Biases that the layer holds."""
    return parameter(call.layer, "bias").numel() if call.biased else 0


def effective_pairs(call: Call) -> Callable[[bool], float]:
    """Count pairs of a non-zero input and a non-zero weight by running the layer on ones.

    With True every input and every weight counts. Padding contributes nothing: it is zero.
    """

    def ones(tensor: Tensor, every: bool) -> Tensor:
        return torch.ones_like(tensor, dtype=torch.float64) if every else (tensor != 0).double()

    def run(every: bool) -> float:
        layer = call.layer
        parameters = {
            name: torch.zeros_like(value, dtype=torch.float64)
            if name == "bias"
            else ones(value, every)
            for name, value in layer.named_parameters()
        }
        x = call.input
        binary = (
            x.replace(ones(x.features, every))
            if isinstance(x, VoxelTensor)
            else ones(call.values, every)
        )
        out = torch.func.functional_call(layer, parameters, (binary, *call.args[1:]))
        return float(sum(t.sum(dtype=torch.float64) for t in tensors_in(out)))

    return run
