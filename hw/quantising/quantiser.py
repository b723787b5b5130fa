"""Turn a network of real numbers into one of integers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Output, Population, Projection, Quantisation
from neurospike.hw.neuron_models import Source, fires
from neurospike.hw.quantising.integer_neurons import gain_of, integer_neuron
from neurospike.hw.quantising.integer_weights import integer_weights, weight_error
from neurospike.hw.quantising.rounding import to_grid
from neurospike.hw.quantising.scales import Exponents, choose_exponents
from neurospike.hw.quantising.widths import Bits, Widths, widths_of


def quantise(network: Network, bits: Bits) -> Network:
    """Give a network the integers of a chip: weights, biases, thresholds, decays, real inputs.

    Every number counts in units of a power of two. Populations joined by shortcuts share their
    unit, and spikes' weights have the unit of their target; it is the one with the least squared
    error of the weights, and not so fine that membranes lose their headroom. Weights of real
    numbers have a unit of their own, and ``Projection.shift`` brings their sums to the target's.
    Decays are shares of 4096, an ILIF's unit is a power of two, gains are in the weights.

    Parameters
    ----------
    network
        A lowered network of real numbers.
    bits
        A chip, its name or the path of its file, or signed widths (weight_bits, membrane_bits).

    Shape
    -----
    out: the same populations and projections; weights int32, biases int64; ``quantised`` says the
    units, and how well the integers meet each projection's weights

    Raises
    ------
    ArgumentError
        A network that is quantised already; a chip that states no width; a neuron without an
        integer arithmetic; shortcuts between populations that weigh their currents differently.

    Cost
    ----
    A few passes over the weights. Delays are left as they are: whether they fit is ``place``'s.

    Examples
    --------
    >>> import numpy as np
    >>> from neurospike.hw.network import Network, Population, Projection, Space
    >>> from neurospike.hw.neuron_models import LIFModel, Source
    >>> from neurospike.hw.wiring import Taps
    >>> ears = Population("ears", Space(2), Source())
    >>> cells = Population("cells", Space(1), LIFModel(decay=0.5, threshold=1.0))
    >>> weight = np.array([0.75, -0.3]).reshape(2, 1, 1)
    >>> net = Network((ears, cells), (Projection("w", "ears", "cells", Taps(), weight),))
    >>> whole = quantise(net, (8, 24))
    >>> whole.projections[0].weight.ravel(), whole.population("cells").neuron.threshold
    (array([ 96, -38], dtype=int32), 128)
    """
    if network.quantised is not None:
        raise ArgumentError(
            "quantise.network: must hold real numbers; got one that is quantised to "
            f"{network.quantised.weight_bits} bits already. Give the lowered network."
        )
    widths = widths_of(bits)
    weights = {p.name: _with_gain(network, p) for p in network.projections}
    exponents = choose_exponents(network, weights, widths)
    limit = widths.weight_limit
    return replace(
        network,
        populations=tuple(_integer_population(p, exponents, widths) for p in network.populations),
        projections=tuple(
            replace(
                p,
                weight=integer_weights(weights[p.name], exponents.weight[p.name], limit),
                shift=_shift(network, p, exponents),
            )
            for p in network.projections
        ),
        output=_integer_output(network, exponents),
        quantised=Quantisation(
            widths.weight,
            widths.membrane,
            {name: 2.0**-exponent for name, exponent in exponents.population.items()},
            {name: 2.0**-exponent for name, exponent in exponents.source.items()},
            {
                name: weight_error(weights[name], exponent, limit)
                for name, exponent in exponents.weight.items()
            },
        ),
    )


def _integer_output(network: Network, exponents: Exponents) -> Output | None:
    """What is read of a sample without sites, rounded as the bias that it is."""
    output = network.output
    if output is None or not output.empty:
        return output
    scale = 2.0 ** -exponents.population[output.population]
    rounded = to_grid(output.empty, scale) * scale
    return replace(output, empty=tuple(rounded.tolist()))


def _with_gain(network: Network, projection: Projection) -> NDArray[np.float64]:
    gain = gain_of(network.population(projection.target).neuron)
    return np.asarray(projection.weight, np.float64) * gain


def _shift(network: Network, projection: Projection, exponents: Exponents) -> int:
    if fires(network.population(projection.source).neuron):
        return 0
    sent = {**exponents.population, **exponents.source}[projection.source]
    return exponents.weight[projection.name] + sent - exponents.population[projection.target]


def _integer_population(population: Population, exponents: Exponents, widths: Widths) -> Population:
    if isinstance(population.neuron, Source):
        return population
    scale = 2.0 ** -exponents.population[population.name]
    bias: NDArray[Any] | None = population.bias
    if bias is not None:
        units = to_grid(np.asarray(bias) * gain_of(population.neuron), scale)
        bias = np.clip(units, -widths.membrane_limit, widths.membrane_limit)
    return replace(population, neuron=integer_neuron(population.neuron, scale), bias=bias)
