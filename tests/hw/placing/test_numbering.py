"""Numbers of cores: regions together."""

import numpy as np

from neurospike.hw import load_chip, place, place_as, replay
from tests.hw.gesture import gesture_network
from tests.hw.placing.chips import shrunk
from tests.hw.tally.cases import dense_net


def links(network, placement):
    """Links and borders passed when every neuron fires once."""
    spikes = {name: np.ones((1, len(core)), np.int32) for name, core in placement.core.items()}
    trace = replay(network, spikes, placement)
    return sum(trace.total(count) for count in ("hops_x", "hops_y", "chip_crossings"))


def test_layers_of_a_region_stand_together():
    network, chip = gesture_network(), shrunk(neurons_per_core=64)
    placement = place(network, chip)
    # The same cores, numbered one population after another.
    core, first = {}, 0
    for name, where in placement.core.items():
        own = np.unique(where)
        core[name] = first + np.searchsorted(own, where)
        first += len(own)
    in_turn = place_as(network, chip, core)
    assert in_turn.cores == placement.cores
    assert links(network, placement) < 0.6 * links(network, in_turn)


def test_populations_without_a_grid_come_last():
    placement = place(dense_net(), shrunk(neurons_per_core=30))
    grid = max(placement.core[name].max() for name in ("a", "b"))
    assert min(placement.core[name].min() for name in ("c", "out")) > grid


def test_a_chip_that_knows_no_limits_takes_all():
    placement = place(dense_net(), load_chip("horowitz45"))
    assert (placement.cores, placement.lower_bound, placement.binding) == (1, 1, "")
