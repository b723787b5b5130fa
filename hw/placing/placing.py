"""A network on cores: every population packed, from the last to the first, then numbered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.chip import Chip, chip_of
from neurospike.hw.network import Network, Population
from neurospike.hw.neuron_models import Source
from neurospike.hw.pairs import pairs_of
from neurospike.hw.placement import Placement, Use
from neurospike.hw.placing.bound import lower_bound
from neurospike.hw.placing.limits import (
    PACKED,
    UNLIMITED,
    check_fan_in,
    check_weight_values,
    check_widths,
    core_limits,
    fullest,
    refuse,
)
from neurospike.hw.placing.numbering import number_cores
from neurospike.hw.placing.order import coordinates, morton_order
from neurospike.hw.placing.packing import Packed, inputs_of, pack
from neurospike.hw.placing.remedies import too_large
from neurospike.hw.placing.speck import place_layers
from neurospike.hw.placing.usage import axons_out, check_fan_out, usage
from neurospike.hw.routing import Routes, routes
from neurospike.hw.sites import active_sets, site_count
from neurospike.hw.wiring import Pairs
from neurospike.sparse import ActiveSet, VoxelTensor

Style = Literal["compact", "static"]
Cores = NDArray[np.int32]

_HALVINGS = 10


def place(
    network: Network,
    chip: Chip | str | Path,
    example: VoxelTensor | None = None,
    *,
    style: Style = "compact",
) -> Placement:
    """Put every neuron in a core, under every limit of the chip.

    Populations are packed one by one: sites along a Morton curve, so that neighbours stay
    together, and channels in equal parts, until a limit closes the core. A population has cores of
    its own, but for tiny ones, which need one core and at most a quarter of each of its limits:
    these share. A kernel is stored once a core where the chip can share it. Cores of one region of
    the grid stand close together, whatever their layer. What one chip does not hold goes on to the
    next. Sources stay with the host and have no core.

    Parameters
    ----------
    network
        A lowered network.
    chip
        A chip, the name of one that ships with the package, or the path of a file.
    example
        One sample, whose voxels are placed; by default the one that the network was lowered with.
    style
        "compact": neurons for the occupied voxels. "static": for the whole grid, so that addresses
        are arithmetic and any sample fits; the cores of the occupied voxels are returned.

    Raises
    ------
    ChipLimitError
        A network that does not fit: names the limit that binds, the layer, and what would fit.
    ArgumentError
        Voxels without an example.

    Cost
    ----
    O(pairs of sites) time and memory.
    """
    if style not in ("compact", "static"):
        raise ArgumentError(f"hw.place.style: must be 'compact' or 'static'; got {style!r}.")
    chip = chip_of(chip)
    sets = _sets(network, example)
    if style == "static" and sets:
        from neurospike.hw.placing.static import place_whole_grid

        return place_whole_grid(network, chip, sets)
    return place_sets(network, chip, sets)


def place_as(
    network: Network,
    chip: Chip | str | Path,
    cores: Mapping[str, NDArray[Any]],
    example: VoxelTensor | None = None,
    *,
    check: bool = True,
) -> Placement:
    """Make a placement of cores that are given, and count how full they are.

    Parameters
    ----------
    network, chip, example
        As in ``place``.
    cores
        Population -> (neurons,) core of each; neurons are site * channels + channel. Sources may
        have cores, all other populations must.
    check
        Whether to refuse cores that hold more than they can.

    Raises
    ------
    ChipLimitError
        A core that holds more than it can.
    ArgumentError
        A population without cores, or of another size.
    """
    chip = chip_of(chip)
    sets = _sets(network, example)
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    core = {}
    for population in network.populations:
        name = population.name
        found = cores.get(name)
        if found is None and isinstance(population.neuron, Source):
            continue
        neurons = site_count(population.space, sets) * population.space.channels
        if found is None or len(found) != neurons or (neurons and np.min(found) < 0):
            got = "none" if found is None else f"{len(found)} numbers"
            raise ArgumentError(
                f"hw.place_as.cores[{name!r}]: must have a core of 0 or more for each of "
                f"{neurons} neurons; got {got}."
            )
        core[name] = np.ascontiguousarray(found, dtype=np.int32)
    count = 1 + max((int(found.max(initial=-1)) for found in core.values()), default=-1)
    ways = {
        p.name: routes(p, pairs[p.name], core.get(p.target), cores=count)
        for p in network.projections
    }
    use = usage(network, chip, core, ways, count)
    if check:
        check_fan_out(network, chip, ways)
        _check(chip, core, use)
    bound, binding = lower_bound(network, chip, pairs, sets)
    return Placement(
        core, count, chip.mesh.as_mesh(), chip.name, use, binding=binding, lower_bound=bound
    )


def place_sets(network: Network, chip: Chip, sets: list[ActiveSet]) -> Placement:
    """Place a network for the voxels of every level."""
    check_widths(network, chip)
    check_weight_values(network, chip)
    if chip.packing == "speck":
        return place_layers(network, chip)
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    check_fan_in(network, chip, pairs)
    packed, ways = _pack_all(network, chip, pairs, sets)
    check_fan_out(network, chip, ways)
    numbers, count = number_cores(network, chip, packed, sets)
    core = {name: numbers[name][found.core] for name, found in packed.items()}
    for projection in network.projections:
        way = ways[projection.name]
        renamed = numbers[projection.target][way.core]
        ways[projection.name] = Routes(way.offsets, renamed, way.synapses)
    use = usage(network, chip, core, ways, count)
    _check(chip, core, use)
    bound, _ = lower_bound(network, chip, pairs, sets)
    return Placement(
        core, count, chip.mesh.as_mesh(), chip.name, use,
        binding=_binding(packed, use), lower_bound=bound,
    )  # fmt: skip


def _sets(network: Network, example: VoxelTensor | None) -> list[ActiveSet]:
    if not network.levels:
        return []
    if example is not None:
        if example.batch_size != 1:
            raise ArgumentError(
                f"hw.place.example: must be one sample; got a batch of {example.batch_size}. Place "
                "them one by one: hw.samples_of takes a batch apart."
            )
        return active_sets(network, example)
    kept: list[ActiveSet] = list(network.example)
    if not kept:
        raise ArgumentError(
            "hw.place.example: a network on voxels needs a sample, whose voxels are placed; got "
            "None. Pass one VoxelTensor."
        )
    return kept


def _pack_all(
    network: Network, chip: Chip, pairs: dict[str, Pairs], sets: list[ActiveSet]
) -> tuple[dict[str, Packed], dict[str, Routes]]:
    """Pack from the last population to the first: then the axons out of each are known."""
    packed: dict[str, Packed] = {}
    ways: dict[str, Routes] = {}
    orders: dict[Any, NDArray[np.int64]] = {}
    for population in reversed(network.populations):
        space, name = population.space, population.name
        if isinstance(population.neuron, Source):
            continue
        key = (space.shape, space.level)
        if key not in orders:
            orders[key] = morton_order(coordinates(space, sets))
        found = _pack_one(network, chip, population, pairs, orders[key], ways)
        packed[name] = found
        for projection in network.into(name):
            ways[projection.name] = routes(
                projection, pairs[projection.name], found.core, cores=found.cores
            )
    return packed, ways


def _pack_one(
    network: Network,
    chip: Chip,
    population: Population,
    pairs: dict[str, Pairs],
    order: NDArray[np.int64],
    ways: dict[str, Routes],
) -> Packed:
    """Pack one population; a recurrent one again and smaller until its own axons out fit."""
    name = population.name
    out = np.zeros((len(order), population.space.channels), np.int32)
    for projection in network.out_of(name):
        if projection.name in ways:
            out += axons_out(projection, chip, ways[projection.name])
    inputs = inputs_of(network, name, len(order), pairs)
    found = pack(network, chip, population, inputs, order, out)
    if found.broken >= 0:
        raise too_large(
            network, chip, population, pairs, found,
            lambda bits: pack(
                network, chip, population, inputs, order, out, width=bits
            ).broken < 0,
        )  # fmt: skip
    limit = core_limits(chip)[3]
    own = [p for p in network.out_of(name) if p.target == name]
    if not own or limit == UNLIMITED:
        return found
    for _ in range(_HALVINGS):
        total = out.copy()
        for projection in own:
            way = routes(projection, pairs[projection.name], found.core, cores=found.cores)
            total += axons_out(projection, chip, way)
        leaving = np.bincount(found.core, weights=total.reshape(-1), minlength=found.cores)
        if leaving.max(initial=0) <= limit:
            break
        fewer = max(int(found.fullest[0]) // 2, 1)
        found = pack(network, chip, population, inputs, order, out, neurons_limit=fewer)
    return found


def _binding(packed: dict[str, Packed], use: dict[str, Use]) -> str:
    """The limit that closed most cores; the one most used where none closed any."""
    closed = sum((found.closed for found in packed.values()), np.zeros(5, np.int64))
    if closed.any():
        return PACKED[int(np.argmax(closed))][0]
    return fullest(use)


def _check(chip: Chip, core: dict[str, Cores], use: dict[str, Use]) -> None:
    """Raise where a core holds more than it can."""
    for name, found in use.items():
        if found.limit is None or not np.any(found.used > found.limit):
            continue
        worst = int(np.argmax(found.used))
        layer = next(n for n, where in core.items() if np.any(where == worst))
        raise refuse(
            chip, name, layer, f"whose core {worst} needs {found.used[worst]} {found.unit}",
            "Fewer channels, or fewer neurons in that core, would fit.",
        )  # fmt: skip
