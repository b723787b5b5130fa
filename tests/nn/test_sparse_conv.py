"""Sparse convolutions against torch's dense ones, values and gradients, on every backend."""

import copy
import gc
import itertools
import pickle
import weakref

import numba
import pytest
import torch
from torch.nn import functional as F

from neurospike import nn
from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.kernels.sparse import cpu, select
from neurospike.nn.unary import expand
from neurospike.sparse import VoxelTensor, cat
from neurospike.testing import (
    assert_matches_dense,
    assert_translation_equivariant,
    random_cloud,
)

BACKENDS = [
    ("reference", torch.float64),
    ("portable", torch.float64),
    ("portable", torch.float32),
    pytest.param(
        "numba",
        torch.float32,
        marks=pytest.mark.skipif(
            not cpu.runs_fast(torch.float32), reason="this CPU has no AVX2 and FMA"
        ),
    ),
]
GRID = (7, 6, 9)

SUBMANIFOLD = [(3, 1), (5, 1), (1, 1), ((1, 3, 5), 1), ((3, 1, 3), (1, 2, 2)), (3, (2, 1, 3))]
STRIDED = [
    (2, 2, 0, 1),
    (3, 2, 1, 1),
    (3, 1, 1, 1),
    ((3, 1, 1), (2, 1, 1), 0, 1),
    ((2, 3, 4), (1, 2, 3), (0, 1, 2), 1),
    (3, 2, 2, (2, 1, 2)),
    (1, 2, 0, 1),
    (2, 3, 1, 2),
]


def strided(c_in, c_out, kernel, stride, padding, dilation, bias=False):
    return nn.SparseConv3d(
        c_in,
        c_out,
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        bias=bias,
    )


@pytest.mark.parametrize(("kernel", "dilation"), SUBMANIFOLD)
@pytest.mark.parametrize(("backend", "dtype"), BACKENDS)
def test_submanifold_matches_dense(backend, dtype, kernel, dilation):
    layer = nn.SubmanifoldConv3d(3, 17, kernel, dilation=dilation, bias=True).to(dtype)
    with select.backend(backend):
        assert_matches_dense(layer, random_cloud(GRID, 3, occupancy=0.2, dtype=dtype))


@pytest.mark.parametrize("geometry", STRIDED)
@pytest.mark.parametrize(("backend", "dtype"), BACKENDS)
def test_strided_and_inverse_match_dense(backend, dtype, geometry):
    cloud = random_cloud(GRID, 3, occupancy=0.1, dtype=dtype)
    down = strided(3, 5, *geometry).to(dtype)
    up = nn.SparseInverseConv3d(5, 4, of=down, bias=True).to(dtype)
    with select.backend(backend):
        assert_matches_dense(down, cloud)
        assert_matches_dense(up, down(cloud))


@pytest.mark.parametrize("geometry", STRIDED)
def test_every_reached_site_is_occupied(geometry):
    cloud = random_cloud(GRID, 1, occupancy=0.05)
    ones = cloud.replace(torch.ones_like(cloud.features))
    layer = strided(1, 1, *geometry)
    torch.nn.init.ones_(layer.weight)
    y = layer(ones)
    dense = F.conv3d(
        ones.dense(),
        layer.weight.reshape(1, 1, *layer.kernel_size),
        None,
        layer.stride,
        layer.padding,
        layer.dilation,
    )
    assert torch.equal((dense[:, 0] > 0.5).nonzero().int(), y.coords)
    assert tuple(dense.shape[2:]) == y.spatial_shape


@pytest.mark.parametrize("channels", [*itertools.product((1, 3, 17), repeat=2), (70, 96)])
@pytest.mark.parametrize(("backend", "dtype"), BACKENDS)
def test_gradients_match_dense(backend, dtype, channels):
    c_in, c_out = channels
    cloud = random_cloud((5, 6, 4), c_in, occupancy=0.3, dtype=dtype)
    layer = nn.SubmanifoldConv3d(c_in, c_out, bias=True).to(dtype)
    at = cloud.coords.long()
    draw = torch.Generator().manual_seed(1)

    def gradients(run):
        leaf = cloud.features.clone().requires_grad_()
        y = run(cloud.replace(leaf))
        draw.manual_seed(1)
        loss = (y * torch.randn(y.shape, generator=draw, dtype=dtype)).sum()
        return torch.autograd.grad(loss, [leaf, layer.weight, layer.bias])

    def dense(x):
        weight = layer.weight.reshape(3, 3, 3, c_in, c_out).permute(4, 3, 0, 1, 2)
        y = F.conv3d(x.dense(), weight, layer.bias, padding=1)
        return y[at[:, 0], :, at[:, 1], at[:, 2], at[:, 3]]

    with select.backend(backend):
        found = gradients(lambda x: layer(x).features)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-5
    for mine, wanted in zip(found, gradients(dense), strict=True):
        assert (mine - wanted).abs().max() <= tolerance * wanted.abs().max()


