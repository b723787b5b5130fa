"""Placements: exact use, no limit passed, errors that name what binds."""

import numpy as np
import pytest
import torch

from neurospike.errors import ArgumentError, ChipLimitError
from neurospike.hw import load_chip, place, place_as, relay_delays
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import LIFModel, Source
from neurospike.hw.pairs import pairs_of
from neurospike.hw.placing.order import morton_order
from neurospike.hw.sites import active_sets
from neurospike.hw.wiring import Pointwise, Submanifold, Taps, Window
from neurospike.sparse import VoxelTensor
from tests.hw.gesture import gesture_network
from tests.hw.placing.chips import shrunk
from tests.hw.placing.oracle import needs
from tests.hw.tally.cases import cloud, dense_net, voxel_net

LIF = LIFModel(decay=0.5, threshold=1.0)

CHIPS = {
    "as it is": {},
    "few neurons": {"neurons_per_core": 7},
    "no sharing": {"shares": False, "synapse_bits_per_core": 4000},
    "little memory": {"synapse_bits_per_core": 3200},
    "few axons in": {"axons_in_per_core": 40},
    "few axons out": {"axons_out_per_core": 60},
    "few slots": {"delay_slots_per_core": 10},
}


def linear(inputs, outputs, *, delay=None, taps=1):
    """One dense layer."""
    weight = np.random.default_rng(0).normal(size=(inputs, taps, outputs))
    late = None if delay is None else np.full(weight.shape, delay, np.int32)
    return Network(
        (Population("in", Space(inputs), Source()), Population("out", Space(outputs), LIF)),
        (Projection("fc", "in", "out", Taps(taps), weight, delay=late),),
    )


def conv(c_in, c_out, edge=8, kernel=3, stride=1, padding=1, *, spiking_input=False):
    window = Window((kernel,) * 2, (stride,) * 2, (padding,) * 2, (1, 1))
    out = (edge + 2 * padding - kernel) // stride + 1
    return Network(
        (
            Population("in", Space(c_in, (edge,) * 2), LIF if spiking_input else Source()),
            Population("out", Space(c_out, (out,) * 2), LIF),
        ),
        (Projection("conv", "in", "out", window, np.ones((c_in, kernel**2, c_out)), kind="conv"),),
    )


def nets():
    return {"dense": (dense_net(), None), "voxels": (voxel_net(), cloud())}


@pytest.mark.parametrize("limits", CHIPS)
@pytest.mark.parametrize("kind", ["dense", "voxels"])
def test_use_is_exact_and_within_the_limits(kind, limits):
    network, x = nets()[kind]
    chip = shrunk(**CHIPS[limits])
    placement = place(network, chip, x)
    sets = [] if x is None else active_sets(network, x)
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    slow = needs(network, chip, placement, pairs)
    assert set(placement.use) == set(slow)
    for name, use in placement.use.items():
        assert use.used.tolist() == [slow[name][core] for core in range(placement.cores)], name
        assert use.used.max() <= use.limit
    assert 1 <= placement.lower_bound <= placement.cores
    hosted = {p.name for p in network.populations if isinstance(p.neuron, Source)}
    assert set(placement.core) == {p.name for p in network.populations} - hosted
    assert {int(c) for where in placement.core.values() for c in where} == set(
        range(placement.cores)
    )


@pytest.mark.parametrize("kind", ["dense", "voxels"])
def test_given_cores_are_counted_alike(kind):
    network, x = nets()[kind]
    chip = shrunk(neurons_per_core=9)
    placed = place(network, chip, x)
    again = place_as(network, chip, placed.core, x)
    assert again.cores == placed.cores
    assert again.lower_bound == placed.lower_bound
    for name, use in placed.use.items():
        assert np.array_equal(use.used, again.use[name].used)


def test_tiny_populations_share_a_core_and_others_do_not():
    placement = place(dense_net(), load_chip("loihi1_sanafe"))
    assert placement.cores == 1
    placement = place(dense_net(), shrunk(neurons_per_core=130))
    cores = {name: set(where.tolist()) for name, where in placement.core.items()}
    assert cores["c"] == cores["out"]
    assert not cores["a"] & (cores["b"] | cores["c"])


