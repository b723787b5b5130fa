"""How full every core is, counted exactly from the cores of the neurons, however they got there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.chip import Chip
from neurospike.hw.network import Network, Projection
from neurospike.hw.neuron_models import Source
from neurospike.hw.placement import Use
from neurospike.hw.placing.limits import PACKED, limit_of, refuse
from neurospike.hw.placing.memory import axons_each, kernel_bits, packing_of, shares_kernel
from neurospike.hw.placing.packing import delay_slots
from neurospike.hw.routing import Routes

Ints = NDArray[np.int64]


def usage(
    network: Network,
    chip: Chip,
    core: dict[str, NDArray[np.int32]],
    routes: dict[str, Routes],
    cores: int,
) -> dict[str, Use]:
    """What every core needs of each limit that the chip has.

    Axons are counted per projection, as nengo-loihi allocates them: one comes in for every source
    neuron, projection and core, and one leaves for every projection and destination core. Packets
    are counted per core, as SANA-FE sends them: where two projections of one source meet in a
    core, each takes axons, and one packet serves both.

    Cost
    ----
    O(neurons + destination cores of all sites).
    """
    used = {name: np.zeros(cores, np.int64) for name, _ in PACKED}
    for name, where in core.items():
        here = np.bincount(where, minlength=cores)
        used["neurons_per_core"] += here
        used["delay_slots_per_core"] += here * delay_slots(network, network.population(name))
    for projection in network.projections:
        if projection.target not in core:
            continue
        way = routes[projection.name]
        used["axons_in_per_core"] += _axons_in(projection, chip, way, cores)
        if projection.source in core:
            out = axons_out(projection, chip, way).reshape(-1)
            leaving = np.bincount(core[projection.source], weights=out, minlength=cores)
            used["axons_out_per_core"] += leaving.astype(np.int64)
        used["synapse_bits_per_core"] += _synapse_bits(
            network, chip, projection, core[projection.target], way, cores
        )
    if chip.packing == "crossbar":
        cells = used["axons_in_per_core"] * used["neurons_per_core"]
        used["synapse_bits_per_core"] = cells * _cell_bits(chip)
    return {
        name: Use(used[name], limit_of(chip, name), unit)
        for name, unit in PACKED
        if limit_of(chip, name) is not None
    }


def check_fan_out(network: Network, chip: Chip, routes: dict[str, Routes]) -> None:
    """Raise where a neuron sends to more cores than it has axons."""
    limit = limit_of(chip, "fan_out")
    if limit is None:
        return
    for population in network.populations:
        out = [
            p for p in network.out_of(population.name) if not isinstance(population.neuron, Source)
        ]
        total = sum((axons_out(p, chip, routes[p.name]) for p in out), np.zeros(1, np.int32))
        most = int(np.max(total, initial=0))
        if most > limit:
            raise refuse(
                chip, "fan_out", out[-1].name, f"a neuron before which sends to {most} cores",
                "Layers after it that fit one core would fit; copies of neurons are not made.",
            )  # fmt: skip


def axons_out(projection: Projection, chip: Chip, way: Routes) -> NDArray[np.int32]:
    """int32 (sites, channels) axons that leave every source neuron: one a destination core."""
    channels, groups = projection.weight.shape[0], projection.groups
    by_group = np.diff(way.offsets).astype(np.int32).reshape(-1, groups)
    found: NDArray[np.int32] = np.repeat(by_group, channels // groups, axis=1)
    each = axons_each(projection, chip)
    return found if (each == 1).all() else found * each.astype(np.int32)


def _axons_in(projection: Projection, chip: Chip, way: Routes, cores: int) -> Ints:
    """(cores,) axons that come in: of every channel of the groups that reach the core."""
    groups = projection.groups
    each = axons_each(projection, chip).reshape(groups, -1).sum(1)
    if groups == 1 or (each == each[0]).all():
        found: Ints = each[0] * np.bincount(way.core, minlength=cores)
        return found
    rows = np.arange(len(way.offsets) - 1) % groups
    weights = np.repeat(each[rows], np.diff(way.offsets))
    return np.bincount(way.core, weights=weights, minlength=cores).astype(np.int64)


def _synapse_bits(
    network: Network,
    chip: Chip,
    projection: Projection,
    where: NDArray[np.int32],
    way: Routes,
    cores: int,
) -> Ints:
    packing = packing_of(projection, network, chip)
    groups, fan = projection.groups, projection.weight.shape[2]
    if shares_kernel(projection, network, chip):
        channels = groups * fan
        present = np.zeros((cores, channels), bool)
        present[where.reshape(-1, channels), np.arange(channels)] = True
        by_group: Ints = present.reshape(cores, groups, fan).sum(2)
        return kernel_bits(packing, projection, by_group)
    each = projection.weight.shape[0] // groups
    bits = np.bincount(way.core, weights=packing.list_bits(way.synapses), minlength=cores)
    total: Ints = each * bits.astype(np.int64)
    return total


def _cell_bits(chip: Chip) -> int:
    """Bits of one cell of a crossbar: the whole over its axons and neurons."""
    bits, axons, neurons = (
        limit_of(chip, name)
        for name in ("synapse_bits_per_core", "axons_in_per_core", "neurons_per_core")
    )
    return (bits or 0) // max((axons or 1) * (neurons or 1), 1)
