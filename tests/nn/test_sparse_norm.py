"""BatchNorm over occupied voxels."""

import numba
import pytest
import torch

from neurospike import nn
from neurospike.errors import ArgumentError
from neurospike.nn.unary import expand
from neurospike.testing import random_cloud


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3, 17, 64])
@pytest.mark.parametrize("steps", [None, 3])
@pytest.mark.parametrize("training", [True, False])
def test_equals_batch_norm_1d(dtype, channels, steps, training):
    cloud = random_cloud((6, 7, 5), channels, occupancy=0.4, steps=steps, dtype=dtype)
    mine = nn.SparseBatchNorm(channels, eps=1e-3, momentum=0.01).to(dtype)
    peer = torch.nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01).to(dtype)
    with torch.no_grad():
        mine.weight.uniform_(0.5, 2)
        mine.bias.normal_()
        mine.running_mean.normal_()
        mine.running_var.uniform_(0.5, 2)
    peer.load_state_dict(mine.state_dict())
    a = (cloud.features * 3 + 5).requires_grad_()
    b = a.detach().reshape(-1, channels).requires_grad_()
    mine.train(training)
    peer.train(training)
    y, z = mine(cloud.replace(a)).features, peer(b)
    weights = torch.randn(z.shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    y.backward(weights.reshape(y.shape))
    z.backward(weights)
    tolerance = {"rtol": 1e-4, "atol": 2e-5} if dtype == torch.float32 else {}
    torch.testing.assert_close(y.reshape(z.shape), z, **tolerance)
    torch.testing.assert_close(a.grad.reshape(z.shape), b.grad, **tolerance)
    for p, q in zip(mine.parameters(), peer.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-3)
    for name, value in peer.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], value)


def test_large_offsets_keep_their_variance():
    cloud = random_cloud((8, 8, 8), 3, occupancy=0.5)
    norm = nn.SparseBatchNorm(3)
    shifted = norm(cloud.replace(cloud.features + 1000)).features
    plain = nn.SparseBatchNorm(3)(cloud).features
    torch.testing.assert_close(shifted, plain, rtol=0, atol=2e-3)


def test_empty_batch_passes_through():
    cloud = random_cloud((4, 4, 4), 3, occupancy=0.0)
    norm = nn.SparseBatchNorm(3)
    y = norm(cloud.replace(cloud.features.requires_grad_()))
    y.features.sum().backward()
    assert y.features.shape == (0, 3)
    assert torch.equal(norm.running_mean, torch.zeros(3))
    assert torch.equal(norm.weight.grad, torch.zeros(3))


def test_one_row_is_normalised_by_the_running_statistics():
    cloud = random_cloud((1, 1, 1), 3, batch_size=1, occupancy=1.0)
    norm = nn.SparseBatchNorm(3)
    y = norm(cloud).features
    torch.testing.assert_close(y, cloud.features / (1 + norm.eps) ** 0.5)
    assert torch.equal(norm.running_var, torch.ones(3))


def test_any_number_of_threads_gives_equal_bits():
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    cloud = random_cloud((40, 40, 40), 5, occupancy=0.3)
    before, torch_before = numba.get_num_threads(), torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            torch.set_num_threads(threads)
            leaf = cloud.features.clone().requires_grad_()
            norm = nn.SparseBatchNorm(5)
            y = norm(cloud.replace(leaf)).features
            grads = torch.autograd.grad((y * y.detach().sin()).sum(), [leaf, *norm.parameters()])
            results.append([y, norm.running_var, *grads])
    finally:
        numba.set_num_threads(before)
        torch.set_num_threads(torch_before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_bad_inputs_are_named():
    cloud = random_cloud((4, 4, 4), 3, occupancy=0.5, spikes=0.5)
    with pytest.raises(ArgumentError, match="must have 4 channels; got 3"):
        nn.SparseBatchNorm(4)(cloud)
    with pytest.raises(ArgumentError, match="once per integer step; got 4 virtual steps"):
        nn.SparseBatchNorm(3)(expand(cloud, 4))
