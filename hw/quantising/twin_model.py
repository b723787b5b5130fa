"""A torch model that computes in a quantised network's integers: slow, for checks."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Population, Projection, Quantisation
from neurospike.hw.neuron_models import Membrane, Source, fires
from neurospike.hw.quantising.twin_neurons import twin_neuron
from neurospike.hw.quantising.twin_synapses import (
    Bias,
    Held,
    OnGrid,
    Requantised,
    Tape,
    home,
    layer_of,
    path_of,
    put_weights,
    weight_scale,
)
from neurospike.hw.quantising.widths import Widths
from neurospike.hw.wiring import Pooled
from neurospike.nn import Stateful, spike_mode

MEANS = (
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
)
MAXIMA = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


def integer_twin(model: nn.Module, network: Network) -> nn.Module:
    """Copy a model with the integers of its quantised network in place of its real numbers.

    Its own layers, its own shortcuts and its own order of things stay; synaptic layers get the
    integer weights as multiples of a power of two, norms become biases, neurons count in int64.
    It shares no code with the emulator, beside the rule by which real numbers are rounded, so
    that equal spikes say something about both. Saturated currents are followed as well where, as
    usual, neurons read a current before a shortcut does.

    Parameters
    ----------
    model
        The model that ``network`` was lowered from.
    network
        What ``quantise`` made of it.

    Shape
    -----
    in, out: as the model's, in float64, in which every sum below 2^53 units is exact

    Raises
    ------
    ArgumentError
        A network of real numbers, or of another model; a neuron without an integer arithmetic;
        biases that differ from site to site.
    StateError
        While it runs, a current that is no whole number of units.

    Cost
    ----
    A copy of the model; a Python loop over time in every neuron layer.

    Examples
    --------
    >>> import torch
    >>> from neurospike import hw, nn as snn
    >>> model = snn.SpikingSequential(torch.nn.Linear(2, 3), snn.LIF(tau=2.0)).eval()
    >>> x = torch.ones(4, 1, 2)
    >>> whole = hw.quantise(hw.lower(model, x), (8, 24))
    >>> integer_twin(model, whole)(x.double()).shape
    torch.Size([4, 1, 3])
    """
    quantised = network.quantised
    if quantised is None:
        raise ArgumentError(
            "integer_twin.network: must be quantised; got one of real numbers. Give "
            "quantise(network, bits)."
        )
    twin = copy.deepcopy(model).cpu().double().eval().requires_grad_(False)
    spike_mode(twin, "integer")
    timeless = network.layout == "static" and network.steps == 1  # neurons of the user's own
    for population in network.populations:
        if not isinstance(population.neuron, (Source, Membrane)):
            _put_neuron(twin, population, quantised, timeless=timeless)
    tape = Tape()
    for projection in network.projections:
        if not _is_maximum(twin, projection):
            _put_synapses(twin, projection, network, quantised, tape)
    for population in network.populations:
        _put_bias(twin, population, network, quantised, tape)
    pooled = any(isinstance(p.wiring, Pooled) for p in network.projections)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                setattr(parent, name, Bias(tape))
            elif pooled and isinstance(child, MEANS):
                setattr(parent, name, SumPool(child))
    return twin


class SumPool(nn.Module):
    """In place of a mean over windows: their sum, as the mean's factor is in the weights.

    Shape
    -----
    in:  (N, C, *space)
    out: (N, C, *space // window)
    """

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Sum every window."""
        coarse = self.pool(x).shape
        for axis in range(2, x.ndim):
            edge = x.shape[axis] // coarse[axis]
            x = x.unfold(axis, edge, edge).sum(-1)
        return x


def _put_neuron(
    twin: nn.Module, population: Population, quantised: Quantisation, *, timeless: bool
) -> None:
    parent, name = home(twin, population.name)
    layer = getattr(parent, name)
    if isinstance(layer, MAXIMA):
        return  # the maximum of integers is what it was
    kind = layer.emits_spikes if isinstance(layer, Stateful) else None
    if kind is not fires(population.neuron) and not (kind is None and timeless):
        raise ArgumentError(
            f"integer_twin.model: must have neurons at {population.name}; got "
            f"{type(layer).__name__}. Lower this very model."
        )
    largest = _widths(quantised).membrane_limit
    setattr(parent, name, twin_neuron(population, quantised.scale[population.name], largest))


def _put_synapses(
    twin: nn.Module, projection: Projection, network: Network, quantised: Quantisation, tape: Tape
) -> None:
    layer: Any = layer_of(twin, projection)
    put_weights(layer, projection, weight_scale(network, projection))
    if isinstance(getattr(layer, "bias", None), Tensor):
        nn.init.zeros_(layer.bias)
    source = network.population(projection.source)
    limit = _widths(quantised).membrane_limit
    if not fires(source.neuron):
        if isinstance(source.neuron, Source):
            layer.register_forward_pre_hook(OnGrid(quantised.input_scale[source.name]))
        else:
            layer.register_forward_pre_hook(Held(limit * quantised.scale[source.name]))
        unit = quantised.scale[projection.target]
        alone = _is_all_of_a_membrane(network, projection)
        layer.register_forward_hook(Requantised(unit, limit * unit if alone else math.inf))
    if projection.source != projection.target:
        layer.register_forward_hook(lambda *_: setattr(tape, "last", path_of(projection)))


def _put_bias(
    twin: nn.Module, population: Population, network: Network, quantised: Quantisation, tape: Tape
) -> None:
    """Give a population's bias to the first of its projections, or to the norm behind that."""
    carriers = [p for p in network.into(population.name) if p.source != p.target]
    if population.bias is None or not carriers:
        return
    if population.bias.ndim != 1:
        raise ArgumentError(
            f"integer_twin.network: biases must be one a channel; got {population.bias.shape} at "
            f"{population.name}."
        )
    bias = torch.from_numpy(population.bias * quantised.scale[population.name])
    own = getattr(layer_of(twin, carriers[0]), "bias", None)
    if isinstance(own, Tensor):
        own.copy_(bias)
    else:
        tape.biases[path_of(carriers[0])] = bias


def _is_all_of_a_membrane(network: Network, projection: Projection) -> bool:
    """Whether its sums, with their bias, are what a population without neurons sends."""
    target = network.population(projection.target)
    joined = any(shortcut.target == target.name for shortcut in network.shortcuts)
    return (
        isinstance(target.neuron, Membrane) and len(network.into(target.name)) == 1 and not joined
    )


def _widths(quantised: Quantisation) -> Widths:
    return Widths(quantised.weight_bits, quantised.membrane_bits)


def _is_maximum(twin: nn.Module, projection: Projection) -> bool:
    """Whether a projection is the way into a maximum over windows, which has no weights."""
    path, _, last = projection.name.rpartition(".")
    return last == "in" and isinstance(dict(twin.named_modules()).get(path), MAXIMA)
