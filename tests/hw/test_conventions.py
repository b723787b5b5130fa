"""The published conventions, by hand; and the twin beside them."""

import json

import pytest
import torch
from torch import nn

from neurospike import hw
from neurospike import nn as snn
from neurospike.errors import ArgumentError
from neurospike.hw.prices import memory_access_pj

from .networks import Relay, cloud


def test_neurobench_check() -> None:
    net = nn.Sequential(nn.Linear(20, 25), nn.Sigmoid(), nn.Linear(25, 25))
    x = torch.tensor([[5.0] * 10 + [1.0] * 10])
    counted = hw.count(net, x, convention="neurobench")
    assert (counted.macs, counted.acs, counted.synops) == (1125, 0, 0)
    assert hw.count(net, x[0], convention="neurobench").macs == 1125


def test_neurobench_goes_by_values_and_skips_zero_weights() -> None:
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight[0] = 0
    ternary = hw.count(layer, torch.tensor([[1.0, -1.0, 0.0, 1.0]]), "neurobench")
    assert (ternary.acs, ternary.macs) == (3 * 2, 0)
    real = hw.count(layer, torch.tensor([[1.0, 2.0, 0.0, 1.0]]), "neurobench")
    assert (real.acs, real.macs) == (0, 3 * 2)


def test_neurobench_convolutions_know_borders_and_kernel_maps() -> None:
    conv = nn.Conv2d(1, 5, 2)
    assert hw.count(conv, torch.eye(3).expand(2, 1, 3, 3), "neurobench").acs == 30
    sparse, x = snn.SubmanifoldConv3d(3, 4), cloud(3, spikes=1)
    exact = hw.count(nn.Sequential(Relay(), sparse), x)
    assert hw.count(sparse, x, "neurobench").acs == exact.synops


def test_paper_formula() -> None:
    net = snn.SpikingSequential(
        nn.Conv2d(1, 3, 3, padding=1), snn.ILIF(4), nn.Conv2d(3, 5, 3, padding=1), snn.ILIF(4)
    )
    x = 3 * torch.rand(6, 2, 1, 8, 8)
    spikes = snn.SpikingSequential(*list(net)[:2])(x)
    first, second = 3 * 9 * 64, 5 * 3 * 9 * 64
    # fr per virtual step times T * D steps is the mean integer times T.
    expected = 4.6 * first + 0.9 * float(spikes.detach().mean()) / 4 * (6 * 4) * second
    counted = hw.count(net, x, "paper", batch_dim=1)
    assert counted.energy_pj == pytest.approx(expected)
    assert counted.macs == first
    unary = hw.count(snn.spike_mode(net, "unary"), x, "paper", batch_dim=1)
    assert unary.energy_pj == pytest.approx(expected)


@pytest.mark.parametrize("mode", ["integer", "unary"])
def test_paper_formula_on_voxels(mode) -> None:
    net = nn.Sequential(
        snn.SubmanifoldConv3d(2, 3),
        snn.ILIF(4),
        snn.SubmanifoldConv3d(3, 4),
        snn.SparseBatchNorm(4),
    )
    x = cloud(2, steps=2)
    spikes = snn.ILIF(4)(net[0](x)).features
    pairs = net[0].kernel_map(x).pairs
    counted = hw.count(snn.spike_mode(net, mode), x, "paper")
    assert counted.macs * 2 == pairs * 2 * 3
    assert counted.acs * 2 == pytest.approx(float(spikes.detach().mean()) * 2 * pairs * 3 * 4)
    assert counted.synops == 0


def test_lemaire_formula() -> None:
    conv = nn.Conv2d(2, 5, 3, bias=False)
    x = torch.zeros(1, 2, 8, 8)
    x[0, 0, 0, 0], x[0, 1, 4, 4] = 1, 1
    counted = hw.count(nn.Sequential(Relay(), conv), x, "lemaire")
    reached = 2 * 5 * 9  # two spikes, each charged its whole window
    assert (counted.synops, counted.acs, counted.macs) == (reached, reached, 4)
    inputs, weights, outputs = (memory_access_pj(4 * n) for n in (128, 90, 5 * 36))
    memory = 2 * inputs + reached * (weights + 2 * outputs)
    assert counted.layers[1].memory_pj == pytest.approx(memory)
    assert counted.energy_pj == pytest.approx(0.9 * 2 * reached + 4.6 * 4 + memory)

    full = hw.count(
        nn.Sequential(Relay(), nn.Linear(4, 3, bias=False)), torch.ones(1, 4), "lemaire"
    )
    assert (full.synops, full.acs, full.macs) == (12, 12, 0)


def test_unknown_convention_and_bad_inputs() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(ArgumentError, match="must be one of exact, paper, neurobench, lemaire"):
        hw.count(layer, torch.ones(1, 2), "spikformer")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="must hold a tensor"):
        hw.count(layer, 3)
    with pytest.raises(ArgumentError, match="empty batch"):
        hw.count(layer, torch.ones(0, 2))
    with pytest.raises(ArgumentError, match="batch_dim: must be a dimension"):
        hw.count(layer, torch.ones(1, 2), batch_dim=2)


