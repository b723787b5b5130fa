"""Counts of one population, for one sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Population
from neurospike.hw.neuron_models import Source, fires
from neurospike.hw.tally.run import Run, is_graded, whole
from neurospike.hw.trace import POPULATION_COUNTS, Counts


def count_population(
    run: Run,
    population: Population,
    values: NDArray[Any],
    active: NDArray[Any] | None,
    saturations: NDArray[Any] | None,
) -> tuple[Counts, Counts]:
    """Counts of a population, and those by core.

    Neurons work once an integer step, in its first row. A source works where it has a core; what
    stays with the host is not counted but for its spikes. ``active``: (steps, neurons) booleans, or
    (steps,) numbers of neurons; None for all.
    """
    from neurospike.hw.tally.kernels import count_spikes

    plane, depth = run.plane, run.depth
    core = plane.core(population.name)
    counts = {name: np.zeros(plane.rows, np.int64) for name in POPULATION_COUNTS}
    by_core = {name: plane.by_core() for name in ("accesses", "updates", "fired")}
    steps = len(values)
    firsts = slice(0, steps * depth, depth)
    if fires(population.neuron):
        unary = not is_graded(run, population, values)
        sent, fired, fired_at = count_spikes(whole(values), depth, unary, core, plane.cores)
        counts["spikes"][: steps * depth] = sent
        counts["fired"][firsts] = fired
        by_core["fired"][firsts] = fired_at
    if not isinstance(population.neuron, Source) or len(core):
        neurons = values.shape[1]
        counts["accesses"][firsts] = neurons
        counts["updates"][firsts] = neurons if active is None else _each_step(active)
        counts["idle"][firsts] = counts["accesses"][firsts] - counts["updates"][firsts]
        counts["bias_adds"][firsts] = _biases(run, population, neurons)
        if len(core):
            everyone = np.bincount(core, minlength=plane.cores)
            by_core["accesses"][firsts] = everyone
            by_core["updates"][firsts] = _updates_at(core, active, everyone)
    if saturations is not None:
        counts["saturations"][firsts] = saturations
    return counts, (by_core if len(core) else {})


def _each_step(active: NDArray[Any]) -> NDArray[Any]:
    return active if active.ndim == 1 else np.count_nonzero(active, axis=1)


def _updates_at(
    core: NDArray[np.int32], active: NDArray[Any] | None, everyone: NDArray[Any]
) -> NDArray[Any]:
    """(steps, cores), or ``everyone`` (cores,) where only numbers are known: all may be theirs."""
    if active is None or active.ndim == 1:
        return everyone
    from neurospike.hw.tally.kernels import count_by_core

    return count_by_core(active.astype(bool, copy=False), core, len(everyone))


def _biases(run: Run, population: Population, neurons: int) -> int:
    """Biases that are not 0, and currents held since the first step, of all neurons."""
    held = sum(p.once for p in run.network.into(population.name)) * neurons
    if population.bias is None:
        return held
    bias = np.asarray(population.bias)
    sites = neurons // population.space.channels
    return held + int(np.count_nonzero(bias)) * (sites if bias.ndim == 1 else 1)
