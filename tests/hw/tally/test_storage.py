"""Four ways to hold spikes back, against plain Python."""

import numpy as np
import pytest

from neurospike.hw import replay
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import LIFModel, Source
from neurospike.hw.pairs import pairs_of
from neurospike.hw.placement import Mesh, Placement
from neurospike.hw.tally.storage import delay_storage
from neurospike.hw.wiring import Taps, Window

LIF = LIFModel(decay=0.5, threshold=1.0)


def net(groups, max_delay, seed=0):
    """A delayed convolution of a line and a delayed layer with two taps behind nothing."""
    rng = np.random.default_rng(seed)
    shapes = (4, 3, 4 // groups), (4, 2, 6)
    delays = [rng.integers(0, max_delay + 1, shape).astype(np.int32) for shape in shapes]
    return Network(
        (
            Population("line", Space(4, (5,)), Source()),
            Population("point", Space(4), Source()),
            Population("conv", Space(4, (5,)), LIF),
            Population("out", Space(6), LIF),
        ),
        (
            Projection(
                "c", "line", "conv", Window((3,), (1,), (1,), (1,)), np.ones(shapes[0]),
                groups=groups, delay=delays[0],
            ),
            Projection("d", "point", "out", Taps(2), np.ones(shapes[1]), delay=delays[1]),
        ),
    )  # fmt: skip


def slow(network, projection, placement, spikes, steps):
    """Axons, most events in flight, synapses."""
    found = pairs_of(projection, network)
    inputs, _, fan = projection.weight.shape
    core = placement.core[projection.target]
    axons, synapses, longest = set(), 0, {}
    for p in range(found.sources):
        for at in range(found.offsets[p], found.offsets[p + 1]):
            for c in range(inputs):
                group = c * projection.groups // inputs
                for o in range(fan):
                    neuron = (found.target[at] * projection.groups + group) * fan + o
                    late = int(projection.delay[c, found.tap[at], o])
                    axons.add((p, c, int(core[neuron]), late))
                    synapses += 1
        for c in range(inputs):
            longest[p * inputs + c] = int(projection.delay[c].max())
    flying = [
        sum(
            int(spikes[sent, n])
            for sent in range(step + 1)
            for n in range(spikes.shape[1])
            if step < sent + longest[n]
        )
        for step in range(steps)
    ]
    return len(axons), max(flying), synapses


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("max_delay", [1, 3, 9])
def test_against_plain_python(groups, max_delay):
    network = net(groups, max_delay)
    rng = np.random.default_rng(1)
    spikes = {"line": rng.integers(0, 3, (6, 20)), "point": rng.integers(0, 2, (6, 4))}
    core = {"conv": rng.integers(0, 3, 20), "out": rng.integers(0, 3, 6)}
    placement = Placement({n: c.astype(np.int32) for n, c in core.items()}, 3, Mesh(2, 2))
    trace = replay(network, spikes, placement)
    for row, projection in zip(delay_storage(trace), network.projections, strict=True):
        axons, flying, synapses = slow(network, projection, placement, spikes[projection.source], 6)
        assert (row.axons, row.queue_events, row.synapses) == (axons, flying, synapses)
        assert row.max_delay == projection.max_delay
        neurons = len(core[projection.target])
        assert row.ring_slots == neurons * (row.max_delay + 1)
        assert row.ring_bits == 24 * row.ring_slots
        assert row.synapse_bits == row.synapses * row.max_delay.bit_length()
        assert row.axon_bits == row.axons * (row.max_delay + 1)


def test_without_delays_there_is_nothing_to_hold():
    network = net(1, 0)
    assert (
        delay_storage(replay(network, {"line": np.ones((2, 20)), "point": np.ones((2, 4))})) == []
    )


def test_samples_do_not_meet_in_the_queue():
    network = net(1, 3)
    one = {"line": np.ones((2, 20), int), "point": np.ones((2, 4), int)}
    both = {name: [values, values] for name, values in one.items()}
    rows = [[r.queue_events for r in delay_storage(replay(network, s))] for s in (one, both)]
    assert rows[0] == rows[1] == [40, 8]
