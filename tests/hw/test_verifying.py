"""Emulation against torch: passes where they are one network, fails where they are not."""

import copy

import pytest
import torch
from torch import nn

from neurospike import models
from neurospike import nn as snn
from neurospike.errors import ArgumentError
from neurospike.hw.lowering import lower, lowers
from neurospike.hw.network import Projection
from neurospike.hw.neuron_models import LIFModel
from neurospike.hw.predictions import predict_both
from neurospike.hw.quantising import quantise
from neurospike.hw.verifying import verify
from tests.hw.networks import cloud
from tests.hw.quantising.models import Residual, shake


def fired(*shape, rate=0.3, seed=0):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def rounded(*layers):
    torch.manual_seed(0)
    model = snn.SpikingSequential(*[layer() for layer in layers])
    for part in model:
        if hasattr(part, "round_delays_"):
            part.round_delays_()
    return shake(model)


class Hourglass(nn.Module):
    """Down to coarser voxels and back to the same ones."""

    def __init__(self):
        super().__init__()
        down = snn.SparseConv3d(6, 8, kernel_size=2, stride=2, bias=True)
        self.first = nn.Sequential(snn.SubmanifoldConv3d(3, 6, bias=True), snn.ILIF(4))
        self.down = nn.Sequential(down, snn.SparseBatchNorm(8), snn.ILIF(2))
        self.up = nn.Sequential(snn.SparseInverseConv3d(8, 5, of=down), snn.LIF(2.0, 0.2))
        self.head = snn.SubmanifoldConv3d(5, 4)

    def forward(self, x):
        return self.head(self.up(self.down(self.first(x))))


def test_grids_pools_and_groups():
    model = rounded(
        lambda: nn.Conv2d(2, 6, 3, padding=1),
        lambda: nn.BatchNorm2d(6),
        lambda: snn.LIF(2.0, decay_input=True, threshold=0.3),
        lambda: nn.AvgPool2d(3),
        lambda: nn.Conv2d(6, 8, (1, 2), groups=2, bias=False),
        lambda: snn.ILIF(3),
        lambda: nn.Flatten(),
        lambda: nn.Linear(8 * 4, 5),
        lambda: snn.LeakyReadout(4.0),
    )
    x = fired(6, 2, 2, 7, 10)
    found = verify(model, lower(model, x), x)
    assert found.passed, found.table()


def test_maxima_are_neurons_of_the_network_alone():
    model = rounded(
        lambda: nn.Conv1d(2, 4, 3, padding=1),
        lambda: snn.LIF(2.0, threshold=0.3),
        lambda: nn.MaxPool1d(2),
        lambda: nn.ConvTranspose1d(4, 3, 2, stride=2, bias=False),
        lambda: snn.LIF(2.0, threshold=0.2),
    )
    x = fired(5, 1, 2, 8)
    network = lower(model, x)
    found = verify(model, network, x)
    assert found.passed, found.table()
    assert [row.population for row in found.floats] == ["1", "4"]
    assert len(network.populations) == 4


@pytest.mark.parametrize("real", [False, True])
def test_real_inputs_and_spikes(real):
    model = rounded(
        lambda: nn.Linear(6, 12),
        lambda: snn.CubaLIF(2.0, 4.0, threshold=0.5),
        lambda: nn.Linear(12, 3, bias=False),
        lambda: snn.LIF(3.0, reset="soft", threshold=0.4),
    )
    x = torch.randn(9, 3, 6, generator=torch.Generator().manual_seed(3)) if real else fired(9, 3, 6)
    network = lower(model, x)
    assert network.populations[0].neuron.real == real
    found = verify(model, network, [x[:, :1], x[:, 1:]], bits=(6, 18))
    assert found.passed, found.table()
    assert found.samples == 3
    assert found.floats[0].compared == 9 * 3 * 12


@pytest.mark.parametrize("taps", [1, 2])
def test_delays_on_grids(taps):
    model = rounded(
        lambda: snn.DelayConv1d(2, 4, 3, 5, taps=taps, padding=1, groups=2, tail=4),
        lambda: nn.BatchNorm1d(4),
        lambda: snn.LIF(2.0, threshold=0.5),
        lambda: nn.AdaptiveAvgPool1d(2),
        lambda: snn.DelayConv1d(4, 3, 2, 3, per="axon", taps=taps),
        lambda: snn.LIF(2.0, threshold=0.3),
    )
    x = fired(8, 1, 2, 6)
    found = verify(model, lower(model, x), x)
    assert found.passed, found.table()
    assert found.floats[0].compared == 12 * 4 * 6


@pytest.mark.parametrize("neuron", ["lif", "adlif"])
def test_delay_nets_with_recurrence(neuron):
    torch.manual_seed(0)
    model = models.delay_net(
        "shd", 12, in_features=9, num_classes=3, max_delay=5, tau=2.0, recurrent_delay=3,
        neuron=neuron,
    )  # fmt: skip
    for part in model.modules():
        if isinstance(part, (snn.DelayLinear, snn.RecurrentDelay)):
            part.round_delays_()
    shake(model)
    x = 3 * fired(20, 2, 9)
    found = verify(model, lower(model, x), x)
    assert found.floats_passed, found.table()
    if neuron == "lif":
        assert found.passed, found.table()
    else:
        assert not found.passed
        assert "got AdLIF" in found.refused