def test_neighbours_stay_together():
    grid = np.indices((4, 4)).reshape(2, -1).T
    order = morton_order(grid)
    squares = [sorted(map(tuple, grid[order[i : i + 4]] // 2)) for i in range(0, 16, 4)]
    assert all(len(set(square)) == 1 for square in squares)


def test_lower_bound_and_binding_limit_of_a_dense_layer():
    placement = place(linear(100, 2048), load_chip("loihi1_sanafe"))
    assert (placement.cores, placement.lower_bound) == (2, 2)
    assert placement.binding == "neurons_per_core"
    heavy = place(linear(4000, 1024), load_chip("loihi1_sanafe"))
    # 4000 lists of 8-bit weights: 32 Mbit, of which a core holds one.
    assert heavy.binding == "synapse_bits_per_core"
    assert heavy.lower_bound == -(-4000 * 64 * -(-(1024 * 8 + 160) // 64) // 1048576)
    assert heavy.lower_bound <= heavy.cores == -(-1024 // 30)  # 30 neurons: words of 250 bits


def test_a_network_spans_several_chips():
    placement = place(gesture_network(), shrunk(neurons_per_core=64))
    assert placement.chips == 3
    assert placement.cores > 2 * placement.mesh.cores_per_chip


def test_delays_take_slots():
    placement = place(linear(10, 1024, delay=62), load_chip("loihi1_sanafe"))
    assert placement.binding == "delay_slots_per_core"
    assert placement.cores == -(-1024 // (8192 // 63))
    with pytest.raises(ChipLimitError, match=r"max_delay \(62\).*'fc'.*reach 63.*at most 62 steps"):
        place(linear(10, 4, delay=63), load_chip("loihi1_sanafe"))
    with pytest.raises(ChipLimitError, match="no delays"):
        place(linear(10, 4, delay=1), load_chip("odin"))


def test_too_many_axons_name_the_channels_that_fit():
    chip = load_chip("loihi1_sanafe")
    with pytest.raises(
        ChipLimitError, match=r"axons_in_per_core \(4096\).*'conv'.*4608.*455 input"
    ):
        place(conv(512, 4), chip)
    assert place(conv(455, 4), chip).cores > 0


def test_too_little_memory_names_the_width_that_fits():
    # Ten taps of 8 bits and a header take two words, of 5 bits one.
    chip = shrunk(synapse_bits_per_core=64 * 10)
    with pytest.raises(ChipLimitError, match=r"'fc'.*1280 bit\. Weights of 5 bits.*5 input"):
        place(linear(10, 4, taps=10), chip)
    with pytest.raises(ChipLimitError, match=r"needs 704 bit\. At most 10 input"):
        place(linear(11, 4), chip)


def test_what_would_fit_fits_every_limit():
    chip = load_chip("loihi1_sanafe")
    # 20000 axons of one synapse take too many bits, and are too many axons still.
    with pytest.raises(ChipLimitError, match=r"axons_in_per_core.*At most 4096 input channels"):
        place(linear(20000, 3), chip)
    assert place(linear(4096, 3), chip).cores


def test_crossbars():
    chip = load_chip("odin")
    assert place(linear(256, 256), chip).use["synapse_bits_per_core"].used.tolist() == [262144]
    assert place(linear(256, 257), chip).chips == 2
    with pytest.raises(ChipLimitError, match=r"fan_in \(256\).*257 synapses.*256 input"):
        place(linear(257, 3), chip)


def test_truenorth_tells_four_weights_apart_and_sends_to_one_core():
    chip = load_chip("truenorth_akopyan")
    with pytest.raises(ChipLimitError, match=r"axon_types \(4\).*10 different"):
        place(linear(10, 3), chip)
    with pytest.raises(ChipLimitError, match=r"fan_out \(1\)"):
        place(conv(1, 1, edge=40, spiking_input=True), chip)


def test_static_places_the_whole_grid():
    network, x = voxel_net(), cloud()
    chip = shrunk(neurons_per_core=50)
    static, compact = place(network, chip, x, style="static"), place(network, chip, x)
    assert static.style == "static"
    neurons = sum(
        p.space.grid_sites * p.space.channels
        for p in network.populations
        if not isinstance(p.neuron, Source)
    )
    assert static.use["neurons_per_core"].used.sum() == neurons
    assert compact.use["neurons_per_core"].used.sum() < neurons
    assert {n: len(c) for n, c in static.core.items()} == {
        n: len(c) for n, c in compact.core.items()
    }
    other = place(network, chip, cloud(seed=5), style="static")
    assert other.cores == static.cores


def test_a_grid_too_large_to_lay_out():
    space = Space(8, (1000, 1000, 40), 0)
    wiring = Submanifold((3,) * 3, (1,) * 3)
    net = Network(
        (Population("in", space, Source()), Population("out", space, LIF)),
        (Projection("conv", "in", "out", wiring, np.ones((8, 27, 8))),),
    )
    from neurospike.hw.placing.static import place_whole_grid, whole_grid

    assert whole_grid(net).population("out").space.level is None
    with pytest.raises(ChipLimitError, match="625000 cores or more"):
        place_whole_grid(net, load_chip("loihi1_sanafe"), [])


def test_chips_by_name():
    named, loaded = (place(dense_net(), c) for c in ("loihi1_sanafe", load_chip("loihi1_sanafe")))
    assert named.chip == "loihi1_sanafe"
    assert all((named.core[name] == core).all() for name, core in loaded.core.items())
    assert place_as(linear(3, 4), "odin", {"out": np.zeros(4)}).chip == "odin"
    assert relay_delays(linear(3, 4, delay=20), "truenorth_akopyan").population("in.relay1")
    with pytest.raises(ArgumentError, match="name_or_path: must be one of"):
        place(dense_net(), "loihi9")


def test_arguments():
    chip = load_chip("loihi1_sanafe")
    with pytest.raises(ArgumentError, match="'compact' or 'static'"):
        place(dense_net(), chip, style="loose")
    with pytest.raises(ArgumentError, match="needs a sample"):
        place(voxel_net(), chip)
    with pytest.raises(ArgumentError, match=r"cores\['out'\]: .* each of 4 neurons; got 3 numbers"):
        place_as(linear(3, 4), chip, {"out": np.zeros(3)})
    with pytest.raises(ArgumentError, match="got none"):
        place_as(linear(3, 4), chip, {})
    with pytest.raises(ChipLimitError, match=r"neurons_per_core \(2\).*core 0 needs 4 neurons"):
        place_as(linear(3, 4), shrunk(neurons_per_core=2), {"out": np.zeros(4)})
    free = place_as(linear(3, 4), shrunk(neurons_per_core=2), {"out": np.zeros(4)}, check=False)
    assert free.use["neurons_per_core"].used.tolist() == [4]


def test_recurrence_keeps_to_its_axons_out():
    weight = np.ones((40, 1, 40))
    network = Network(
        (Population("in", Space(4), Source()), Population("h", Space(40), LIF)),
        (
            Projection("fc", "in", "h", Taps(1), np.ones((4, 1, 40))),
            Projection("back", "h", "h", Pointwise(), weight),
        ),
    )
    placement = place(network, shrunk(axons_out_per_core=45, neurons_per_core=20))
    assert placement.use["axons_out_per_core"].used.max() <= 45


def test_a_crossbar_takes_an_axon_for_every_delay_and_tap():
    late = np.array([[[0, 3, 3]], [[2, 2, 2]], [[0, 1, 2]]], np.int32)

    def net(delay, taps):
        weight = np.ones((3, taps, 3))
        return Network(
            (Population("in", Space(3), Source()), Population("out", Space(3), LIF)),
            (Projection("fc", "in", "out", Taps(taps), weight, delay=delay),),
        )

    def axons(name, network):
        return place(network, load_chip(name)).use["axons_in_per_core"].used.tolist()

    assert axons("truenorth_akopyan", net(late, 1)) == [2 + 1 + 3]
    assert axons("truenorth_akopyan", net(None, 4)) == [3 * 4]
    assert axons("loihi1_sanafe", net(late, 1)) == [3]


def test_a_batch_of_voxels_is_refused_in_one_line():
    both = VoxelTensor(
        torch.tensor([[0, 0, 0, 1], [1, 0, 0, 1]]), torch.ones(2, 2), (6, 6, 6), batch_size=2
    )
    with pytest.raises(ArgumentError, match=r"hw\.place\.example: must be one sample"):
        place(voxel_net(), load_chip("loihi1_sanafe"), both)
