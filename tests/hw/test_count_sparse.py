"""Sparse layers against loops over coordinates; whole networks in both spike modes."""

import inspect
import itertools

import pytest
import torch
from torch import nn

from neurospike import hw
from neurospike import nn as snn
from neurospike.errors import UncountedLayerError
from neurospike.models import e3dsnn
from neurospike.sparse import VoxelTensor

from .networks import Relay, cloud


def loop_pairs(ins, outs, kernel, stride, padding):
    """(input row, output row) of every tap that joins two occupied sites."""
    at = {tuple(row): n for n, row in enumerate(outs.tolist())}
    pairs = []
    for row, (b, *p) in enumerate(ins.tolist()):
        for tap in itertools.product(range(kernel), repeat=3):
            moved = [i + padding - t for i, t in zip(p, tap, strict=True)]
            if all(m % stride == 0 for m in moved):
                q = (b, *(m // stride for m in moved))
                if q in at:
                    pairs.append((row, at[q]))
    return pairs


SHAPES = [None, 3]


@pytest.mark.parametrize("steps", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_submanifold_convolution(channels: int, steps: int | None) -> None:
    conv = snn.SubmanifoldConv3d(channels, 5, 3, bias=True)
    x = cloud(channels, spikes=3, steps=steps)
    pairs = loop_pairs(x.coords, x.coords, 3, 1, 1)
    events = sum(float(x.features[..., i, :].sum()) for i, _ in pairs)
    counted = hw.count(nn.Sequential(Relay(), conv), x)
    assert counted.synops * 2 == events * 5
    assert counted.acs * 2 == (steps or 1) * len(x.active) * 5
    assert counted.macs == 0
    real = hw.count(conv, x)
    assert real.macs * 2 == (steps or 1) * len(pairs) * channels * 5
    assert real.synops == 0
    assert real.layers[0].note == "first layer"


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1)])
def test_strided_and_inverse_convolution(kernel: int, stride: int, padding: int) -> None:
    down = snn.SparseConv3d(3, 4, kernel, stride=stride, padding=padding)
    up = snn.SparseInverseConv3d(4, 2, of=down)
    x = cloud(3, spikes=2)
    y = down(x)
    pairs = loop_pairs(x.coords, y.coords, kernel, stride, padding)
    counted = hw.count(nn.Sequential(Relay(), down), x)
    assert counted.synops * 2 == sum(float(x.features[i].sum()) for i, _ in pairs) * 4

    net = nn.Sequential(down, snn.ILIF(4), up)
    spikes = snn.ILIF(4)(y).features.detach()
    counted = hw.count(net, x)
    assert counted.macs * 2 == len(pairs) * 3 * 4
    assert counted.synops * 2 == sum(float(spikes[o].sum()) for _, o in pairs) * 2


def test_three_voxels_in_a_line_have_seven_pairs() -> None:
    coords = torch.tensor([[0, 3, 3, 3], [0, 3, 3, 4], [0, 3, 3, 5]])
    x = VoxelTensor(coords, torch.ones(3, 1), (8, 8, 8), 1)
    conv = snn.SubmanifoldConv3d(1, 1)
    assert hw.count(nn.Sequential(Relay(), conv), x).synops == 7
    assert hw.count(conv, x).macs == 7
    assert hw.addressing.targets(x.coords, (8, 8, 8), 3).tolist() == [2, 3, 2]


def test_shortcut_norm_pool_and_head_by_hand() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron, self.conv = snn.ILIF(4), snn.SubmanifoldConv3d(3, 3)
            self.norm, self.pool = snn.SparseBatchNorm(3), snn.SparseGlobalPool("mean")
            self.head = nn.Linear(3, 7)

        def forward(self, x):
            x = x + self.norm(self.conv(self.neuron(x)))
            return self.pool(x.replace(self.head(x.features)))

    x = cloud(3)
    n = len(x.active)
    counted = hw.count(Net(), x)
    rows = {(layer.name, layer.type): layer for layer in counted.layers}
    assert rows["", "add"].acs * 2 == n * 3
    assert rows["norm", "SparseBatchNorm"].acs * 2 == n * 3
    assert rows["head", "Linear"].macs * 2 == n * 3 * 7
    assert rows["head", "Linear"].acs * 2 == n * 7
    assert rows["pool", "SparseGlobalPool"].acs * 2 == n * 7
    assert counted.updates * 2 == n * 3
    assert counted.energy_pj == pytest.approx(
        4.6 * counted.macs + 0.9 * (counted.acs + counted.synops)
    )
    assert counted.macs == rows["head", "Linear"].macs


