"""Spikes in a loss: rates in a band, synaptic operations priced, for sequences and voxels."""

import pytest
import torch
from torch import nn

from neurospike import hw, models
from neurospike.nn import LIF, SparseGlobalPool, SpikingSequential, SubmanifoldConv3d
from neurospike.sparse import VoxelTensor
from neurospike.train import ActivityLoss
from neurospike.train.activity import neuron_rates
from neurospike.train.sections import ActivityPart


def sequence_net() -> SpikingSequential:
    torch.manual_seed(0)
    first, last = nn.Linear(6, 5, bias=False), nn.Linear(5, 3, bias=False)
    return SpikingSequential(first, LIF(2.0), last)


def voxels() -> VoxelTensor:
    torch.manual_seed(1)
    coords = torch.cartesian_prod(torch.arange(2), *[torch.arange(4)] * 3)
    coords = coords[torch.rand(len(coords)) < 0.4].int()
    return VoxelTensor(coords, torch.rand(len(coords), 6), (4, 4, 4), 2)


def test_rates_are_a_neuron_s_own() -> None:
    spikes = torch.zeros(4, 2, 3)
    spikes[:, 0, 1] = 1
    assert neuron_rates(spikes).tolist() == [0, 0.5, 0]
    features = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1]], dtype=torch.int32)
    assert neuron_rates(VoxelTensor(coords, features, (2, 2, 2), 1)).tolist() == [1.0, 0.0]


def test_nothing_is_lost_within_the_band() -> None:
    net = sequence_net()
    x = 2 * torch.rand(10, 4, 6)
    loss = ActivityLoss(net, ActivityPart(rate_low=0.0, rate_high=1.0, rate_weight=5.0))
    with loss.watching(x, batch_dim=1):
        net(x)
    assert loss.terms(4).loss.item() == 0


@pytest.mark.parametrize(("low", "high", "sign"), [(0.0, 0.01, 1), (0.9, 1.0, -1)])
def test_the_gradient_pulls_rates_into_the_band(low: float, high: float, sign: int) -> None:
    net = sequence_net()
    x = 3 * torch.rand(20, 4, 6)
    loss = ActivityLoss(net, ActivityPart(rate_low=low, rate_high=high, rate_weight=1.0))
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    seen = []
    for _ in range(30):
        with loss.watching(x, batch_dim=1):
            net(x)
        terms = loss.terms(4)
        seen.append(float(terms.seen["rate"]))
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
    assert sign * (seen[0] - seen[-1]) > 0.02


def test_synops_are_those_that_counting_finds() -> None:
    net = sequence_net()
    x = 2 * torch.rand(10, 4, 6)
    loss = ActivityLoss(net, ActivityPart(synops_weight=1.0))
    with loss.watching(x, batch_dim=1):
        net(x)
    terms = loss.terms(4)
    counted = hw.count(net, x, batch_dim=1).synops
    assert counted > 0
    assert float(terms.seen["synops"]) == pytest.approx(counted)
    assert terms.loss.item() == pytest.approx(counted / 1e6)
    terms.loss.backward()
    assert net[0].weight.grad is not None
    assert float(net[0].weight.grad.abs().sum()) > 0


def test_synops_of_sparse_convolutions_follow_every_batch() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        SubmanifoldConv3d(6, 8, kernel_size=3),
        LIF(2.0, threshold=0.2),
        SubmanifoldConv3d(8, 4, kernel_size=3),
        SparseGlobalPool("mean"),
    )
    loss = ActivityLoss(net, ActivityPart(synops_weight=1.0))
    whole = voxels()
    half = VoxelTensor(whole.coords[::2], whole.features[::2], (4, 4, 4), 2)
    for x in (whole, half):
        with loss.watching(x):
            net(x)
        expected = hw.count(net, x).synops
        assert expected > 0
        assert float(loss.terms(2).seen["synops"]) == pytest.approx(expected)


def test_networks_of_integer_spikes_are_priced_too() -> None:
    torch.manual_seed(0)
    model = models.e3dsnn("T", num_classes=2).train()
    loss = ActivityLoss(model, ActivityPart(synops_weight=1.0, rate_high=0.0001, rate_weight=1.0))
    x = voxels()
    with loss.watching(x):
        model(x)
    terms = loss.terms(2)
    assert float(terms.seen["synops"]) > 0
    terms.loss.backward()
    assert sum(float(p.grad.abs().sum()) for p in model.parameters() if p.grad is not None) > 0
    assert model.training


def test_hooks_are_gone_when_nothing_is_watched() -> None:
    net = sequence_net()
    loss = ActivityLoss(net, ActivityPart(synops_weight=1.0))
    with loss.watching(torch.rand(3, 2, 6), batch_dim=1):
        pass
    assert not any(module._forward_hooks for module in net.modules())
