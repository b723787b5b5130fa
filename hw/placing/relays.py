"""Delays longer than a chip's, split by neurons that pass spikes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.hw.chip import Chip, chip_of
from neurospike.hw.network import Network, Population, Projection
from neurospike.hw.neuron_models import ILIFModel, Source, fires
from neurospike.hw.placing.limits import limit_of, refuse
from neurospike.hw.wiring import Pointwise


def relay_delays(network: Network, chip: Chip | str | Path) -> Network:
    """Make a network whose delays are all within the chip's, and whose spikes are the same.

    A source whose synapses are too late gets relays: populations of its own shape that send on
    each spike, value and all, after the longest delay that the chip has; the k-th is k times as
    late. A synapse starts from the last relay before it is due. Each relay has all synapses of the
    projection that it serves, those of other delays with weight 0, and they are counted.

    Parameters
    ----------
    network
        A lowered network; one within the chip's delays is returned as it is.
    chip
        Whose ``max_delay`` it is about: a chip, its name, or the path of a file.

    Raises
    ------
    ChipLimitError
        A chip without delays.
    ArgumentError
        A late projection of real numbers, which no neuron can pass on.

    Cost
    ----
    A copy of every late projection for each relay.
    """
    chip = chip_of(chip)
    limit = limit_of(chip, "max_delay")
    late = [p for p in network.projections if limit is not None and p.max_delay > limit]
    if limit is None or not late:
        return network
    if limit == 0:
        raise refuse(
            chip, "max_delay", late[0].name, f"whose delays reach {late[0].max_delay} steps",
            "The chip has no delays, so that relays have nothing to wait in.",
        )  # fmt: skip
    relays: dict[str, list[Population]] = {}
    projections: list[Projection] = []
    for projection in network.projections:
        if projection not in late:
            projections.append(projection)
            continue
        names = _relays(network, projection, limit, relays, projections)
        projections += _parts(projection, limit, names)
    populations = [one for p in network.populations for one in (p, *relays.get(p.name, ()))]
    made = [one.name for found in relays.values() for one in found]
    quantised = network.quantised
    if quantised is not None:
        quantised = replace(quantised, scale=quantised.scale | dict.fromkeys(made, 1.0))
    return replace(
        network, populations=tuple(populations), projections=tuple(projections),
        quantised=quantised,
    )  # fmt: skip


def _relays(
    network: Network,
    projection: Projection,
    limit: int,
    relays: dict[str, list[Population]],
    projections: list[Projection],
) -> list[str]:
    """Names of the relays of a projection's source, as many as it needs; new ones are added."""
    source = network.population(projection.source)
    if not fires(source.neuron) or projection.once:
        raise ArgumentError(
            f"hw.relay_delays.network: late projections must send spikes; {projection.name!r} "
            f"sends numbers of {source.name!r} up to {projection.max_delay} steps late. Shorten "
            f"its delays to {limit}."
        )
    chain = relays.setdefault(source.name, [])
    channels = source.space.channels
    target = network.population(projection.target)
    while len(chain) < (projection.max_delay - 1) // limit:
        before = chain[-1].name if chain else source.name
        name = f"{source.name}.relay{len(chain) + 1}"
        chain.append(
            Population(
                name, source.space, ILIFModel(_most_spikes(source), beta=0, relay=True),
                extra_steps=target.extra_steps,
            )
        )  # fmt: skip
        one = np.ones((channels, 1, 1), projection.weight.dtype)
        projections.append(
            Projection(
                f"{before}->{name}", before, name, Pointwise(), one, groups=channels,
                delay=np.full(one.shape, limit, np.int32),
            )
        )  # fmt: skip
    # A relay runs as long as the last that it serves.
    for index, one_relay in enumerate(chain):
        steps = max(one_relay.extra_steps, target.extra_steps)
        chain[index] = replace(one_relay, extra_steps=steps)
    return [source.name, *(one_relay.name for one_relay in chain)]


def _parts(projection: Projection, limit: int, names: list[str]) -> list[Projection]:
    """A projection cut by delay: from the source, and from each relay, what is due after it."""
    delay = projection.delay
    if delay is None:
        return [projection]
    found = []
    for index, name in enumerate(names):
        mine = np.maximum(delay - 1, 0) // limit == index
        if not mine.any():
            continue
        found.append(
            replace(
                projection,
                name=projection.name if index == 0 else f"{projection.name}.relay{index}",
                source=name,
                weight=np.where(mine, projection.weight, 0).astype(projection.weight.dtype),
                # A zero weight still has a delay, and a recurrent one must not be 0.
                delay=np.where(mine, delay - index * limit, 1).astype(np.int32),
            )
        )
    return found


def _most_spikes(source: Population) -> int:
    """The largest value that a relay must pass on."""
    if isinstance(source.neuron, ILIFModel):
        return source.neuron.max_spikes
    return 2**15 if isinstance(source.neuron, Source) else 1
