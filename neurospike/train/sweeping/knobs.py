"""What a sweep turns on a lowered network, before its numbers are made integers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Population, Projection
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    NeuronModel,
    fires,
)
from neurospike.hw.quantising.scales import shortcut_groups


def with_max_spikes(network: Network, max_spikes: int) -> Network:
    """Let integer neurons send up to ``max_spikes`` spikes a step, and no more."""

    def changed(neuron: NeuronModel) -> NeuronModel:
        if not isinstance(neuron, ILIFModel):
            return neuron
        return replace(neuron, max_spikes=max_spikes)

    return _with_neurons(network, changed)


def with_threshold(network: Network, factor: float) -> Network:
    """Scale by a factor what it takes to fire, of every neuron that fires.

    LIF: the threshold becomes v_reset + factor * (threshold - v_reset), its distance from rest;
    a soft reset subtracts the new one. AdLIF and CubaLIF: the threshold is multiplied, and rounded
    to the unit where the layer counts in units. ILIF: a spike takes ``factor`` of membrane instead
    of 1, s = floor(clip(u / factor, 0, D) + 0.5) and h = u - s * factor; what is sent is still s.
    That is the same as dividing its currents by the factor, which is what is done: of all
    populations that pass currents on to one another, and undone where real numbers leave them.

    Raises
    ------
    ArgumentError
        Integer neurons that share their currents with neurons of another kind.

    Examples
    --------
    >>> from neurospike.hw.network import Space
    >>> cells = Population("cells", Space(1), LIFModel(decay=0.5, threshold=1.0))
    >>> with_threshold(Network((cells,), ()), 1.25).population("cells").neuron.threshold
    1.25
    """
    if factor == 1:
        return network
    network = _with_neurons(network, lambda neuron: _scaled(neuron, factor))
    return _with_currents(network, _groups_of_integers(network), 1 / factor)


def _with_neurons(network: Network, rule: Any) -> Network:
    populations = tuple(replace(p, neuron=rule(p.neuron)) for p in network.populations)
    return replace(network, populations=populations)


def _scaled(neuron: NeuronModel, factor: float) -> NeuronModel:
    if isinstance(neuron, LIFModel):
        rest = np.asarray(neuron.v_reset)
        level = rest + factor * (np.asarray(neuron.threshold) - rest)
        return replace(neuron, threshold=float(level) if level.ndim == 0 else level)
    if isinstance(neuron, (AdLIFModel, CubaModel)):
        level = factor * np.asarray(neuron.parameters["threshold"], np.float64)
        scale = float(np.max(neuron.parameters.get("scale", 0)))
        if scale:
            level = np.maximum(np.round(level * scale), 1) / scale
        plain = float(level) if level.ndim == 0 else level
        return replace(neuron, parameters={**neuron.parameters, "threshold": plain})
    return neuron


def _groups_of_integers(network: Network) -> set[str]:
    """Populations whose currents reach an integer neuron, itself included."""
    found: set[str] = set()
    for names in shortcut_groups(network):
        neurons = [network.population(name).neuron for name in names]
        if not any(isinstance(neuron, ILIFModel) for neuron in neurons):
            continue
        for name, neuron in zip(names, neurons, strict=True):
            if not isinstance(neuron, (ILIFModel, Membrane)):
                raise ArgumentError(
                    "sweep.thresholds: integer neurons must not share currents with others; got "
                    f"{type(neuron).__name__.removesuffix('Model')} at {name}. Leave the axis out."
                )
        found.update(names)
    return found


def _with_currents(network: Network, names: set[str], share: float) -> Network:
    """Scale the currents of some populations; whoever reads their membranes sees no difference."""

    def population(p: Population) -> Population:
        scaled = p.name in names and p.bias is not None
        return replace(p, bias=np.asarray(p.bias) * share) if scaled else p

    def projection(p: Projection) -> Projection:
        factor = share if p.target in names else 1.0
        if p.source in names and not fires(network.population(p.source).neuron):
            factor /= share
        weight: NDArray[Any] = p.weight
        return replace(p, weight=np.asarray(weight, np.float64) * factor) if factor != 1 else p

    return replace(
        network,
        populations=tuple(population(p) for p in network.populations),
        projections=tuple(projection(p) for p in network.projections),
    )