@pytest.mark.parametrize(("backend", "dtype"), BACKENDS)
def test_gradcheck_of_strided_and_inverse(backend, dtype):
    if dtype != torch.float64:
        pytest.skip("finite differences need float64")
    cloud = random_cloud((4, 4, 4), 2, occupancy=0.2, steps=2, dtype=dtype)
    down = strided(2, 3, 3, 2, 1, 1, bias=True).to(dtype)
    up = nn.SparseInverseConv3d(3, 2, of=down).to(dtype)

    def run(features, *_):
        return up(down(cloud.replace(features))).features

    with select.backend(backend):
        inputs = (cloud.features.requires_grad_(), down.weight, down.bias, up.weight)
        assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


@pytest.mark.parametrize(("backend", "dtype"), BACKENDS)
@pytest.mark.parametrize("occupied", [0, 1])
@pytest.mark.parametrize("steps", [None, 2])
def test_empty_cloud_and_one_voxel(backend, dtype, occupied, steps):
    coords = torch.tensor([[1, 2, 3, 1]])[:occupied]
    shape = (*(() if steps is None else (steps,)), occupied, 3)
    features = torch.ones(shape, dtype=dtype, requires_grad=True)
    cloud = VoxelTensor(coords, features, (4, 4, 4), batch_size=3)
    flat = nn.SubmanifoldConv3d(3, 5, bias=True).to(dtype)
    down = strided(5, 6, 2, 2, 0, 1).to(dtype)
    up = nn.SparseInverseConv3d(6, 2, of=down).to(dtype)
    with select.backend(backend):
        y = up(down(flat(cloud)))
        y.features.sum().backward()
    assert y.features.shape == (*shape[:-1], 2)
    assert flat.weight.grad.shape == flat.weight.shape
    assert features.grad.shape == shape
    if occupied:
        torch.testing.assert_close(
            flat(cloud).features[..., 0, :],
            flat.weight[13].sum(0).expand(*shape[:-2], 5) + flat.bias,
        )


@pytest.mark.parametrize("backend", ["portable", "numba"])
@pytest.mark.parametrize(
    ("c_in", "c_out"), [(1, 8), (3, 17), (17, 24), (64, 16), (100, 40), (65, 136)]
)
def test_event_driven_and_dense_paths_give_equal_bits(monkeypatch, backend, c_in, c_out):
    if backend == "numba" and not cpu.runs_fast(torch.float32):
        pytest.skip("this CPU has no AVX2 and FMA")
    cloud = random_cloud(GRID, c_in, occupancy=0.3, spikes=0.2, steps=2)
    layer = nn.SubmanifoldConv3d(c_in, c_out)
    taken = []
    results = []
    for limit in (0.0, 2.0):
        monkeypatch.setattr(cpu, "crossover", lambda columns, limit=limit: limit)
        with select.backend(backend):
            y = layer(cloud).features
            taken.append(cpu._spikes(cloud.features, c_out) is not None)
        y.sum().backward()
        results.append(y.detach())
    assert taken == [False, True]
    assert torch.equal(*results)


