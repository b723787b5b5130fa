"""Emulate a network on inputs: dynamics and counts, sample by sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.hw.emulation import dynamics
from neurospike.hw.emulation.inputs import Sample, samples
from neurospike.hw.emulation.outputs import read_out
from neurospike.hw.emulation.record import Array, Run
from neurospike.hw.network import Network
from neurospike.hw.neuron_models import Source
from neurospike.hw.pairs import pairs_of
from neurospike.hw.placement import Placement
from neurospike.hw.quantising import quantise as quantised_network
from neurospike.hw.sites import site_count
from neurospike.hw.tally import Tally, joined, tally
from neurospike.hw.trace import Schedule, SpikeMode, Trace

Gate = Literal["voxel", "spike"]

Forced = Mapping[str, Array | Sequence[Array]]

_LARGE = 1 << 19
"""Neuron-steps of a sample from which on samples are worth a thread each."""


def emulate(
    network: Network,
    inputs: Any,
    placement: Placement | None = None,
    gate: Gate = "voxel",
    quantise: Any = None,
    *,
    mode: SpikeMode = "unary",
    schedule: Schedule = "layerwise",
    generator: str = "bitmap",
    forced: Forced | None = None,
) -> Trace:
    """Run a lowered network event by event and count everything it does.

    Parameters
    ----------
    network
        What ``lower`` made of a model, or a network put together by hand.
    inputs
        What the model takes: a VoxelTensor, or a tensor or array (T, B, ...) or (B, ...), by
        ``network.layout``; None for a network without a source, which runs ``network.steps``.
    placement
        Cores of the neurons, from ``place``; without it there are no packets.
    gate
        "voxel": a submanifold window meets occupied sites, as in training. "spike": only those
        whose own site spikes in the same step, which is another network.
    quantise
        None, a chip, its name, or (weight_bits, membrane_bits): integers of these widths.
    mode
        An integer spike as that many "unary" events, or as one "graded" packet; the spikes are the
        same.
    schedule
        "layerwise": layers run one after another within a step, as in training. "pipelined": all
        at once, and a spike reaches the next layer a step later, loops included.
    generator
        "bitmap", "hash" or "rulebook": the index of voxels that probes are counted for.
    forced
        Population -> spikes (steps of all samples, neurons), or one array a sample: sent and reset
        by in place of its own decisions, which the trace still has, with ``margin``.

    Raises
    ------
    ArgumentError
        Inputs of another kind, shape or number of steps; numbers where spikes are required; a loop
        without delay; an unknown option; a placement for other voxels.

    Cost
    ----
    One addition an event and synapse, one update a neuron and step. Memory: the records, and of
    one population the currents of as many steps as its delays span; nothing a synapse. Large
    samples run side by side, as many as numba has threads; the results are the same bits.

    Examples
    --------
    >>> import numpy as np
    >>> from neurospike.hw.network import Network, Population, Projection, Space
    >>> from neurospike.hw.neuron_models import LIFModel, Source
    >>> from neurospike.hw.wiring import Taps
    >>> network = Network(
    ...     (
    ...         Population("ears", Space(2), Source()),
    ...         Population("cells", Space(1), LIFModel(decay=0.5, threshold=1.0)),
    ...     ),
    ...     (Projection("w", "ears", "cells", Taps(), np.array([[[0.75]], [[0.5]]])),),
    ... )
    >>> trace = emulate(network, np.array([[[1, 0]], [[1, 1]], [[0, 1]]]))
    >>> trace.spikes["cells"].ravel().tolist(), trace.total("synops")
    ([0, 1, 0], 4)
    """
    _check("gate", gate, get_args(Gate))
    _check("mode", mode, get_args(SpikeMode))
    _check("schedule", schedule, get_args(Schedule))
    if placement is not None and not isinstance(placement, Placement):
        raise ArgumentError(
            "emulate.placement: must be a Placement, as place(network, chip) makes; got "
            f"{type(placement).__name__}."
        )
    if quantise is not None:
        network = quantised_network(network, quantise)
    options = _Options(placement, gate, mode, schedule, generator, forced or {})
    parts = _each(network, list(samples(network, inputs)), options)
    if not parts:
        raise ArgumentError("emulate.inputs: must hold 1 sample or more; got 0.")
    return _trace(network, options, parts)


@dataclass(frozen=True)
class _Options:
    placement: Placement | None
    gate: Gate
    mode: SpikeMode
    schedule: Schedule
    generator: str
    forced: Forced


class _Part(NamedTuple):
    """One sample: its dynamics, what the host reads, its counts."""

    run: Run
    output: Array
    tally: Tally


def _each(network: Network, given: list[Sample], options: _Options) -> list[_Part]:
    """Every sample for itself, several at a time where they are large: Python steers them."""
    numbered = list(enumerate(given))
    workers = _workers(network, given)
    if workers == 1:
        return [_one(network, options, index, sample) for index, sample in numbered]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda pair: _one(network, options, *pair), numbered))


def _workers(network: Network, given: list[Sample]) -> int:
    if len(given) < 2:
        return 1
    _, sets, steps = given[0]
    neurons = sum(site_count(p.space, sets) * p.space.channels for p in network.populations)
    if neurons * steps < _LARGE:
        return 1
    from numba import config  # asking numba itself would start its pool

    threads: int = vars(config)["NUMBA_NUM_THREADS"]
    return min(len(given), threads)


def _one(network: Network, options: _Options, index: int, sample: Sample) -> _Part:
    values, sets, steps = sample
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    run = dynamics.run(
        network,
        values,
        pairs,
        sites={p.name: site_count(p.space, sets) for p in network.populations},
        steps=steps,
        gate=options.gate,
        schedule=options.schedule,
        forced=_forced(network, options.forced, sample, index),
    )
    counts = tally(
        network,
        sets,
        pairs,
        run.spikes,
        run.active,
        run.saturations,
        placement=options.placement,
        gate=options.gate,
        mode=options.mode,
        generator=options.generator,
    )
    return _Part(run, read_out(network, run.spikes), counts)


def _trace(network: Network, options: _Options, parts: list[_Part]) -> Trace:
    runs = [part.run for part in parts]
    return joined([part.tally for part in parts]).trace(
        network,
        options.placement,
        schedule=options.schedule,
        mode=options.mode,
        generator=options.generator,
        spikes={p.name: _together(network, p.name, runs) for p in network.populations},
        output=[part.output for part in parts],
        margin={
            name: np.concatenate([run.margin[name] for run in runs]) for name in runs[0].margin
        },
    )


def _together(network: Network, name: str, runs: list[Run]) -> Any:
    """Records of all samples: one array, or a list where voxels differ from sample to sample."""
    parts = [run.spikes[name] for run in runs]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if network.population(name).space.level is None else parts


def _forced(network: Network, forced: Forced, sample: Sample, index: int) -> dict[str, Array]:
    """The forced spikes of one sample, checked against its steps and neurons."""
    _, sets, steps = sample
    found = {}
    for name, given in forced.items():
        population = network.population(name)
        if isinstance(population.neuron, Source):
            raise ArgumentError(
                f"emulate.forced[{name!r}]: a source sends its input; give that as inputs."
            )
        rows = steps + population.extra_steps
        shape = rows, site_count(population.space, sets) * population.space.channels
        if isinstance(given, np.ndarray):
            part = given[index * rows : (index + 1) * rows]
        else:
            part = given[index]
        if part.shape != shape:
            raise ArgumentError(
                f"emulate.forced[{name!r}]: must be {shape}, steps by neurons, for each sample; "
                f"got {part.shape} for sample {index}."
            )
        found[name] = part
    return found


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        names = ", ".join(repr(one) for one in allowed)
        raise ArgumentError(f"emulate.{name}: must be one of {names}; got {value!r}.")
