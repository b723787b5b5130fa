"""Bits of synapses in each packing, against published and hand-worked figures."""

import numpy as np
import pytest

from neurospike.hw import load_chip
from neurospike.hw.network import Quantisation
from neurospike.hw.placing.memory import packing_of, shares_kernel
from tests.hw.placing.test_place import conv, linear


@pytest.mark.parametrize(("delay", "expected"), [(None, [64, 128, 576]), (3, [64, 192, 960])])
def test_loihi_axons_of_nengo_loihi(delay, expected):
    network = linear(1, 64, delay=delay)
    packing = packing_of(network.projections[0], network, load_chip("loihi1_sanafe"))
    assert packing.list_bits(np.array([1, 10, 64])).tolist() == expected
    assert packing.list_bits(np.array([0, 65])).tolist() == [0, 576 if delay is None else 960]


def test_a_quantised_network_brings_its_own_width():
    network = linear(1, 64)
    narrow = type(network)(
        network.populations, network.projections, quantised=Quantisation(4, 16, {})
    )
    chip = load_chip("loihi1_sanafe")
    assert packing_of(narrow.projections[0], narrow, chip).bits == 4
    assert packing_of(network.projections[0], network, chip).bits == 8


def test_who_shares_kernels():
    chip = load_chip("loihi1_sanafe")
    grid, dense = conv(2, 3), linear(2, 3)
    assert shares_kernel(grid.projections[0], grid, chip)
    assert not shares_kernel(dense.projections[0], dense, chip)
    assert not shares_kernel(grid.projections[0], grid, load_chip("odin"))