def test_counting_leaves_the_network_as_it_was() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(snn.SubmanifoldConv3d(2, 3), snn.SparseBatchNorm(3), nn.Sequential())
    net.train()
    net[1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes = [m.training for m in net.modules()]
    attributes = [set(m.__dict__) for m in net.modules()]
    hw.count(net, cloud(2))
    with pytest.raises(RuntimeError):
        hw.count(nn.Sequential(nn.Linear(3, 3)), torch.ones(1, 4))
    assert modes == [m.training for m in net.modules()]
    assert attributes == [set(m.__dict__) for m in net.modules()]
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_tuples_mappings_shared_layers_and_inference_mode() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3, bias=False)

        def forward(self, a, b):
            return self.layer(a) + self.layer(b)

    a, b = torch.rand(2, 3), torch.rand(2, 3)
    with torch.inference_mode():
        inside = hw.count(Twice(), (torch.rand(2, 3), torch.rand(2, 3)))
    for counted in (hw.count(Twice(), (a, b)), hw.count(Twice(), {"b": b, "a": a}), inside):
        assert (counted.macs, counted.acs, counted.batch_size) == (18, 3, 2)
        assert counted.layers[0].calls == 2


def test_text_and_json() -> None:
    net = snn.SpikingSequential(nn.Linear(3, 4), snn.LIF(tau=2.0), nn.Linear(4, 2), nn.Dropout())
    counted = hw.count(net, 5 * torch.rand(4, 2, 3), batch_dim=1)
    lines = counted.table().splitlines()
    assert lines[0] == "convention exact, mean of 2 sample(s)"
    assert lines[1].split()[:4] == ["layer", "type", "input", "density"]
    assert "first layer" in lines[3]
    assert lines[-2].startswith("total")
    assert "updates have no price" in lines[-1]
    document = json.loads(counted.to_json())
    assert document["macs"] == counted.macs
    assert document["unpriced"] == {"updates": counted.updates}
    assert [row["name"] for row in document["layers"]] == ["0", "1", "2", "3"]
    assert sum(row["energy_pj"] for row in document["layers"]) == pytest.approx(counted.energy_pj)


def test_twin_has_the_same_topology_and_dense_products() -> None:
    net = nn.Sequential(
        snn.SubmanifoldConv3d(2, 3), snn.ILIF(4), snn.SparseConv3d(3, 4, 2, stride=2), snn.ILIF(4)
    )
    with torch.no_grad():
        net[0].weight.mul_(4)
    x = cloud(2)
    twin = hw.ann_twin(net)
    assert [type(layer).__name__ for layer in twin] == [
        "SubmanifoldConv3d", "ReLU", "SparseConv3d", "ReLU",
    ]  # fmt: skip
    assert isinstance(net[1], snn.ILIF)
    assert torch.equal(twin[0].weight, net[0].weight)
    expected = net[2](net[0](x).replace(net[0](x).features.relu())).features.relu()
    assert torch.equal(twin(x).features, expected)
    both = hw.compare(net, x)
    pairs = net[0].kernel_map(x).pairs * 2 * 3 + net[2].kernel_map(x).pairs * 3 * 4
    assert both.twin.macs * 2 == pairs
    assert both.twin.synops == both.twin.updates == 0
    assert both.ratio == both.twin.energy_pj / both.spiking.energy_pj
    assert 0 < both.spike_density < 1
    assert both.table().splitlines()[-2].startswith("total")
    assert json.loads(both.to_json())["twin"]["macs"] == both.twin.macs


def test_twin_of_a_dense_chain_streams_and_drops_unary_events() -> None:
    net = snn.SpikingSequential(
        nn.Linear(3, 4), snn.ILIF(4), snn.UnarySpikes(4), nn.Linear(4, 2), snn.LIF(tau=2.0)
    ).eval()
    twin = hw.ann_twin(net)
    x = torch.randn(5, 2, 3)
    expected = net[3](net[0](x).relu()).relu()
    assert torch.allclose(twin(x), expected)
    y, state = twin.step(x[0], twin.init_state(x[0]))
    assert torch.allclose(y, expected[0])
    assert state == ()
    assert hw.compare(net, x, batch_dim=1).twin.macs == 5 * (12 + 8)


def test_twin_of_one_neuron_and_of_repeated_input() -> None:
    class Repeats(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.steps, self.neuron = 4, snn.LIF(tau=2.0)
            self.matrix = nn.Linear(3, 2, bias=False)

        def forward(self, x):
            return self.matrix(self.neuron(x.expand(self.steps, *x.shape))).mean(0)

    assert type(hw.ann_twin(snn.LIF(tau=2.0))).__name__ == "ReLU"
    net = Repeats()
    both = hw.compare(net, torch.ones(2, 3))
    assert (both.spiking.synops, both.twin.macs, net.steps) == (4 * 6, 6, 4)
