"""Pairs of sites against torch's convolutions, and against the addressing function."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from neurospike.errors import ArgumentError
from neurospike.hw.addressing import targets
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import Membrane, Source
from neurospike.hw.pairs import pairs_of
from neurospike.hw.sites import active_sets, samples_of, site_count
from neurospike.hw.wiring import (
    Level,
    Pointwise,
    Pooled,
    Submanifold,
    Taps,
    Transposed,
    Whole,
    Window,
)
from neurospike.nn import SparseConv3d, SparseInverseConv3d, SubmanifoldConv3d
from neurospike.sparse import VoxelTensor

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def network(wiring, source: Space, target: Space, levels=(), input_shape=None) -> Network:
    projection = Projection("p", "a", "b", wiring, np.zeros((1, 1, 1)))
    populations = (Population("a", source, Source()), Population("b", target, Membrane()))
    return Network(populations, (projection,), levels=levels, input_shape=input_shape)


def dense_pairs(wiring, source, target):
    net = network(wiring, Space(1, source), Space(1, target))
    return pairs_of(net.projections[0], net)


def send(pairs, weight, values):
    """Loop over the pairs: values (sites, C_in), weight (C_in, taps, C_out) -> (targets, C_out)."""
    assert weight.shape[1] == pairs.taps
    out = np.zeros((pairs.targets, weight.shape[2]))
    for p in range(pairs.sources):
        for at in range(pairs.offsets[p], pairs.offsets[p + 1]):
            out[pairs.target[at]] += values[p] @ weight[:, pairs.tap[at]]
    return out


def taps_ascend(pairs) -> bool:
    return all(
        (np.diff(pairs.tap[pairs.offsets[p] : pairs.offsets[p + 1]]) > 0).all()
        for p in range(pairs.sources)
    )


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "dilation"),
    [
        ((7,), (3,), (1,), (0,), (1,)),
        ((9,), (4,), (3,), (2,), (2,)),
        ((5, 6), (3, 3), (1, 1), (1, 1), (1, 1)),
        ((7, 8), (2, 3), (2, 1), (0, 3), (1, 2)),
        ((1, 1), (1, 1), (1, 1), (0, 0), (1, 1)),
        ((4, 5, 6), (3, 2, 1), (2, 1, 3), (1, 0, 1), (1, 1, 1)),
    ],
)
def test_windows_are_torch_convolutions(shape, kernel, stride, padding, dilation) -> None:
    torch.manual_seed(0)
    axes = len(shape)
    x = torch.randn(1, 3, *shape, dtype=torch.float64)
    w = torch.randn(2, 3, *kernel, dtype=torch.float64)
    y = CONV[axes](x, w, stride=stride, padding=padding, dilation=dilation)
    wiring = Window(kernel, stride, padding, dilation)
    pairs = dense_pairs(wiring, shape, tuple(y.shape[2:]))
    weight = w.flatten(2).permute(1, 2, 0).numpy()
    got = send(pairs, weight, x[0].flatten(1).T.numpy())
    np.testing.assert_allclose(got, y[0].flatten(1).T.numpy(), rtol=1e-12, atol=1e-12)
    assert taps_ascend(pairs)
    sites = torch.cartesian_prod(torch.arange(1), *map(torch.arange, shape))
    expected = targets(
        sites, shape, kernel, mode="vanilla", stride=stride, padding=padding, dilation=dilation
    )
    assert pairs.visited.tolist() == expected.tolist() == np.diff(pairs.offsets).tolist()

    # The same pairs the other way are torch's transposed convolution, padded back to this shape.
    extra = tuple(
        n - ((m - 1) * s - 2 * p + d * (k - 1) + 1)
        for n, m, k, s, p, d in zip(
            shape, y.shape[2:], kernel, stride, padding, dilation, strict=True
        )
    )
    back = CONV_TRANSPOSED[axes](
        y, w, stride=stride, padding=padding, dilation=dilation, output_padding=extra
    )
    turned = dense_pairs(Transposed(wiring), tuple(y.shape[2:]), shape)
    got = send(turned, weight.transpose(2, 1, 0), y[0].flatten(1).T.numpy())
    np.testing.assert_allclose(got, back[0].flatten(1).T.numpy(), rtol=1e-11, atol=1e-11)


def test_a_linear_layer_meets_every_site_at_its_own_tap() -> None:
    pairs = dense_pairs(Whole(), (3, 4), ())
    assert pairs.tap.tolist() == list(range(12))
    assert set(pairs.target.tolist()) == {0}
    assert (pairs.taps, pairs.targets) == (12, 1)
    one = dense_pairs(Whole(), (), ())
    assert (one.tap.tolist(), one.target.tolist()) == ([0], [0])
    with pytest.raises(ArgumentError, match="must fit both populations"):
        dense_pairs(Whole(), (3,), (3,))


def test_several_synapses_between_two_sites() -> None:
    pairs = dense_pairs(Taps(3), (), ())
    assert pairs.tap.tolist() == [0, 1, 2]
    assert pairs.target.tolist() == [0, 0, 0]
    assert dense_pairs(Pointwise(), (2, 2), (2, 2)).target.tolist() == [0, 1, 2, 3]
    with pytest.raises(ArgumentError, match="must fit both populations"):
        dense_pairs(Pointwise(), (2, 2), (4,))


def test_pooling_moves_the_address_and_drops_the_rest() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 2, 7, 6, dtype=torch.float64)
    w = torch.randn(3, 2, 2, 2, dtype=torch.float64)
    y = F.conv2d(F.avg_pool2d(x, (2, 3)), w, padding=1)
    wiring = Pooled((2, 3), Window((2, 2), (1, 1), (1, 1), (1, 1)))
    pairs = dense_pairs(wiring, (7, 6), tuple(y.shape[2:]))
    weight = w.flatten(2).permute(1, 2, 0).numpy() / 6
    got = send(pairs, weight, x[0].flatten(1).T.numpy())
    np.testing.assert_allclose(got, y[0].flatten(1).T.numpy(), rtol=1e-12, atol=1e-12)
    assert pairs.visited.reshape(7, 6)[6].tolist() == [0] * 6
    flat = dense_pairs(Pooled((2, 3), Whole()), (7, 6), ())
    assert flat.taps == 6
    assert flat.tap[:6].tolist() == [0, 0, 0, 1, 1, 1]


def cloud(voxels: int, shape=(9, 8, 7), channels: int = 2, seed: int = 0) -> VoxelTensor:
    g = torch.Generator().manual_seed(seed)
    keys = torch.randperm(math.prod(shape), generator=g)[:voxels].sort().values
    _, y, z = shape
    coords = torch.stack([0 * keys, keys // (y * z), keys // z % y, keys % z], 1)
    features = torch.randn(voxels, channels, generator=g, dtype=torch.float64)
    return VoxelTensor(coords, features, shape, batch_size=1)


@pytest.mark.parametrize("voxels", [0, 1, 63, 300])
@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3, 3), (1, 1, 1)), ((1, 5, 3), (2, 1, 2))])
def test_submanifold_pairs(voxels, kernel, dilation) -> None:
    x = cloud(voxels)
    layer = SubmanifoldConv3d(2, 3, kernel, dilation=dilation).double()
    space = Space(2, x.spatial_shape, 0)
    net = network(Submanifold(kernel, dilation), space, space, (Level(x.spatial_shape),))
    sets = active_sets(net, x)
    pairs = pairs_of(net.projections[0], net, sets)
    weight = layer.weight.detach().permute(1, 0, 2).numpy()
    got = send(pairs, weight, x.features.numpy())
    np.testing.assert_allclose(got, layer(x).features.detach().numpy(), rtol=1e-11, atol=1e-12)
    assert taps_ascend(pairs)
    hits = targets(x.coords, x.spatial_shape, kernel, dilation=dilation)
    assert np.diff(pairs.offsets).tolist() == hits.tolist()
    inside = targets(x.coords, x.spatial_shape, kernel, mode="vanilla", dilation=dilation)
    assert pairs.visited.tolist() == inside.tolist()
    assert pairs_of(net.projections[0], net, sets) is pairs
    assert site_count(space, sets) == voxels


def test_hand_fixture_of_three_voxels() -> None:
    line = torch.tensor([[0, 3, 3, 3], [0, 3, 3, 4], [0, 3, 3, 5]])
    x = VoxelTensor(line, torch.ones(3, 1), (8, 8, 8), batch_size=1)
    space = Space(1, (8, 8, 8), 0)
    net = network(Submanifold((3, 3, 3), (1, 1, 1)), space, space, (Level((8, 8, 8)),))
    pairs = pairs_of(net.projections[0], net, active_sets(net, x))
    assert (len(pairs.tap), int(pairs.visited.sum())) == (7, 81)


@pytest.mark.parametrize("voxels", [1, 63, 300])
def test_strided_pairs_and_back(voxels) -> None:
    x = cloud(voxels)
    down = SparseConv3d(2, 3, (3, 2, 3), stride=(2, 2, 1), padding=(1, 0, 1)).double()
    up = SparseInverseConv3d(3, 2, of=down).double()
    y = down(x)
    window = Window((3, 2, 3), (2, 2, 1), (1, 0, 1), (1, 1, 1))
    levels = (Level(x.spatial_shape), Level(y.spatial_shape, 0, window))
    fine, coarse = Space(2, x.spatial_shape, 0), Space(3, y.spatial_shape, 1)
    net = network(window, fine, coarse, levels)
    sets = active_sets(net, x)
    assert torch.equal(sets[1].coords, y.coords)
    pairs = pairs_of(net.projections[0], net, sets)
    weight = down.weight.detach().permute(1, 0, 2).numpy()
    got = send(pairs, weight, x.features.numpy())
    np.testing.assert_allclose(got, y.features.detach().numpy(), rtol=1e-11, atol=1e-12)
    assert pairs.visited.tolist() == np.diff(pairs.offsets).tolist()

    net = network(Transposed(window), coarse, fine, levels)
    turned = pairs_of(net.projections[0], net, sets)
    weight = up.weight.detach().permute(1, 0, 2).numpy()
    got = send(turned, weight, y.features.detach().numpy())
    np.testing.assert_allclose(got, up(y).features.detach().numpy(), rtol=1e-11, atol=1e-12)
    assert taps_ascend(turned)
    grid = dense_pairs(Transposed(window), y.spatial_shape, x.spatial_shape)
    assert turned.visited.tolist() == grid.visited[sets[1].keys].tolist()


def test_voxels_onto_dense_grids() -> None:
    x = cloud(40)
    source = Space(2, x.spatial_shape, 0)
    levels = (Level(x.spatial_shape),)
    net = network(Whole(), source, Space(1), levels)
    pairs = pairs_of(net.projections[0], net, active_sets(net, x))
    assert pairs.tap.tolist() == x.active.keys.tolist()
    window = Window((3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1))
    net = network(window, source, Space(1, (5, 4, 4)), levels)
    pairs = pairs_of(net.projections[0], net, active_sets(net, x))
    grid = dense_pairs(window, x.spatial_shape, (5, 4, 4))
    for row, key in enumerate(x.active.keys.tolist()):
        mine = slice(pairs.offsets[row], pairs.offsets[row + 1])
        its = slice(grid.offsets[key], grid.offsets[key + 1])
        assert pairs.target[mine].tolist() == grid.target[its].tolist()
        assert pairs.tap[mine].tolist() == grid.tap[its].tolist()


def test_samples_are_padded_and_refused() -> None:
    x = cloud(20, (5, 6, 7))
    space = Space(2, (8, 8, 8), 0)
    wiring = Submanifold((3, 3, 3), (1, 1, 1))
    net = network(wiring, space, space, (Level((8, 8, 8)),), input_shape=(5, 6, 7))
    sets = active_sets(net, x)
    assert sets[0].spatial_shape == (8, 8, 8)
    assert sets[0].coords is x.coords
    assert active_sets(net, x)[0] is sets[0]
    with pytest.raises(ArgumentError, match="must lie on a grid"):
        active_sets(net, cloud(20, (5, 6, 8)))
    batch = VoxelTensor(x.coords, x.features, x.spatial_shape, batch_size=2)
    with pytest.raises(ArgumentError, match="one sample"):
        active_sets(net, batch)
    first, second = samples_of(batch)
    assert torch.equal(first.coords, x.coords)
    assert second.features.shape == (0, 2)
    with pytest.raises(ArgumentError, match="needs the voxels of level 0"):
        pairs_of(net.projections[0], net)
    assert active_sets(network(Pointwise(), Space(1), Space(1)), x) == []