def test_dense_view_and_pools_keep_spikes() -> None:
    x = cloud(2, spikes=3)
    total = float(x.features.sum())
    dense = nn.Sequential(Relay(), snn.ToDense(), nn.Conv3d(2, 3, 1, bias=False))
    assert hw.count(dense, x).synops * 2 == total * 3
    summed = nn.Sequential(Relay(), snn.SparseGlobalPool("sum"), nn.Linear(2, 3, bias=False))
    assert hw.count(summed, x).synops * 2 == total * 3
    assert hw.count(summed, x).acs * 2 == total
    largest = nn.Sequential(Relay(), snn.SparseGlobalPool("max"), nn.Linear(2, 3, bias=False))
    pooled = snn.SparseGlobalPool("max")(x)
    assert hw.count(largest, x).synops * 2 == float(pooled.sum()) * 3
    mean = nn.Sequential(Relay(), snn.SparseGlobalPool("mean"), nn.Linear(2, 3, bias=False))
    assert hw.count(mean, x).macs == 6


def test_empty_sample_and_empty_cloud() -> None:
    net = nn.Sequential(snn.SubmanifoldConv3d(2, 3), snn.ILIF(), snn.SubmanifoldConv3d(3, 1))
    nothing = VoxelTensor(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 2), (4, 4, 4), 3)
    counted = hw.count(net, nothing)
    assert (counted.macs, counted.synops, counted.energy_pj) == (0, 0, 0)
    assert counted.table()


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = e3dsnn("T", num_classes=5, steps=2)
    for layer in net.modules():
        if isinstance(layer, snn.SparseBatchNorm):
            layer.momentum = None
    net.train()(cloud(6, voxels=300, edge=16, seed=1))
    return net.eval()


def test_e3dsnn_counts_the_same_in_both_spike_modes(network) -> None:
    x = cloud(6, voxels=300, edge=16)
    integer = hw.count(network, x)
    unary = hw.count(snn.spike_mode(network, "unary"), x)
    snn.spike_mode(network, "integer")
    assert integer.synops > 0
    for name in ("macs", "acs", "synops", "updates"):
        assert getattr(integer, name) == getattr(unary, name), name


def test_e3dsnn_real_inputs_are_the_stem_and_the_head(network) -> None:
    x = cloud(6, voxels=300, edge=16)
    counted = hw.count(network, x)
    products = {layer.name: layer for layer in counted.layers if layer.macs}
    assert set(products) == {"stem.convs.0", "head"}
    pairs = int(hw.addressing.targets(x.coords, x.spatial_shape, 3).sum())
    assert products["stem.convs.0"].macs * 2 == pairs * 6 * 16
    shortcuts = [layer for layer in counted.layers if layer.type == "add"]
    assert len(shortcuts) == 4
    assert all(layer.note == "shortcut" for layer in shortcuts)


def test_e3dsnn_synops_equal_hooked_spikes_times_pairs(network) -> None:
    """Once more, by hooks and addressing alone."""
    x, seen = cloud(6, voxels=300, edge=16), []
    kinds = (snn.SubmanifoldConv3d, snn.SparseConv3d)
    hooks = [
        m.register_forward_pre_hook(lambda m, args: seen.append((m, args[0])))
        for m in network.modules()
        if isinstance(m, kinds)
    ]
    network(x)
    for hook in hooks:
        hook.remove()
    expected = 0.0
    for layer, read in seen[1:]:
        strided = isinstance(layer, snn.SparseConv3d)
        options = (
            {"mode": "vanilla", "stride": layer.stride, "padding": layer.padding} if strided else {}
        )
        fan_out = hw.addressing.targets(
            read.coords, read.spatial_shape, layer.kernel_size, **options
        )
        events = read.features.detach().double().reshape(-1, *read.features.shape[-2:]).sum((0, 2))
        expected += float((events * fan_out).sum()) * layer.out_channels
    assert hw.count(network, x).synops * 2 == expected


def layers_of_the_package():
    found = [getattr(snn, name) for name in snn.__all__]
    return [c for c in found if inspect.isclass(c) and issubclass(c, nn.Module)]


@pytest.mark.parametrize("kind", layers_of_the_package(), ids=lambda c: c.__name__)
def test_every_layer_of_the_package_has_a_rule_or_is_refused(kind) -> None:
    from neurospike.hw.registry import find_rule

    counted = find_rule(kind.__new__(kind)) is not None
    neuron = issubclass(kind, snn.Stateful) and kind.emits_spikes
    container = kind in (snn.SpikingSequential, snn.Stateful)
    if not (counted or neuron or container):
        layer = nn.Identity()
        layer.__class__ = kind
        with pytest.raises(UncountedLayerError, match=kind.__name__):
            hw.count(layer, torch.rand(2, 3))
