"""The limits that packing minds, and those that a network meets before any core is filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ChipLimitError
from neurospike.hw.chip import Chip
from neurospike.hw.network import Network
from neurospike.hw.placement import Use
from neurospike.hw.placing.memory import weight_bits
from neurospike.hw.wiring import Pairs

Ints = NDArray[np.int64]

PACKED = (
    ("neurons_per_core", "neurons"),
    ("synapse_bits_per_core", "bit"),
    ("axons_in_per_core", "axons"),
    ("axons_out_per_core", "axons"),
    ("delay_slots_per_core", "slots"),
)
"""Limits of a core, in the order of the packing kernel, with their units."""

UNLIMITED = 2**62


def limit_of(chip: Chip, name: str) -> int | None:
    """A limit as a whole number, or None where the chip has none."""
    figure = getattr(chip.limits, name)
    return None if figure is None else int(figure.value)


def core_limits(chip: Chip) -> Ints:
    """(5,) limits of a core in the order of ``PACKED``."""
    found = [limit_of(chip, name) for name, _ in PACKED]
    if chip.packing == "crossbar":
        # A crossbar has a cell for every axon and neuron: those two limits are its size.
        found[1] = None
    return np.array([UNLIMITED if limit is None else limit for limit in found], np.int64)


def refuse(
    chip: Chip, limit: str, layer: str, what: str, fits: str, *, owner: str = "hw.place"
) -> ChipLimitError:
    """The error of a network that does not fit: limit, layer, need and remedy in one line."""
    figure = getattr(chip.limits, limit, None)
    value = "" if figure is None or isinstance(figure.value, tuple) else f" ({figure.value:g})"
    return ChipLimitError(
        f"{owner}.network: must fit {chip.name}; its limit {limit}{value} binds at layer "
        f"{layer!r}, {what}. {fits}"
    )


def check_widths(network: Network, chip: Chip) -> None:
    """Raise where numbers are wider, or delays longer, than the chip's."""
    widest = limit_of(chip, "weight_bits")
    bits = weight_bits(network, chip)
    first = network.projections[0].name if network.projections else network.populations[0].name
    if widest is not None and bits > widest:
        raise refuse(
            chip, "weight_bits", first, f"whose weights have {bits} bits",
            f"Weights of {widest} bits would fit: quantise(network, chip).",
        )  # fmt: skip
    deepest = limit_of(chip, "membrane_bits")
    if deepest is not None and network.quantised is not None:
        membrane = network.quantised.membrane_bits
        if membrane > deepest:
            raise refuse(
                chip, "membrane_bits", first, f"whose membranes have {membrane} bits",
                f"Membranes of {deepest} bits would fit: quantise(network, chip).",
            )  # fmt: skip
    longest = limit_of(chip, "max_delay")
    for projection in network.projections:
        if longest is not None and projection.max_delay > longest:
            fits = (
                f"Delays of at most {longest} steps would fit; relay_delays(network, chip) splits "
                "longer ones."
                if longest
                else "The chip has no delays; only a network without them would fit."
            )
            raise refuse(
                chip, "max_delay", projection.name,
                f"whose delays reach {projection.max_delay} steps", fits,
            )  # fmt: skip


def check_fan_in(network: Network, chip: Chip, pairs: dict[str, Pairs]) -> None:
    """Raise where a neuron has more synapses than the chip gives one."""
    limit = limit_of(chip, "fan_in")
    if limit is None:
        return
    for population in network.populations:
        total: Ints = np.zeros(0, np.int64)
        for projection in network.into(population.name):
            found = pairs[projection.name]
            each = projection.weight.shape[0] // projection.groups
            synapses = each * np.bincount(found.target, minlength=found.targets)
            total = synapses if not len(total) else total + synapses
            most = int(total.max(initial=0))
            if most > limit:
                at_most = max(limit * each // most, 0)
                raise refuse(
                    chip, "fan_in", projection.name, f"a neuron of which has {most} synapses",
                    f"At most {at_most} input channels would fit.",
                )  # fmt: skip


def check_weight_values(network: Network, chip: Chip) -> None:
    """Raise where a neuron needs more different weights than it can tell apart."""
    limit = limit_of(chip, "axon_types")
    if limit is None:
        return
    for projection in network.projections:
        inputs, taps, outputs = projection.weight.shape
        groups = projection.groups
        by_neuron = (
            projection.weight.reshape(groups, inputs // groups * taps, outputs)
            .transpose(0, 2, 1)
            .reshape(groups * outputs, -1)
        )
        for column in by_neuron:
            values = np.unique(column[column != 0])
            if len(values) > limit:
                raise refuse(
                    chip, "axon_types", projection.name,
                    f"a neuron of which has {len(values)} different weights",
                    f"At most {limit} different weights a neuron would fit.",
                )  # fmt: skip


def fullest(use: dict[str, Use]) -> str:
    """The limit that is most used in any core."""
    share = {
        name: float((found.used / found.limit).max(initial=0.0))
        for name, found in use.items()
        if found.limit is not None
    }
    return max(share, key=lambda name: share[name], default="")
