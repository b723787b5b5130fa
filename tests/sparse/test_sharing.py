"""Tensors on one set travel, move and meet others cleanly."""

import copy
import pickle

import pytest
import torch

from neurospike import nn, sparse
from neurospike.errors import ArgumentError
from neurospike.testing import random_cloud


def used_cloud() -> sparse.VoxelTensor:
    cloud = random_cloud((8, 8, 8), 3)
    down = nn.SparseConv3d(3, 3, kernel_size=2, stride=2)
    nn.SubmanifoldConv3d(3, 3)(cloud)
    down(cloud)
    return cloud


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_tensor_travels_without_its_maps(travel) -> None:  # type: ignore[no-untyped-def]
    cloud = used_cloud()
    layer = nn.SubmanifoldConv3d(3, 4)
    arrived = travel(cloud)
    assert torch.equal(arrived.coords, cloud.coords)
    assert arrived.active is not cloud.active
    assert torch.equal(layer(arrived).features, layer(cloud).features)


def test_a_derived_tensor_travels_with_its_parent() -> None:
    cloud = random_cloud((8, 8, 8), 3)
    down = nn.SparseConv3d(3, 3, kernel_size=2, stride=2)
    up = nn.SparseInverseConv3d(3, 2, of=down)
    coarse = down(cloud)
    arrived = pickle.loads(pickle.dumps(coarse))
    assert arrived.stride == (2, 2, 2)
    assert torch.equal(up(arrived).features, up(coarse).features)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((torch.float64,), {}),
        ((), {"dtype": torch.float64}),
        (("cpu", torch.float64), {}),
        ((), {"device": "cpu", "dtype": torch.float64}),
    ],
)
def test_to_takes_what_tensors_take(args, kwargs) -> None:  # type: ignore[no-untyped-def]
    moved = random_cloud((4, 4, 4), 2).to(*args, **kwargs)
    assert moved.features.dtype == torch.float64
    assert moved.coords.dtype == torch.int32


def test_shapes_are_never_broadcast() -> None:
    cloud = random_cloud((4, 4, 4), 3)
    twice = cloud.replace(torch.stack([cloud.features, cloud.features]))
    with pytest.raises(ArgumentError, match="must have one shape"):
        cloud + twice
    with pytest.raises(ArgumentError, match="must have one shape"):
        cloud + cloud.replace(cloud.features[:, :1])
    with pytest.raises(ArgumentError, match="the same time steps"):
        sparse.cat([cloud, twice])


def test_edges_beyond_int32_are_refused() -> None:
    coords = torch.tensor([[0, 0, 0, 2**33]])
    with pytest.raises(ArgumentError, match="must fit int32"):
        sparse.VoxelTensor(coords, torch.ones(1, 1), (4, 4, 2**40), 1)