@pytest.mark.parametrize("backend", ["portable", "numba"])
@pytest.mark.parametrize("spikes", [None, 0.1])
def test_any_number_of_threads_gives_equal_bits(backend, spikes):
    if backend == "numba" and not cpu.runs_fast(torch.float32):
        pytest.skip("this CPU has no AVX2 and FMA")
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one core")
    cloud = random_cloud((30, 30, 30), 19, occupancy=0.3, spikes=spikes)
    down = nn.SparseConv3d(19, 33, 2, stride=2, bias=True)
    flat = nn.SubmanifoldConv3d(33, 21, bias=True)
    before = numba.get_num_threads()

    def run():
        leaf = cloud.features.clone().requires_grad_()
        fresh = VoxelTensor(cloud.coords, leaf, cloud.spatial_shape, cloud.batch_size)
        y = flat(down(fresh)).features
        weights = (leaf, *down.parameters(), *flat.parameters())
        return [y, *torch.autograd.grad((y * y.detach().cos()).sum(), weights)]

    try:
        with select.backend(backend):
            numba.set_num_threads(1)
            one = run()
            numba.set_num_threads(2)
            two = run()
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(("backend", "dtype"), BACKENDS)
def test_time_axis_equals_single_steps(backend, dtype):
    cloud = random_cloud(GRID, 6, occupancy=0.3, steps=3, dtype=dtype)
    layers = [nn.SubmanifoldConv3d(6, 16, bias=True), strided(6, 10, 3, 2, 1, 1, bias=True)]
    for layer in layers:
        layer.to(dtype)
        with select.backend(backend):
            whole = layer(cloud).features
            for t in range(3):
                assert torch.equal(whole[t], layer(cloud.replace(cloud.features[t])).features)


def test_unary_events_are_summed_and_biased_once():
    cloud = random_cloud(GRID, 6, occupancy=0.3, spikes=0.5, dtype=torch.float64)
    for layer in (nn.SubmanifoldConv3d(6, 5, bias=True), strided(6, 5, 2, 2, 0, 1, bias=True)):
        layer.double()
        integer = layer(cloud)
        unary = layer(expand(cloud, 4))
        assert unary.virtual_steps == 1
        assert unary.active is integer.active
        torch.testing.assert_close(unary.features, integer.features)


def test_convolutions_commute_with_translation():
    cloud = random_cloud(GRID, 4, occupancy=0.2)
    assert_translation_equivariant(nn.SubmanifoldConv3d(4, 9), cloud, shift=(0, 2, -1))
    assert_translation_equivariant(strided(4, 9, 3, 2, 1, 1), cloud, shift=(4, -2, 0))
    with pytest.raises(ArgumentError, match="multiple of the stride"):
        assert_translation_equivariant(strided(4, 9, 2, 2, 0, 1), cloud, shift=(1, 0, 0))


def test_a_batch_equals_its_samples():
    clouds = [random_cloud(GRID, 4, batch_size=1, occupancy=0.05 * n, seed=n) for n in range(40)]
    coords = [c.coords + torch.tensor([n, 0, 0, 0]) for n, c in enumerate(clouds)]
    features = torch.cat([c.features for c in clouds])
    batch = VoxelTensor(torch.cat(coords), features, GRID, batch_size=40)
    for layer in (nn.SubmanifoldConv3d(4, 8), strided(4, 8, 3, 2, 1, 1)):
        alone = torch.cat([layer(c).features for c in clouds])
        assert torch.equal(layer(batch).features, alone)


def test_sets_and_maps_are_shared():
    cloud = random_cloud(GRID, 4, occupancy=0.2)
    a, b = strided(4, 8, 2, 2, 0, 1), strided(4, 3, 2, 2, 0, 1)
    ya, yb = a(cloud), b(cloud)
    assert ya.active is yb.active
    assert ya.active.parent is cloud.active
    assert ya.stride == (2, 2, 2)
    assert cat([ya, yb]).features.shape[-1] == 11
    flat = nn.SubmanifoldConv3d(8, 8)
    assert flat(ya).active is ya.active
    assert flat.kernel_map(ya).rules is nn.SubmanifoldConv3d(8, 2).kernel_map(ya).rules
    assert a.kernel_map(cloud).rules is b.kernel_map(cloud).rules
    up = nn.SparseInverseConv3d(8, 4, of=a)
    assert up(flat(ya)).active is cloud.active


def test_sets_are_freed_without_the_garbage_collector():
    layer, up = strided(4, 8, 2, 2, 0, 1), None
    up = nn.SparseInverseConv3d(8, 4, of=layer)
    gc.collect()
    gc.disable()
    try:
        cloud = random_cloud(GRID, 4, occupancy=0.2)
        y = up(layer(cloud))
        y.features.sum().backward()
        gone = weakref.ref(cloud.active)
        del cloud, y
        assert gone() is None
    finally:
        gc.enable()


