"""Counts of spikes that are given, without running any neuron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network
from neurospike.hw.pairs import pairs_of
from neurospike.hw.placement import Placement
from neurospike.hw.sites import active_sets, samples_of
from neurospike.hw.tally.tallying import Tally, joined, tally
from neurospike.hw.trace import SpikeMode, Trace
from neurospike.sparse import ActiveSet, VoxelTensor

PerSample = NDArray[Any] | Sequence[NDArray[Any]]


def replay(
    network: Network,
    spikes: Mapping[str, PerSample],
    placement: Placement | None = None,
    *,
    updates: Mapping[str, PerSample] | None = None,
    inputs: VoxelTensor | None = None,
    gate: str = "voxel",
    mode: str = "unary",
    generator: str = "bitmap",
) -> Trace:
    """Count what given spikes do in a network and on a chip: no neuron is run.

    Parameters
    ----------
    network
        A lowered network, or one put together by hand.
    spikes
        Population -> (integer steps, neurons) of one sample, or a list, one a sample. Neurons are
        site * channels + channel. A population that is absent is silent.
    placement
        Cores of the neurons; without it there are no packets.
    updates
        Population -> booleans (steps, neurons), or (steps,) numbers: the neurons with work, which
        spikes alone do not tell. Of one that is absent every neuron has work at every step.
    inputs
        The samples, for a network on voxels: their coordinates are used.
    gate, mode, generator
        As in ``emulate``.

    Raises
    ------
    ArgumentError
        Spikes of another shape or number of samples, or voxels without ``inputs``.

    Cost
    ----
    O(events * destination cores), and a list of pairs for each projection.

    Examples
    --------
    >>> import numpy as np
    >>> from neurospike.hw.network import Network, Population, Projection, Space
    >>> from neurospike.hw.neuron_models import LIFModel, Source
    >>> from neurospike.hw.wiring import Whole
    >>> network = Network(
    ...     (
    ...         Population("input", Space(3), Source()),
    ...         Population("out", Space(2), LIFModel(decay=0.5, threshold=1.0)),
    ...     ),
    ...     (Projection("fc", "input", "out", Whole(), np.ones((3, 1, 2))),),
    ... )
    >>> trace = replay(network, {"input": np.array([[1, 0, 1], [0, 0, 1]])})
    >>> trace.projections["fc"]["synops"].tolist()
    [4, 2]
    """
    if network.levels and inputs is None:
        raise ArgumentError(
            "hw.replay.inputs: a network on voxels needs its samples, for their coordinates; got "
            "None. Pass the VoxelTensor."
        )
    samples = [] if inputs is None else samples_of(inputs)
    count = _samples(spikes, len(samples))
    tallies = [
        _one(
            network, active_sets(network, samples[index]) if network.levels else [],
            _sample(spikes, index), _sample(updates or {}, index),
            placement, gate, mode, generator,
        )
        for index in range(count)
    ]  # fmt: skip
    return joined(tallies).trace(
        network,
        placement,
        schedule="layerwise",
        mode=cast(SpikeMode, mode),
        generator=generator,
        spikes=_together(spikes, bool(network.levels)),
    )


def _one(
    network: Network,
    sets: list[ActiveSet],
    spikes: dict[str, NDArray[Any]],
    updates: dict[str, NDArray[Any]],
    placement: Placement | None,
    gate: str,
    mode: str,
    generator: str,
) -> Tally:
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    return tally(
        network, sets, pairs, spikes, updates,
        placement=placement, gate=gate, mode=mode, generator=generator,
    )  # fmt: skip


def _samples(spikes: Mapping[str, PerSample], expected: int) -> int:
    """How many samples there are; every population must have as many."""
    counts = {n: 1 if isinstance(v, np.ndarray) else len(v) for n, v in spikes.items()}
    found = expected or max(counts.values(), default=1)
    for name, count in counts.items():
        if count != found:
            raise ArgumentError(
                f"hw.replay.spikes[{name!r}]: must have one array a sample, {found}; got {count}."
            )
    return found


def _sample(values: Mapping[str, PerSample], index: int) -> dict[str, NDArray[Any]]:
    return {n: v if isinstance(v, np.ndarray) else v[index] for n, v in values.items()}


def _together(spikes: Mapping[str, PerSample], voxels: bool) -> dict[str, Any]:
    """As ``Trace.spikes`` has them: one array, or on voxels one a sample."""
    found: dict[str, Any] = {}
    for name, values in spikes.items():
        parts = [values] if isinstance(values, np.ndarray) else list(values)
        found[name] = parts if voxels else np.concatenate(parts)
    return found
