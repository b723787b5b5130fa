"""Global pooling and the dense view."""

import pytest
import torch

from neurospike import nn
from neurospike.errors import ArgumentError
from neurospike.nn.unary import expand
from neurospike.sparse import VoxelTensor
from neurospike.testing import random_cloud


@pytest.mark.parametrize("mode", ["mean", "max", "sum"])
@pytest.mark.parametrize("steps", [None, 3])
def test_pools_each_sample(mode, steps):
    cloud = random_cloud((4, 5, 3), 7, batch_size=4, occupancy=0.2, steps=steps)
    features = cloud.features.double().requires_grad_()
    y = nn.SparseGlobalPool(mode)(cloud.replace(features))
    reduce = {"mean": torch.mean, "max": torch.amax, "sum": torch.sum}[mode]
    sample = cloud.coords[:, 0]
    wanted = torch.stack([reduce(features[..., sample == b, :], -2) for b in range(4)], -2)
    torch.testing.assert_close(y, wanted)
    (grad,) = torch.autograd.grad(y.sin().sum(), features, retain_graph=True)
    torch.testing.assert_close(grad, torch.autograd.grad(wanted.sin().sum(), features)[0])


@pytest.mark.parametrize("mode", ["mean", "max", "sum"])
def test_empty_samples_pool_to_zero(mode):
    coords = torch.tensor([[1, 0, 0, 0], [1, 1, 1, 1]])
    x = VoxelTensor(coords, -torch.ones(2, 3), (2, 2, 2), batch_size=4)
    y = nn.SparseGlobalPool(mode)(x)
    assert y.shape == (4, 3)
    assert y[[0, 2, 3]].abs().sum() == 0
    assert y[1].sum() < 0
    none = VoxelTensor(coords[:0], torch.ones(0, 3), (2, 2, 2), batch_size=2)
    assert torch.equal(nn.SparseGlobalPool(mode)(none), torch.zeros(2, 3))
    nobody = VoxelTensor(coords[:0], torch.ones(0, 3), (2, 2, 2), batch_size=0)
    assert nn.SparseGlobalPool(mode)(nobody).shape == (0, 3)


def test_unary_events_are_collapsed_first():
    cloud = random_cloud((4, 4, 4), 3, occupancy=0.5, spikes=0.5)
    events = expand(cloud, 4)
    assert torch.equal(nn.ToDense()(events), cloud.dense())
    assert torch.equal(nn.SparseGlobalPool("max")(events), nn.SparseGlobalPool("max")(cloud))


def test_to_dense_keeps_time_and_gradients():
    cloud = random_cloud((4, 3, 2), 5, occupancy=0.5, steps=2)
    features = cloud.features.clone().requires_grad_()
    grid = nn.ToDense()(cloud.replace(features))
    assert grid.shape == (2, 2, 5, 4, 3, 2)
    grid.sum().backward()
    assert torch.equal(features.grad, torch.ones_like(features))


def test_unknown_mode_is_named():
    with pytest.raises(ArgumentError, match="'mean', 'max' or 'sum'; got 'median'"):
        nn.SparseGlobalPool("median")
