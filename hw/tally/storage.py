"""What it takes to hold spikes back, in four ways, for every projection with delays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Network, Projection
from neurospike.hw.pairs import pairs_of
from neurospike.hw.placement import Placement
from neurospike.hw.tally.indices import bits_for
from neurospike.hw.trace import Trace
from neurospike.hw.wiring import Pairs

DEFAULT_SUM_BITS = 24
"""Width of a delayed sum where the network is not quantised: Loihi's membranes."""


@dataclass(frozen=True)
class DelayStorage:
    """Four ways to delay the spikes of one projection.

    Attributes
    ----------
    projection, max_delay
        Its name, and its longest delay in steps.
    ring_slots, ring_bits
        Post-synaptic ring buffers: a sum for every target neuron and delay, 0 included.
    axons, axon_bits
        Axonal schedulers: an axon for every source, destination core and distinct delay, and a
        bit for each of its steps. One core where the trace has no placement.
    queue_events, queue_bits
        A shared circular queue: the most events in flight at a step, each with its source and age.
        An event stays until the longest delay of its source has passed.
    synapses, synapse_bits
        A delay beside every weight.
    """

    projection: str
    max_delay: int
    ring_slots: int
    ring_bits: int
    axons: int
    axon_bits: int
    queue_events: int
    queue_bits: int
    synapses: int
    synapse_bits: int


def delay_storage(trace: Trace, *, sum_bits: int | None = None) -> list[DelayStorage]:
    """Compare four storages for every delayed projection of a network, on one trace.

    Parameters
    ----------
    trace
        An emulation or a replay; its spikes fill the queue, its placement splits the axons.
    sum_bits
        Width of a delayed sum; by default the membranes' width where quantised, or else 24.

    Cost
    ----
    O(synapses + spikes).

    Source
    ------
    Ring buffers and delay fields: Davies et al., IEEE Micro 38(1), 2018. Axonal delays: Akopyan et
    al., IEEE TCAD 34(10), 2015. The queue: arXiv:2501.13610.

    Examples
    --------
    >>> import numpy as np
    >>> from neurospike.hw import delay_storage, replay
    >>> from neurospike.hw.network import Network, Population, Projection, Space
    >>> from neurospike.hw.neuron_models import LIFModel, Source
    >>> from neurospike.hw.wiring import Whole
    >>> late = np.array([[[0, 3]], [[2, 2]]], np.int32)
    >>> network = Network(
    ...     (
    ...         Population("input", Space(2), Source()),
    ...         Population("out", Space(2), LIFModel(decay=0.5, threshold=1.0)),
    ...     ),
    ...     (Projection("fc", "input", "out", Whole(), np.ones((2, 1, 2)), delay=late),),
    ... )
    >>> (row,) = delay_storage(replay(network, {"input": np.eye(2)}))
    >>> row.ring_slots, row.axons, row.queue_events, row.synapses
    (8, 3, 2, 4)
    """
    network = trace.network
    if sum_bits is None:
        held = network.quantised
        sum_bits = DEFAULT_SUM_BITS if held is None else held.membrane_bits
    return [
        _storage(trace, projection, sum_bits)
        for projection in network.projections
        if projection.max_delay
    ]


def _storage(trace: Trace, projection: Projection, sum_bits: int) -> DelayStorage:
    network, longest = trace.network, projection.max_delay
    pairs = pairs_of(projection, network, list(network.example))
    inputs, _, fan = projection.weight.shape
    neurons = pairs.targets * fan * projection.groups
    slots = neurons * (longest + 1)
    axons = count_axons(network, projection, pairs, trace.placement)
    events = _most_in_flight(trace, projection)
    synapses = len(pairs.target) * inputs * fan
    delay_bits = bits_for(longest + 1)
    return DelayStorage(
        projection.name,
        longest,
        ring_slots=slots,
        ring_bits=slots * sum_bits,
        axons=axons,
        axon_bits=axons * (longest + 1),
        queue_events=events,
        queue_bits=events * (bits_for(pairs.sources * inputs) + delay_bits),
        synapses=synapses,
        synapse_bits=synapses * delay_bits,
    )


def count_axons(
    network: Network, projection: Projection, pairs: Pairs, placement: Placement | None
) -> int:
    """Distinct (source neuron, destination core, delay) of a projection."""
    from neurospike.hw.tally.kernels import distinct_delays

    groups, fan = projection.groups, projection.weight.shape[2]
    core = None if placement is None else placement.core.get(projection.target)
    if core is None:
        core = np.zeros(pairs.targets * groups * fan, np.int32)
    delay = projection.delay
    if delay is None:
        delay = np.zeros(projection.weight.shape, np.int32)
    cores = 1 + int(core.max(initial=0))
    return int(
        distinct_delays(
            pairs.offsets, pairs.tap, pairs.target, np.ascontiguousarray(delay), groups,
            np.ascontiguousarray(core, dtype=np.int32), cores, projection.max_delay + 1,
        )
    )  # fmt: skip


def _most_in_flight(trace: Trace, projection: Projection) -> int:
    """Most events at the end of a step whose longest delay has not passed."""
    if projection.source not in trace.spikes or projection.delay is None:
        return 0
    spikes = trace.spikes[projection.source]
    samples: list[NDArray[Any]] = (
        spikes if isinstance(spikes, list) else np.split(spikes, trace.samples)
    )
    longest = projection.delay.max(axis=(1, 2), initial=0)  # of each input channel
    channels = len(longest)
    most = 0
    for values in samples:
        sent = np.abs(values) if trace.mode == "unary" else values != 0
        events = np.rint(sent.reshape(len(values), -1, channels).sum(1)).astype(np.int64)
        waiting = np.zeros(len(values), np.int64)
        for channel in np.flatnonzero(longest):
            stays = int(longest[channel])
            waiting += events[:, channel]
            waiting[stays:] -= events[: max(len(values) - stays, 0), channel]
        most = max(most, int(waiting.cumsum().max(initial=0)))
    return most
