"""What an emulation counted is what its own spikes say, replayed."""

import numpy as np
import pytest
import torch

from neurospike import models
from neurospike.hw import emulate, load_chip, lower, place, replay
from neurospike.nn import DelayLinear
from tests.hw.networks import cloud


def voxel_model():
    torch.manual_seed(0)
    model = models.e3dsnn("T", num_classes=4, in_features=3).eval()
    x = cloud(3, voxels=60, edge=32, batch=1)
    return lower(model, x), x


def delay_model():
    torch.manual_seed(0)
    model = models.delay_net("shd", hidden=16, layers=2).eval()
    for layer in model.modules():
        if isinstance(layer, DelayLinear):
            layer.round_delays_()
    x = (torch.rand(12, 1, 140) < 0.3).float()
    return lower(model, x), x


@pytest.mark.parametrize("make", [voxel_model, delay_model])
@pytest.mark.parametrize("mode", ["unary", "graded"])
def test_emulated_and_replayed_counts_agree(make, mode):
    network, x = make()
    chip = load_chip("loihi1_sanafe")
    voxels = bool(network.levels)
    placement = place(network, chip, x) if voxels else place(network, chip)
    trace = emulate(network, x, placement, mode=mode)
    again = replay(network, trace.spikes, placement, inputs=x if voxels else None, mode=mode)
    assert again.rows == trace.rows
    for part in ("projections", "shortcuts"):
        for name, counts in getattr(trace, part).items():
            for count, column in counts.items():
                assert np.array_equal(column, getattr(again, part)[name][count]), (name, count)
    for name, counts in trace.populations.items():
        for count in ("accesses", "fired", "spikes", "bias_adds"):
            assert np.array_equal(counts[count], again.populations[name][count]), (name, count)
        # Without dynamics every neuron is taken to have work.
        assert np.all(counts["updates"] <= again.populations[name]["updates"])
    assert np.array_equal(trace.links, again.links)
    assert trace.total("packets") > 0


def test_the_networks_own_example_is_placed_by_default():
    network, x = voxel_model()
    chip = load_chip("loihi1_sanafe")
    mine, given = place(network, chip), place(network, chip, x)
    assert mine.cores == given.cores
    for name, core in mine.core.items():
        assert np.array_equal(core, given.core[name])
