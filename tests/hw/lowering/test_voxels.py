"""Layers on voxels, and E-3DSNN, lowered and compared with torch spike for spike."""

import numpy as np
import pytest
import torch
from torch import nn

from neurospike.encoders import SpikeVoxelCoding
from neurospike.errors import ArgumentError, UnloweredLayerError
from neurospike.hw import emulate, lower, place, price
from neurospike.hw.neuron_models import Membrane
from neurospike.hw.wiring import Pointwise, Transposed, Whole, Window
from neurospike.models import e3dsnn
from neurospike.nn import (
    ILIF,
    LIF,
    LeakyReadout,
    SparseBatchNorm,
    SparseConv3d,
    SparseGlobalPool,
    SparseInverseConv3d,
    SpikingSequential,
    SubmanifoldConv3d,
    ToDense,
    UnarySpikes,
    spike_mode,
)
from neurospike.sparse import VoxelTensor
from tests.hw.lowering.loop import assert_equal, run
from tests.hw.test_pairs import cloud

LOIHI = "loihi1_sanafe"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def enliven(model: nn.Module, bias: float = 0.4) -> nn.Module:
    """Float64, statistics that are not trivial, and neurons that fire."""
    model = model.double()
    for part in model.modules():
        if isinstance(part, SparseBatchNorm):
            nn.init.normal_(part.running_mean, 0.0, 0.1)
            nn.init.uniform_(part.running_var, 0.02, 0.1)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, bias, 0.3)
    return model.eval()


def spiking_cloud(voxels: int, channels: int, steps: int = 4, seed: int = 0) -> VoxelTensor:
    x = cloud(voxels, channels=channels, seed=seed)
    g = torch.Generator().manual_seed(seed + 1)
    features = torch.randint(0, 3, (steps, voxels, channels), generator=g).double()
    return x.replace(features)