def test_a_forgotten_output_set_is_made_again_from_its_cache():
    cloud = random_cloud(GRID, 4, occupancy=0.2)
    layer = strided(4, 8, 2, 2, 0, 1)
    flat = nn.SubmanifoldConv3d(8, 8)
    first = layer(cloud)
    coords, rules = first.coords, flat.kernel_map(first).rules
    del first
    again = layer(cloud)
    assert again.coords is coords
    assert flat.kernel_map(again).rules is rules
    assert again.active.parent is cloud.active


def test_kernel_map_counts_pairs():
    cloud = random_cloud(GRID, 4, occupancy=0.2)
    for layer in (nn.SubmanifoldConv3d(4, 8), strided(4, 8, 3, 2, 1, 1)):
        found = layer.kernel_map(cloud)
        assert found.fan_out().dtype == torch.int64
        assert found.fan_out().shape == (len(found.in_active),)
        assert found.fan_in().shape == (len(found.out_active),)
        assert int(found.fan_out().sum()) == int(found.fan_in().sum()) == found.pairs
        assert sum(len(found.at(k)[0]) for k in range(found.volume)) == found.pairs


def test_inverse_does_not_register_its_partner():
    down = strided(4, 8, 2, 2, 0, 1)
    up = nn.SparseInverseConv3d(8, 4, of=down)
    assert up.of is down
    assert list(up.state_dict()) == ["weight"]
    assert list(up.children()) == []
    net = torch.nn.ModuleList([down, up])
    twin = copy.deepcopy(net)
    assert twin[1].of is twin[0]
    assert pickle.loads(pickle.dumps(net))[1].of.stride == (2, 2, 2)


def test_kernel_size_is_also_the_third_argument():
    assert nn.SubmanifoldConv3d(2, 3, (1, 3, 1)).weight.shape == (3, 2, 3)
    assert nn.SubmanifoldConv3d(2, 3, kernel_size=5).weight.shape == (125, 2, 3)
    assert nn.SparseConv3d(2, 3, 2, stride=2).weight.shape == (8, 2, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.SubmanifoldConv3d(1, 1, (3, 4, 3)), "edges must be odd .* got \\(3, 4, 3\\)"),
        (lambda: nn.SubmanifoldConv3d(0, 1), "in_channels: must be 1 or more; got 0"),
        (lambda: nn.SubmanifoldConv3d(1, 1, dilation=0), "dilation: .* each 1 or more; got 0"),
        (lambda: nn.SparseConv3d(1, 1, (2, 2), stride=2), "kernel_size: must be one integer or"),
        (lambda: nn.SparseConv3d(1, 1, 2, stride=2, padding=-1), "padding: .* each 0 or more"),
        (lambda: nn.SparseInverseConv3d(1, 1, of=torch.nn.ReLU()), "of: must be a SparseConv3d"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_bad_inputs_are_named():
    cloud = random_cloud((3, 3, 3), 4, occupancy=0.5)
    with pytest.raises(ArgumentError, match="must have 5 channels; got 4"):
        nn.SubmanifoldConv3d(5, 1)(cloud)
    with pytest.raises(ArgumentError, match="dtype of the features"):
        nn.SubmanifoldConv3d(4, 1).double()(cloud)
    with pytest.raises(ArgumentError, match="window must fit"):
        nn.SparseConv3d(4, 1, 5, stride=1)(cloud)
    up = nn.SparseInverseConv3d(4, 1, of=nn.SparseConv3d(4, 4, 2, stride=2))
    with pytest.raises(ArgumentError, match="given as 'of'"):
        up(cloud)
    with (
        pytest.raises(BackendUnavailableError, match="'numba' needs float32"),
        select.backend("numba"),
    ):
        nn.SubmanifoldConv3d(4, 1).double()(cloud.to(torch.float64))
    with pytest.raises(ArgumentError, match="must be one of"), select.backend("fast"):
        pass


def test_large_windows_beyond_the_key_range_are_named():
    far = VoxelTensor(
        torch.tensor([[0, 0, 0, 0]]), torch.ones(1, 1), (2**21 - 2, 2**21 - 2, 2**19), 1
    )
    layer = nn.SubmanifoldConv3d(1, 1, 3, dilation=2**20)
    with pytest.raises(ArgumentError, match="exceeds the key range of 2\\^63"):
        layer(far)
