"""Which power of two one unit of current is worth, population by population."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Population
from neurospike.hw.neuron_models import ILIFModel, Source, fires
from neurospike.hw.quantising.integer_neurons import gain_of, level_of, memory_of
from neurospike.hw.quantising.integer_weights import best_exponent, spread
from neurospike.hw.quantising.widths import Widths

HEADROOM = 2
"""How many times its level (thresholds, or the deviation of its current) a membrane must hold.

Where membranes are narrow it is this or bits of the weights: with weights of 4 bits and membranes
of 8, a delay net on spoken digits agrees with its real numbers on 79 % of samples for 2, 36 % for 4
and 12 % for 8. Membranes of 16 bits have room for all of them.
"""

_INPUT_ERROR = 0.25
"""Deviation that rounding real inputs may add to a current, in units of the target."""


@dataclass
class Exponents:
    """A unit is worth 2 ** -exponent: of each population, of the weights of each projection.

    ``source`` holds those of real inputs.
    """

    population: dict[str, int] = field(default_factory=dict)
    weight: dict[str, int] = field(default_factory=dict)
    source: dict[str, int] = field(default_factory=dict)


Weights = dict[str, NDArray[Any]]


def choose_exponents(network: Network, weights: Weights, widths: Widths) -> Exponents:
    """Choose the units; ``weights`` hold the gains of their targets.

    Populations joined by shortcuts share one unit, so that a shortcut adds integers exactly.
    Spikes count ones, so that their weights have the unit of their target; weights of real
    numbers have their own, and their sums of products are shifted.
    """
    chosen = Exponents()
    for names in shortcut_groups(network):
        exponent = _group_exponent(network, names, weights, widths)
        chosen.population.update(dict.fromkeys(names, exponent))
    for population in network.populations:
        if isinstance(population.neuron, Source) and population.neuron.real:
            chosen.source[population.name] = _input_exponent(network, population, weights, chosen)
    for projection in network.projections:
        unit = chosen.population[projection.target]
        if not fires(network.population(projection.source).neuron):
            best = best_exponent([weights[projection.name]], widths.weight_limit)
            sent = {**chosen.population, **chosen.source}[projection.source]
            # A shift below 0 would ask for bits that nobody has.
            unit = max(unit - sent, unit if best is None else best)
        chosen.weight[projection.name] = unit
    return chosen


def shortcut_groups(network: Network) -> list[tuple[str, ...]]:
    """Names of populations, sources aside, joined wherever a shortcut leads from one to another."""
    group: dict[str, tuple[str, ...]] = {
        p.name: (p.name,) for p in network.populations if not isinstance(p.neuron, Source)
    }
    for shortcut in network.shortcuts:
        for name in (shortcut.source, shortcut.target):
            if name not in group:
                raise ArgumentError(
                    f"quantise.network: shortcut {shortcut.name!r} must join populations that are "
                    f"no source; got {name!r}. Add the input through a projection."
                )
        first, second = group[shortcut.source], group[shortcut.target]
        if first != second:
            group.update(dict.fromkeys(first + second, first + second))
    return list(dict.fromkeys(group.values()))


def _group_exponent(
    network: Network, names: tuple[str, ...], weights: Weights, widths: Widths
) -> int:
    members = [network.population(name) for name in names]
    _check_gains(members)
    incoming = [p for name in names for p in network.into(name)]
    spiking = [p for p in incoming if fires(network.population(p.source).neuron)]
    most = _most(network, members, weights, widths)
    best = best_exponent([weights[p.name] for p in spiking or incoming], widths.weight_limit)
    exponent = most if best is None else min(best, most)
    if any(isinstance(member.neuron, ILIFModel) for member in members):
        if most < 0:
            raise ArgumentError(
                f"quantise.membrane_bits: must hold {HEADROOM} times the largest spike of "
                f"{names[0]}; got {widths.membrane}. Widen it, or lower max_spikes."
            )
        return max(exponent, 0)  # its unit, the membrane of one spike, is a whole number
    return exponent


def _most(network: Network, members: list[Population], weights: Weights, widths: Widths) -> int:
    """The finest unit at which the membranes of a group still have their headroom."""
    level = 2.0**-widths.membrane  # of populations that nothing drives
    for member in members:
        driven = sum(spread(p, weights[p.name]) ** 2 for p in network.into(member.name)) ** 0.5
        bias = 0.0 if member.bias is None else float(np.abs(member.bias).max(initial=0.0))
        gain, memory = gain_of(member.neuron), memory_of(member.neuron)
        own = level_of(member.neuron)
        level = max(level, own, driven * math.sqrt(memory), abs(gain) * bias * memory / HEADROOM)
    return math.floor(math.log2(widths.membrane_limit / (HEADROOM * level)))


def _check_gains(members: list[Population]) -> None:
    gains = {gain_of(member.neuron) for member in members}
    if len(gains) > 1:
        raise ArgumentError(
            "quantise.network: populations joined by shortcuts must weigh their currents alike; "
            f"got gains {sorted(gains)} at {', '.join(m.name for m in members)}. Use decay_input "
            "in all of them or in none."
        )


def _input_exponent(
    network: Network, source: Population, weights: Weights, chosen: Exponents
) -> int:
    """The coarsest unit of the inputs whose rounding stays below that of the targets."""
    finest = 0
    for projection in network.out_of(source.name):
        driven = spread(projection, weights[projection.name])
        if driven > 0:
            allowed = _INPUT_ERROR * math.sqrt(12) / driven  # a rounding's deviation: unit / √12
            finest = max(
                finest, chosen.population[projection.target] + math.ceil(-math.log2(allowed))
            )
    return finest
