"""Counts of one sample, and of several in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network
from neurospike.hw.neuron_models import ILIFModel
from neurospike.hw.placement import Placement
from neurospike.hw.sites import site_count
from neurospike.hw.tally.indices import GENERATORS, rebuild
from neurospike.hw.tally.mesh import Plane
from neurospike.hw.tally.packets import Packets
from neurospike.hw.tally.populations import count_population
from neurospike.hw.tally.projections import count_projection
from neurospike.hw.tally.run import Run
from neurospike.hw.tally.shortcuts import count_shortcut
from neurospike.hw.trace import Counts, Schedule, SpikeMode, Trace
from neurospike.hw.wiring import Pairs
from neurospike.sparse import ActiveSet

GATES = ("voxel", "spike")


@dataclass(eq=False)
class Tally:
    """Every count of a sample, or of samples in a row, as ``Trace`` has them.

    Attributes
    ----------
    populations, projections, shortcuts, cores, links, rebuild, flow
        As in ``Trace``.
    sites
        (samples, levels) occupied sites.
    """

    populations: dict[str, Counts]
    projections: dict[str, Counts]
    shortcuts: dict[str, Counts]
    cores: dict[str, Counts]
    links: NDArray[np.int64]
    rebuild: dict[str, Counts] = field(default_factory=dict)
    sites: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 0), np.int64))
    flow: NDArray[np.int64] = field(default_factory=lambda: np.zeros((4, 0, 0), np.int64))

    def trace(
        self,
        network: Network,
        placement: Placement | None,
        *,
        schedule: Schedule,
        mode: SpikeMode,
        generator: str,
        spikes: dict[str, Any],
        output: Sequence[NDArray[Any]] = (),
        margin: dict[str, NDArray[Any]] | None = None,
    ) -> Trace:
        """The trace that these are the counts of; arguments as in ``Trace``."""
        return Trace(
            network=network,
            placement=placement,
            schedule=schedule,
            mode=mode,
            samples=len(self.sites),
            depth=depth_of(network, mode),
            spikes=spikes,
            output=list(output),
            populations=self.populations,
            projections=self.projections,
            shortcuts=self.shortcuts,
            cores=self.cores,
            links=self.links,
            flow=self.flow,
            sites=self.sites,
            rebuild=self.rebuild,
            generator=generator,
            margin=margin or {},
        )


def depth_of(network: Network, mode: str = "unary") -> int:
    """Rows of an integer step: the most spikes that a neuron sends in one, or 1 where graded.

    Values of a source beyond that go round: event i of a step is sent in row i % depth.
    """
    if mode == "graded":
        return 1
    most = [
        p.neuron.max_spikes
        for p in network.populations
        if isinstance(p.neuron, ILIFModel) and not p.neuron.relay
    ]
    return max(most, default=1)


def tally(
    network: Network,
    sets: list[ActiveSet],
    pairs: Mapping[str, Pairs],
    spikes: Mapping[str, NDArray[Any]],
    active: Mapping[str, NDArray[Any]] | None = None,
    saturations: Mapping[str, NDArray[Any]] | None = None,
    *,
    placement: Placement | None = None,
    gate: str = "voxel",
    mode: str = "unary",
    generator: str = "bitmap",
) -> Tally:
    """Count everything that one sample did.

    Parameters
    ----------
    network, sets, pairs
        A network, the voxels of each level, and the pairs of each projection for them.
    spikes
        Population -> (integer steps, neurons): spikes, or numbers of a population that does not
        fire. One that is absent sent nothing.
    active
        Population -> booleans (steps, neurons), or (steps,) numbers of neurons: those with work.
        Of one that is absent every neuron has, which is the most there can be. Where only numbers
        are known, each core is given all of its neurons.
    saturations
        Population -> (steps,); none where absent.
    placement
        Cores of the neurons; without it there are no packets.
    gate
        "voxel": a submanifold window meets occupied sites. "spike": those whose own site spiked
        in the same integer step.
    mode
        "unary" or "graded": see ``Trace``.
    generator
        "bitmap", "hash" or "rulebook": the index that probes and reads are counted for.

    Raises
    ------
    ArgumentError
        An unknown option, a placement for other voxels, or spikes of another shape.

    Cost
    ----
    O(events * (1 + destination cores)); with gate "spike" O(events * taps).
    """
    _check_options(gate, mode, generator)
    steps = _steps(network, sets, spikes, placement)
    depth = depth_of(network, mode)
    rows = max(steps.values(), default=0) * depth
    plane = Plane(placement, rows)
    static = placement is not None and placement.style == "static"
    run = Run(network, plane, depth, gate, mode, generator, static)
    found = Tally({}, {}, {}, {}, np.zeros(0, np.int64))
    for population in network.populations:
        name = population.name
        values = _values(network, sets, spikes, steps, name)
        own, by_core = count_population(
            run, population, values, (active or {}).get(name), (saturations or {}).get(name)
        )
        found.populations[name] = own
        _keep(found.cores, name, by_core)
    packets = Packets(network, plane.cores)
    for projection in network.projections:
        values = _values(network, sets, spikes, steps, projection.source)
        own, by_core = count_projection(
            run, projection, pairs[projection.name], values, steps[projection.target], packets
        )
        found.projections[projection.name] = own
        _keep(found.cores, projection.name, by_core)
    for shortcut in network.shortcuts:
        neurons = _neurons(network, sets, shortcut.target)
        own, by_core = count_shortcut(run, shortcut, neurons=neurons, steps=steps[shortcut.target])
        found.shortcuts[shortcut.name] = own
        _keep(found.cores, shortcut.name, by_core)
    found.links = plane.busiest()
    found.flow = plane.links()
    found.sites = np.array([[len(one) for one in sets]], np.int64).reshape(1, len(sets))
    found.rebuild = _rebuild(network, sets, dict(pairs), static=static)
    return found


def joined(tallies: Sequence[Tally]) -> Tally:
    """Tallies of samples, one after another in the rows."""
    if len(tallies) == 1:
        return tallies[0]
    return Tally(
        populations=_joined([one.populations for one in tallies]),
        projections=_joined([one.projections for one in tallies]),
        shortcuts=_joined([one.shortcuts for one in tallies]),
        cores=_joined([one.cores for one in tallies]),
        links=np.concatenate([one.links for one in tallies]),
        rebuild=_joined([one.rebuild for one in tallies]),
        sites=np.concatenate([one.sites for one in tallies]),
        flow=np.sum([one.flow for one in tallies], axis=0),
    )


def _joined(parts: list[dict[str, Counts]]) -> dict[str, Counts]:
    return {
        name: {count: np.concatenate([part[name][count] for part in parts]) for count in counts}
        for name, counts in parts[0].items()
    }


def _keep(cores: dict[str, Counts], name: str, by_core: Counts) -> None:
    if by_core:
        cores[name] = by_core


def _rebuild(
    network: Network, sets: list[ActiveSet], pairs: dict[str, Pairs], *, static: bool
) -> dict[str, Counts]:
    """Costs of all levels together: generator -> count -> (1,)."""
    found: dict[str, Counts] = {}
    if not sets:
        return found
    for cost in rebuild(network, sets, pairs, static=static):
        total = found.setdefault(cost.generator, {})
        for count, value in cost.counts.items():
            total[count] = total.get(count, np.zeros(1, np.int64)) + value
    return found


def _neurons(network: Network, sets: list[ActiveSet], name: str) -> int:
    space = network.population(name).space
    return site_count(space, sets) * space.channels


def _steps(
    network: Network,
    sets: list[ActiveSet],
    spikes: Mapping[str, NDArray[Any]],
    placement: Placement | None,
) -> dict[str, int]:
    """Integer steps of every population; those without values run as the input, plus the tails."""
    found = {}
    base = max(
        (len(v) - network.population(name).extra_steps for name, v in spikes.items()), default=0
    )
    for population in network.populations:
        name = population.name
        neurons = _neurons(network, sets, name)
        values = spikes.get(name)
        found[name] = base + population.extra_steps if values is None else len(values)
        if values is not None and (values.ndim != 2 or values.shape[1] != neurons):
            raise ArgumentError(
                f"hw.tally.spikes[{name!r}]: must be (steps, {neurons}), a column a neuron; got "
                f"{values.shape}."
            )
        core = None if placement is None else placement.core.get(name)
        if core is not None and len(core) != neurons:
            raise ArgumentError(
                f"Placement.core[{name!r}]: must have one core a neuron, {neurons} for this "
                f"sample; got {len(core)}. Place the network with this sample: "
                "place(network, chip, sample)."
            )
    return found


def _values(
    network: Network,
    sets: list[ActiveSet],
    spikes: Mapping[str, NDArray[Any]],
    steps: dict[str, int],
    name: str,
) -> NDArray[Any]:
    values = spikes.get(name)
    if values is not None:
        return values
    return np.zeros((steps[name], _neurons(network, sets, name)), np.int32)


def _check_options(gate: str, mode: str, generator: str) -> None:
    options = (
        ("gate", gate, GATES),
        ("mode", mode, get_args(SpikeMode)),
        ("generator", generator, GENERATORS),
    )
    for name, value, allowed in options:
        if value not in allowed:
            names = ", ".join(repr(one) for one in allowed)
            raise ArgumentError(f"hw.tally.{name}: must be one of {names}; got {value!r}.")