LAYERS = {
    "submanifold": lambda: [SubmanifoldConv3d(3, 5, (3, 1, 3), dilation=(1, 1, 2), bias=True)],
    "normed": lambda: [SubmanifoldConv3d(3, 5), SparseBatchNorm(5)],
    "biased-normed": lambda: [SubmanifoldConv3d(3, 5, bias=True), SparseBatchNorm(5)],
    "strided": lambda: [SparseConv3d(3, 5, 3, stride=2, padding=1, bias=True)],
    "rows": lambda: [nn.Linear(3, 5)],
    "rows-normed": lambda: [nn.Linear(3, 5), nn.BatchNorm1d(5)],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_on_voxels(name: str) -> None:
    net = enliven(SpikingSequential(*LAYERS[name](), ILIF(3)))
    x = spiking_cloud(40, 3)
    network = lower(net, x)
    assert (network.layout, network.steps) == ("voxels", None)
    assert [p.name for p in network.projections] == ["0"]
    assert network.projections[0].kind == "conv"
    assert_equal(network, net, x)
    # Another sample has other voxels; the network is the same.
    assert_equal(network, net, spiking_cloud(71, 3, steps=2, seed=7))


def test_a_plain_norm_on_the_rows_of_voxels_folds() -> None:
    net = SpikingSequential(nn.Linear(3, 5), nn.BatchNorm1d(5), LIF(2.0)).double().eval()
    net[1].running_mean.normal_()
    net[1].bias.data.fill_(1.0)
    x = spiking_cloud(20, 3)
    network = lower(net, x)
    assert network.projections[0].wiring == Pointwise()
    assert network.populations[1].bias.shape == (5,)
    assert_equal(network, net, x)


class UNet(nn.Module):
    """Down, up, and a shortcut of spikes beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = SubmanifoldConv3d(2, 4)
        self.fine = ILIF(2)
        self.down = SparseConv3d(4, 6, 3, stride=2, padding=1)
        self.norm = SparseBatchNorm(6)
        self.coarse = LIF(2.0, 0.3)
        self.up = SparseInverseConv3d(6, 4, of=self.down, bias=True)
        self.side = SubmanifoldConv3d(4, 4, 1)
        self.last = ILIF(4)

    def forward(self, x):
        fine = self.fine(self.first(x))
        coarse = self.coarse(self.norm(self.down(fine)))
        return self.last(self.up(coarse) + self.side(fine))


def test_down_and_up_again() -> None:
    model = enliven(UNet())
    model.up.bias.data.fill_(0.5)
    x = spiking_cloud(50, 2)
    network = lower(model, x)
    assert [level.parent for level in network.levels] == [None, 0]
    assert isinstance(network.projections[2].wiring, Transposed)
    assert {p.name for p in network.into("last")} == {"up", "side"}
    assert len(network.example) == 2
    assert_equal(network, model, x)
    assert_equal(network, model, spiking_cloud(33, 2, seed=9))


def test_one_strided_layer_twice_is_one_level() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = (SparseConv3d(2, 3, 2, stride=2) for _ in range(2))
            self.n = ILIF(3)

        def forward(self, x):
            return self.n(self.a(x) + self.b(x))

    model = Twice().double()
    network = lower(model, spiking_cloud(50, 2))
    assert len(network.levels) == 2
    assert_equal(network, model, spiking_cloud(50, 2))


@pytest.mark.parametrize("steps", [1, 3])
def test_spike_voxel_coding(steps: int) -> None:
    model = enliven(SpikeVoxelCoding(2, 5, steps=steps))
    x = cloud(45)
    network = lower(model, x)
    assert [p.name for p in network.populations] == ["input", *(f"neurons.{i}" for i in range(3))]
    assert network.populations[0].neuron.real
    assert [p.once for p in network.projections] == [steps > 1, False, False]
    assert network.steps == steps
    assert_equal(network, model, x)
    spike_mode(model, "unary")
    again = lower(model, x)
    assert [p.name for p in again.projections] == [p.name for p in network.projections]


def test_unary_events_on_voxels() -> None:
    net = enliven(SpikingSequential(UnarySpikes(2), SubmanifoldConv3d(3, 4), ILIF(3)))
    network = lower(net, spiking_cloud(30, 3))
    assert_equal(network, net, spiking_cloud(30, 3))


def test_voxels_become_grids_and_vectors() -> None:
    net = enliven(
        SpikingSequential(
            SubmanifoldConv3d(3, 4), ILIF(3), ToDense(), nn.Conv3d(4, 3, 3, stride=2), LIF(2.0, 0.1)
        )
    )
    net[3].bias.data.fill_(0.06)
    x = spiking_cloud(60, 3)
    network = lower(net, x)
    assert isinstance(network.projections[1].wiring, Window)
    assert network.populations[2].space.level is None
    assert_equal(network, net, x)
    assert_equal(network, net, spiking_cloud(31, 3, seed=4))

    net = enliven(
        SpikingSequential(
            SparseConv3d(3, 4, 4, stride=4, padding=2),
            LIF(2.0, 0.1),
            ToDense(),
            nn.Flatten(),
            nn.Linear(4 * 18, 5),
            LIF(2.0, 0.05),
        )
    )
    network = lower(net, x)
    assert network.projections[1].wiring == Whole()
    assert network.projections[1].weight.shape == (4, 18, 5)
    assert_equal(network, net, x)
    assert_equal(network, net, spiking_cloud(31, 3, seed=4))


def test_currents_become_a_grid_through_membranes() -> None:
    net = enliven(SpikingSequential(SubmanifoldConv3d(3, 2, bias=True), ToDense(), LIF(2.0, 0.3)))
    x = spiking_cloud(60, 3)
    network = lower(net, x)
    assert isinstance(network.populations[1].neuron, Membrane)
    assert_equal(network, net, x)


@pytest.mark.parametrize("mode", ["mean", "sum"])
def test_pooling_over_voxels_is_for_the_host(mode) -> None:
    net = SpikingSequential(
        SubmanifoldConv3d(3, 4, bias=True), ILIF(3), SparseGlobalPool(mode)
    ).double()
    x = spiking_cloud(30, 3)
    network = lower(net, x)
    assert (network.output.population, network.output.over_sites) == ("1", mode)
    sent = assert_equal(network, net, x)
    got = sent["1"].mean(1) if mode == "mean" else sent["1"].sum(1)
    np.testing.assert_allclose(got, net(x)[:, 0].detach().numpy(), atol=1e-12)
    if mode == "mean":
        net.append(nn.Linear(4, 2).double())
        network = lower(net, x)
        assert network.output.over_sites == "mean"
        got = run(network, x)[network.output.population].mean(1)
        np.testing.assert_allclose(got, net(x)[:, 0].detach().numpy(), atol=1e-12)
    refused = SpikingSequential(*net[:3], nn.Linear(4, 2).double(), LeakyReadout(2.0))
    with pytest.raises(UnloweredLayerError, match=r"for the host|adds a bias to a sum"):
        lower(refused, x)
    with pytest.raises(UnloweredLayerError, match="maximum over voxels"):
        lower(SpikingSequential(net[0], net[1], SparseGlobalPool("max")), x)


def test_voxels_read_one_by_one_are_refused() -> None:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(9 * 8 * 7 * 3, 4).double()
            self.neurons = LIF(2.0)

        def forward(self, x):
            return self.neurons(self.linear(x.dense().flatten(2)))

    with pytest.raises(UnloweredLayerError, match="differ from sample to sample"):
        lower(Dense(), spiking_cloud(20, 3))


def test_samples_of_other_shapes_and_empty_examples() -> None:
    net = SpikingSequential(SubmanifoldConv3d(2, 3), ILIF()).double()
    network = lower(net, cloud(20))
    assert network.populations[0].neuron.real
    with pytest.raises(ArgumentError, match="must lie on a grid"):
        run(network, cloud(20, (9, 8, 8)))
    with pytest.raises(ArgumentError, match="must hold a voxel"):
        lower(net, cloud(0))
    two = VoxelTensor(cloud(20).coords, cloud(20).features, (9, 8, 7), batch_size=2)
    assert lower(net, two).levels == network.levels


@pytest.mark.parametrize(("steps", "shape"), [(1, (16, 16, 16)), (2, (19, 30, 16))])
def test_e3dsnn(steps: int, shape) -> None:
    model = enliven(e3dsnn("T", num_classes=5, in_features=3, steps=steps), bias=0.3)
    x = cloud(150, shape, channels=3)
    network = lower(model, x)
    assert len(network.populations) == 21
    assert len(network.shortcuts) == 8
    assert network.input_shape == (None if shape == (16, 16, 16) else shape)
    assert len(network.levels) == 5
    assert [p.once for p in network.projections].count(True) == (steps > 1)
    assert_equal(network, model, x)
    other = cloud(97, shape, channels=3, seed=5)
    sent = assert_equal(network, model, other)
    got = sent[network.output.population].mean((0, 1))
    np.testing.assert_allclose(got, model(other)[0].detach().numpy(), atol=1e-11)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bits", [None, (8, 24)])
def test_a_cloud_without_voxels_gives_what_torch_gives(bias, layers, bits) -> None:
    heads = [nn.Linear(4, 3, bias=bias), nn.Linear(3, 5, bias=bias)][:layers]
    model = enliven(
        SpikingSequential(SubmanifoldConv3d(2, 4), ILIF(4), SparseGlobalPool("mean"), *heads)
    )
    network = lower(model, cloud(20))
    trace = emulate(network, cloud(0), quantise=bits)
    out = model.eval()(cloud(0)).detach().numpy()
    step = 0.0 if bits is None else 0.05
    np.testing.assert_allclose(trace.output[0].ravel(), out.ravel(), atol=step)
    report = price(emulate(network, cloud(0), place(network, LOIHI, cloud(0))), LOIHI)
    assert report.latency_s is not None
    assert report.energy_pj.nominal == 0
