"""Counts worked out by hand, or published by others."""

import numpy as np
import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.hw import addressing, count, replay
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import LIFModel, Source
from neurospike.hw.sites import active_sets
from neurospike.hw.tally import rebuild
from neurospike.hw.wiring import Level, Submanifold, Window
from neurospike.sparse import VoxelTensor
from tests.hw.networks import Relay
from tests.hw.tally.cases import Case, cloud, voxel_net

LIF = LIFModel(decay=0.5, threshold=1.0)
LINE = torch.tensor([[0, 3, 3, 3], [0, 3, 3, 4], [0, 3, 3, 5]])
GRID = (8, 8, 8)


def one_layer(shape, kernel, stride, padding, c_in=1, c_out=1):
    window = Window((kernel,) * 2, (stride,) * 2, (padding,) * 2, (1, 1))
    edges = tuple((edge + 2 * padding - kernel) // stride + 1 for edge in shape)
    weight = np.ones((c_in, kernel**2, c_out))
    return Network(
        (
            Population("in", Space(c_in, shape), Source()),
            Population("out", Space(c_out, edges), LIF),
        ),
        (Projection("conv", "in", "out", window, weight, kind="conv"),),
    )


def line_layer(level):
    """A submanifold layer on the line of three voxels, or the dense window on its grid."""
    space = Space(1, GRID, 0 if level else None)
    wiring = Submanifold((3,) * 3, (1,) * 3)
    return Network(
        (Population("in", space, Source()), Population("out", space, LIF)),
        (Projection("conv", "in", "out", wiring, np.ones((1, 27, 1)), kind="conv"),),
        levels=(Level(GRID),) if level else (),
        layout="voxels" if level else "sequence",
    )


def test_three_voxels_in_a_line():
    x = VoxelTensor(LINE.int(), torch.ones(3, 1), GRID, 1)
    spikes = {"in": np.ones((1, 3), np.int32)}
    expected = {"bitmap": (81, 7), "hash": (81, 7), "rulebook": (0, 81)}
    for generator, (probes, reads) in expected.items():
        trace = replay(line_layer(level=True), spikes, inputs=x, generator=generator)
        assert trace.total("synops") == trace.total("hits") == 7
        assert trace.total("addresses") == 81
        assert (trace.total("probes"), trace.total("index_reads")) == (probes, reads)


def test_the_same_line_on_a_dense_grid():
    dense = np.zeros((1, 8, 8, 8), np.int32)
    dense[0, 3, 3, 3:6] = 1
    trace = replay(line_layer(level=False), {"in": dense.reshape(1, -1)})
    assert trace.total("synops") == trace.total("addresses") == 81
    assert trace.total("probes") == trace.total("index_reads") == 0
    assert len(addressing.output_sites(LINE, GRID, 3)) == 45


def test_index_of_the_line():
    x = VoxelTensor(LINE.int(), torch.ones(3, 1), GRID, 1)
    network = line_layer(level=True)
    sets = active_sets(network, x)
    case = Case(network, x)
    costs = {cost.generator: cost.counts for cost in rebuild(network, sets, case.pairs)}
    assert costs["bitmap"]["index_bits"] == 512
    assert costs["bitmap"]["rank_bits"] == 8 * 2  # 8 words; 0 to 3 voxels before each
    assert costs["hash"]["index_bits"] == 3 * (9 + 2)
    assert costs["rulebook"]["table_bits"] == 27 * 3 * 2
    assert costs["rulebook"]["table_writes"] == costs["rulebook"]["build_probes"] == 81
    assert {cost["inserts"] for cost in costs.values()} == {3}


def test_stored_pairs_of_a_step_down_and_back_up():
    case = Case(voxel_net(), cloud())
    fine, coarse = (len(one) for one in case.sets)
    costs = {(c.generator, c.level): c.counts for c in rebuild(case.network, case.sets, case.pairs)}
    assert costs["bitmap", 1]["inserts"] == coarse
    down, up = costs["bitmap", 0], costs["bitmap", 1]
    # k = 2, s = 2: one pair a voxel, in either direction.
    assert down["build_probes"] == down["table_writes"] == up["table_writes"] == fine
    assert up["table_bits"] == fine * (3 + (fine - 1).bit_length())
    arithmetic = rebuild(case.network, case.sets, case.pairs, static=True)
    assert all(c.counts["table_writes"] == 0 for c in arithmetic if c.generator == "bitmap")


@pytest.mark.parametrize(("stride", "padding", "expected"), [(1, 0, 19), (1, 1, 22), (2, 1, 6)])
def test_fan_out_at_borders_and_strides(stride, padding, expected):
    image = np.zeros((1, 8, 8), np.int32)
    image[0, [0, 3, 4], [0, 3, 4]] = 1
    trace = replay(one_layer((8, 8), 3, stride, padding), {"in": image.reshape(1, -1)})
    assert trace.total("synops") == expected


def test_sinabs_counts_thirty_operations_a_sample():
    image = np.eye(3, dtype=np.int32).reshape(1, 9)
    trace = replay(one_layer((3, 3), 2, 1, 0, c_out=5), {"in": [image, image]})
    assert trace.samples == 2
    assert trace.projections["conv"]["synops"].tolist() == [30, 30]
    batch = torch.eye(3).expand(2, 1, 3, 3)
    model = torch.nn.Sequential(Relay(), torch.nn.Conv2d(1, 5, 2, bias=False))
    assert count(model, batch).synops == 30


def test_voxels_need_samples():
    with pytest.raises(ArgumentError, match="needs its samples"):
        replay(line_layer(level=True), {"in": np.ones((1, 3))})


def test_samples_must_agree():
    image = np.zeros((1, 9))
    with pytest.raises(ArgumentError, match="one array a sample, 2; got 1"):
        replay(one_layer((3, 3), 2, 1, 0), {"in": [image, image], "out": np.zeros((1, 4))})


def test_updates_given_as_numbers():
    network = one_layer((3, 3), 2, 1, 0)
    spikes = {"in": np.zeros((2, 9)), "out": np.zeros((2, 4))}
    trace = replay(network, spikes, updates={"out": np.array([1, 3])})
    assert trace.populations["out"]["updates"].tolist() == [1, 3]
    assert trace.populations["out"]["idle"].tolist() == [3, 1]
    assert replay(network, spikes).populations["out"]["idle"].tolist() == [0, 0]
