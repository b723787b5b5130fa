"""Speck's memories, as sinabs maps layers to cores, and what it refuses."""

import numpy as np
import pytest

from neurospike.errors import ChipLimitError
from neurospike.hw import load_chip, place
from neurospike.hw.network import Network, Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import LIFModel, Source
from neurospike.hw.wiring import Pooled, Whole, Window
from tests.hw.gesture import gesture_network
from tests.hw.placing.test_place import conv, linear
from tests.hw.tally.cases import cloud, voxel_net

LIF = LIFModel(decay=0.5, threshold=1.0)


def chain(layers, edge=8):
    """So many 3x3 convolutions of two channels."""
    window = Window((3, 3), (1, 1), (1, 1), (1, 1))
    populations = [Population("p0", Space(2, (edge, edge)), Source())]
    projections = []
    for i in range(layers):
        populations.append(Population(f"p{i + 1}", Space(2, (edge, edge)), LIF, bias=np.ones(2)))
        projections.append(
            Projection(f"c{i + 1}", f"p{i}", f"p{i + 1}", window, np.ones((2, 9, 2)), kind="conv")
        )
    return Network(tuple(populations), tuple(projections))


def test_sinabs_maps_2_to_64_and_refuses_64_to_65():
    chip = load_chip("speck2f")
    placement = place(conv(2, 64), chip)
    assert placement.use["kernel_words"].used.max() == 2 * 1024
    assert placement.use["neuron_words"].used.max() == 4 * 1024
    with pytest.raises(ChipLimitError, match=r"kernel_words.*'conv'.*131072 words"):
        place(conv(64, 65), chip)


def test_one_layer_a_core_in_the_cores_that_hold_it():
    placement = place(gesture_network(), load_chip("speck2f"))
    cores = [set(where.tolist()) for where in placement.core.values()]
    assert all(len(one) == 1 for one in cores)
    assert len(set.union(*cores)) == len(cores) == placement.lower_bound
    for use in placement.use.values():
        assert np.all(use.used <= use.limit)
    # 32 -> 64 channels, 3 x 3: 32 * 2^(4 + 6) words, which two pairs of cores hold.
    third = int(placement.core["layer3"][0])
    assert placement.use["kernel_words"].used[third] == 32768
    assert placement.chip == "speck2f"


def test_never_more_layers_than_cores():
    chip = load_chip("speck2f")
    assert len(place(chain(9), chip).core) == 9
    with pytest.raises(ChipLimitError, match=r"cores \(9\).*'c10'.*At most 9 layers"):
        place(chain(10), chip)


def test_large_layers_compete_for_the_large_cores():
    # Two cores hold 64 Ki words of kernel: three such layers do not fit.
    window = Window((1, 1), (1, 1), (0, 0), (1, 1))
    populations = [Population("p0", Space(256, (2, 2)), Source())]
    projections = []
    for i in range(3):
        populations.append(Population(f"p{i + 1}", Space(256, (2, 2)), LIF))
        weight = np.ones((256, 1, 256))
        projections.append(Projection(f"c{i + 1}", f"p{i}", f"p{i + 1}", window, weight))
    with pytest.raises(ChipLimitError, match="do not find 3 cores"):
        place(Network(tuple(populations), tuple(projections)), load_chip("speck2f"))
    assert place(Network(tuple(populations[:3]), tuple(projections[:2])), load_chip("speck2f"))


@pytest.mark.parametrize(
    ("network", "limit"),
    [
        (conv(1, 1, edge=129), "input_edge"),
        (conv(1, 1, edge=100), "output_edge"),
        (conv(1, 1025, edge=2), "channels"),
        (conv(1, 1, edge=20, kernel=17), "kernel_edge"),
        (conv(1, 1, edge=20, stride=3), "strides"),
        (conv(1, 1, edge=4, padding=8), "padding"),
        (linear(3, 4, delay=1), "max_delay"),
    ],
)
def test_shapes_that_it_has_not(network, limit):
    with pytest.raises(ChipLimitError, match=limit):
        place(network, load_chip("speck2f"))


def test_pools_shortcuts_and_voxels():
    chip = load_chip("speck2f")

    def pooled(edge):
        wiring = Pooled((edge, edge), Whole())
        sites = (12 // edge) ** 2
        return Network(
            (Population("in", Space(1, (12, 12)), Source()), Population("out", Space(3), LIF)),
            (Projection("fc", "in", "out", wiring, np.ones((1, sites, 3))),),
        )

    assert place(pooled(2), chip).use["kernel_words"].used.max() == 2 ** (6 + 2)
    with pytest.raises(ChipLimitError, match=r"pools.*\(3, 3\).*One of 1, 2, 4"):
        place(pooled(3), chip)
    two = chain(2)
    with pytest.raises(ChipLimitError, match=r"geometry.*without membrane shortcuts"):
        place(Network(two.populations, two.projections, (Shortcut("skip", "p1", "p2"),)), chip)
    with pytest.raises(ChipLimitError, match=r"geometry.*no convolution on a plane"):
        place(voxel_net(), chip, cloud())