@pytest.mark.parametrize("steps", [1, 3])
def test_e3dsnn_on_a_small_cloud(steps):
    torch.manual_seed(0)
    model = shake(models.e3dsnn("T", num_classes=5, in_features=3, steps=steps))
    x = cloud(3, voxels=60, edge=9, batch=2)
    found = verify(model, lower(model, x), x)
    assert found.passed, found.table()
    assert found.floats[0].compared == steps * 16 * len(x.coords)


def test_coarse_voxels_and_back():
    torch.manual_seed(1)
    model = shake(Hourglass())
    x = cloud(3, voxels=60, edge=8, batch=1)
    found = verify(model, lower(model, x), x, bits=(5, 14))
    assert found.passed, found.table()


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("bits", [(8, 24), (4, 6)])
def test_membranes_before_a_head(steps, bits):
    torch.manual_seed(0)
    model = shake(Residual(steps))
    x = cloud(2, voxels=30, edge=5, batch=3)
    x = x.replace(x.features * (1 if bits == (8, 24) else 20))
    found = verify(model, lower(model, x), x, bits=bits)
    assert found.passed, found.table()
    assert found.integers[-1].population == "(output)"
    assert (found.saturations > 0) == (bits == (4, 6))


class Step(nn.Module):
    """A neuron of the user's own, without time."""

    def forward(self, x):
        return (x >= 0.25).to(x.dtype)


@lowers(Step)
def step(call):
    return call.fire(LIFModel(decay=0.0, threshold=0.25))


def test_neurons_without_time():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), Step(), nn.Flatten(), nn.Linear(96, 5), Step()
    )
    x = torch.rand(3, 1, 6, 6)
    found = verify(shake(model), lower(model, x), x)
    assert found.passed, found.table()
    assert [row.population for row in found.integers] == ["2", "5", "(output)"]


def test_synapses_that_no_layer_is_have_no_twin():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells = snn.LIF(2.0)

        def forward(self, x):
            return self.cells(2 * x)

    x = torch.rand(7, 1, 4)
    found = verify(Twice(), lower(Twice(), x), x)
    assert found.floats_passed
    assert "must have a layer at" in found.refused


def small_net():
    return rounded(
        lambda: snn.DelayLinear(6, 20, 4),
        lambda: snn.LIF(2.0, threshold=0.4),
        lambda: nn.Linear(20, 4),
        lambda: snn.LeakyReadout(3.0),
    )


def test_another_weight_is_found_by_both():
    model = small_net()
    x = fired(30, 4, 6)
    network = lower(model, x)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[0].weight += 0.02
    found = verify(other, network, x)
    assert not found.floats_passed
    assert max(row.distance for row in found.floats) > 1e-5
    # The twin takes its weights from the network; delays and everything else are its own.
    assert found.integers_passed
    with torch.no_grad():
        other[0].delay.copy_((other[0].delay + 1) % 4)
    assert not verify(other, network, x).integers_passed


def test_an_emulator_with_another_network_is_found():
    model = small_net()
    x = fired(30, 4, 6)
    network = lower(model, x)
    first, *rest = network.projections
    wrong = Projection(**{**vars(first), "delay": (first.delay + 1) % 4})
    found = verify(model, type(network)(**{**vars(network), "projections": (wrong, *rest)}), x)
    assert not found.floats_passed
    assert not found.integers_passed


def test_the_model_is_left_as_it_was():
    model = small_net().train()
    x = fired(10, 1, 6)
    verify(model, lower(model, x), x)
    assert model.training
    assert not any(part._forward_hooks for part in model.modules())


def test_refusals():
    model = small_net()
    x = fired(10, 1, 6)
    network = lower(model, x)
    with pytest.raises(ArgumentError, match="quantises itself"):
        verify(model, quantise(network, (8, 24)), x)
    with pytest.raises(ArgumentError, match="must have neurons at '1'"):
        verify(nn.Identity(), network, x)
    with pytest.raises(ArgumentError, match="must be a tensor"):
        verify(model, network, cloud())


def test_predictions_before_and_after():
    model = small_net()
    x = fired(30, 12, 6)
    with torch.no_grad():
        labels = model(x).mean(0).argmax(-1)
    network = lower(model, x)
    fine = predict_both(model, network, x, labels, bits=(16, 32))
    assert (fine.accuracy_before, fine.agreement, fine.accuracy_after) == (1.0, 1.0, 1.0)
    coarse = predict_both(model, network, x, labels, bits=(2, 5))
    assert coarse.accuracy_after == coarse.agreement < 1
    assert coarse.to_dict()["samples"] == 12
    assert predict_both(model, network, x, bits=(8, 24)).accuracy_before is None
    last = predict_both(model, network, x, bits=(16, 32), score=lambda y: y[-1])
    with torch.no_grad():
        assert last.before.tolist() == model(x)[-1].argmax(-1).tolist()
    with pytest.raises(ArgumentError, match="one a sample, 12; got 3"):
        predict_both(model, network, x, labels[:3], bits=(8, 24))
