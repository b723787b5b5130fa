"""One population on as few cores as greedy packing finds, split by channels and by space."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.chip import Chip
from neurospike.hw.network import Network, Population, Projection
from neurospike.hw.placing.limits import core_limits
from neurospike.hw.placing.memory import (
    Packing,
    axons_each,
    kernel_bits,
    packing_of,
    shares_kernel,
)
from neurospike.hw.wiring import Pairs

Ints = NDArray[np.int64]

_TRIES_WITHOUT_GAIN = 2


@dataclass(frozen=True, eq=False)
class Packed:
    """A population on cores of its own, numbered from 0.

    Attributes
    ----------
    core
        int32 (neurons,).
    cores
        How many.
    closed
        (5,) how often each limit closed a core.
    fullest
        (5,) the most that a core needs of each limit.
    broken
        The limit that not even one site and one channel meets, or -1.
    """

    core: NDArray[np.int32]
    cores: int
    closed: Ints
    fullest: Ints
    broken: int = -1


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything that comes into a population, by target site.

    Attributes
    ----------
    offsets, source
        Sources of every target site as CSR; sources are numbered through all projections.
    owner
        int32 (sources,): the projection of each source.
    """

    projections: tuple[Projection, ...]
    offsets: Ints
    source: Ints
    owner: NDArray[np.int32]


def inputs_of(network: Network, name: str, sites: int, pairs: dict[str, Pairs]) -> Inputs:
    """Turn the pairs of all projections into a population round."""
    from neurospike.hw.placing.kernels import turn_round

    into = network.into(name)
    counts = np.zeros(sites, np.int64)
    for projection in into:
        counts += np.bincount(pairs[projection.name].target, minlength=sites)
    offsets = np.zeros(sites + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    source = np.empty(offsets[-1], np.int64)
    starts = offsets[:-1].copy()
    base, owners = 0, []
    for index, projection in enumerate(into):
        found = pairs[projection.name]
        turn_round(found.offsets, found.target, base, source, starts)
        base += found.sources
        owners.append(np.full(found.sources, index, np.int32))
    owner = np.concatenate(owners) if owners else np.zeros(0, np.int32)
    return Inputs(into, offsets, source, owner)


def pack(
    network: Network,
    chip: Chip,
    population: Population,
    inputs: Inputs,
    order: Ints,
    axons_out: NDArray[np.int32],
    *,
    neurons_limit: int | None = None,
    width: int | None = None,
) -> Packed:
    """Pack a population: sites along ``order``, channels in equal parts.

    The channels of a site are cut in 1, 2, 3, 4, 6, 8, ... parts; of what fits, the fewest cores
    win, and the fewest parts among those.

    Parameters
    ----------
    axons_out
        (sites, channels) destination cores of every neuron.
    neurons_limit
        Fewer neurons a core than the chip's own limit.
    width
        Bits of a weight, other than the network's or the chip's.
    """
    limits = core_limits(chip)
    if neurons_limit is not None:
        limits[0] = min(limits[0], neurons_limit)
    channels = population.space.channels
    best: Packed | None = None
    worst: Packed | None = None
    since, reasons = 0, np.zeros(5, np.int64)
    synapses = [_Synapses.of(projection, network, chip, width) for projection in inputs.projections]
    slots = delay_slots(network, population)
    for parts in _parts(channels, single=len(order) == 1):
        found = _pack_parts(
            chip, population, inputs, synapses, order, axons_out, limits, parts, slots
        )  # fmt: skip
        if found.broken >= 0:
            worst, reasons[found.broken] = found, parts
            continue
        if best is None or found.cores < best.cores:
            best, since = found, 0
        else:
            since += 1
        if since >= _TRIES_WITHOUT_GAIN or best.cores <= parts:
            break
    if best is not None:
        # What forbade fewer parts multiplied the cores, as much as what closed them.
        return replace(best, closed=best.closed + reasons)
    if worst is not None:
        return worst
    return Packed(np.zeros(0, np.int32), 0, np.zeros(5, np.int64), np.zeros(5, np.int64))


def _parts(channels: int, *, single: bool) -> list[int]:
    """Numbers of parts to try, ascending; all of them where there is one site."""
    if single and channels <= 4096:
        return sorted({-(-channels // -(-channels // n)) for n in range(1, channels + 1)})
    found = {1, channels}
    parts = 2
    while parts < channels:
        found |= {parts, min(parts * 3 // 2, channels)}
        parts *= 2
    return sorted(found)


@dataclass(frozen=True, eq=False)
class _Synapses:
    """What packing needs of a projection, however its channels are cut.

    Attributes
    ----------
    packing, shared
        How its synapses take memory, and whether a kernel is kept once a core.
    axons
        (groups,) axons of a source site, ascending.
    """

    packing: Packing
    shared: bool
    axons: Ints

    @classmethod
    def of(
        cls, projection: Projection, network: Network, chip: Chip, width: int | None
    ) -> _Synapses:
        axons = axons_each(projection, chip).reshape(projection.groups, -1).sum(1)
        return cls(
            packing_of(projection, network, chip, width),
            shares_kernel(projection, network, chip),
            np.sort(axons),
        )


def _pack_parts(
    chip: Chip,
    population: Population,
    inputs: Inputs,
    synapses: list[_Synapses],
    order: Ints,
    axons_out: NDArray[np.int32],
    limits: Ints,
    parts: int,
    slots: int,
) -> Packed:
    from neurospike.hw.placing.kernels import pack_sites

    channels = population.space.channels
    share = -(-channels // parts)
    starts = np.arange(0, channels, share)
    each, outputs, bits, fixed = [], [], [], 0
    header, word = 0, 1
    for projection, known in zip(inputs.projections, synapses, strict=True):
        groups, fan = projection.groups, projection.weight.shape[2]
        # Groups that the part meets at most; with one group all source channels reach it.
        met = min(groups, -(-share // fan) + (1 if share % fan and fan % share else 0))
        packing = known.packing
        header, word = packing.header, packing.word
        each.append(int(known.axons[groups - met :].sum()))
        outputs.append(min(fan, share))
        if chip.packing == "crossbar":
            bits.append(0)
        elif known.shared:
            bits.append(0)
            met_channels = np.zeros((1, groups), np.int64)
            met_channels[0, :met] = min(fan, share)
            fixed += int(kernel_bits(packing, projection, met_channels)[0])
        else:
            bits.append(packing.bits)
    out = np.add.reduceat(axons_out.astype(np.int64), starts, axis=1).max(1)
    block, blocks, closed, broken, fullest = pack_sites(
        order, inputs.offsets, inputs.source, inputs.owner,
        _ints(each), _ints(outputs), _ints(bits),
        header, word, fixed, share, slots * share, out, limits,
    )  # fmt: skip
    part = np.arange(channels) // share
    core = (block[:, None].astype(np.int64) * len(starts) + part).reshape(-1).astype(np.int32)
    return Packed(core, blocks * len(starts), closed * len(starts), fullest, broken)


def delay_slots(network: Network, population: Population) -> int:
    """Slots of a delay line that each neuron of a population takes; one where nothing is late."""
    return 1 + max((p.max_delay for p in network.into(population.name)), default=0)


def _ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)
