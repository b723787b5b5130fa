"""Delays and recurrence, lowered and compared with torch spike for spike."""

import pytest
import torch
from torch import nn

from neurospike.errors import ArgumentError, UnloweredLayerError
from neurospike.hw import lower
from neurospike.hw.wiring import Pooled, Taps, Whole
from neurospike.models import delay_net
from neurospike.nn import (
    LIF,
    AdLIF,
    DelayConv1d,
    DelayConv2d,
    DelayLinear,
    LeakyReadout,
    RecurrentDelay,
    SpikingSequential,
)
from tests.hw.lowering.loop import assert_equal
from tests.hw.lowering.test_grids import events


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def rounded(model: nn.Module) -> nn.Module:
    """Float64, every delay whole, and norms that are not trivial."""
    for part in model.modules():
        if hasattr(part, "round_delays_"):
            part.round_delays_()
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(part.running_mean, 0.0, 0.3)
            nn.init.uniform_(part.running_var, 0.05, 0.3)
            nn.init.normal_(part.bias, 0.3, 0.2)
    return model.double().eval()


@pytest.mark.parametrize("per", ["synapse", "axon", "dendrite"])
@pytest.mark.parametrize(("taps", "tail"), [(1, 0), (3, 4)])
def test_delayed_synapses(per, taps: int, tail: int) -> None:
    net = rounded(
        SpikingSequential(
            DelayLinear(6, 5, 7, taps, per, tail=tail),
            nn.BatchNorm1d(5),
            LIF(2.0),
            DelayLinear(5, 3, 4, taps, per, tail=tail),
            LeakyReadout(3.0),
        )
    )
    x = events(12, 1, 6, rate=0.4)
    network = lower(net, x)
    first = network.projections[0]
    assert first.wiring == (Taps(taps) if taps > 1 else Whole())
    assert first.weight.shape == first.delay.shape == (6, taps, 5)
    assert first.max_delay == 6 or per != "synapse"
    assert [p.extra_steps for p in network.populations] == [0, tail, 2 * tail]
    assert_equal(network, net, x)
    assert_equal(network, net, events(5, 1, 6, seed=3))


@pytest.mark.parametrize("per", ["synapse", "axon", "dendrite"])
@pytest.mark.parametrize(("groups", "taps"), [(1, 1), (2, 1), (2, 3)])
def test_delayed_convolutions(per, groups: int, taps: int) -> None:
    net = rounded(
        SpikingSequential(
            DelayConv1d(4, 6, 3, 5, stride=2, padding=1, groups=groups, taps=taps, per=per, tail=3),
            LIF(2.0, 0.6),
        )
    )
    x = events(10, 1, 4, 9, rate=0.4)
    network = lower(net, x)
    assert len(network.projections) == taps
    assert network.projections[0].name == "0"
    assert_equal(network, net, x)


def test_delayed_convolution_of_images_then_a_flat_layer() -> None:
    net = rounded(
        SpikingSequential(
            DelayConv2d(2, 3, (2, 3), 4, dilation=(1, 2), padding=(0, 1), tail=2),
            LIF(2.0, 0.6),
            nn.AvgPool2d(2),
        )
    )
    x = events(10, 1, 2, 6, 7, rate=0.4)
    flat = SpikingSequential(
        *net, nn.Flatten(), rounded(DelayLinear(3 * 2 * 2, 4, 3, 2)), LIF(2.0, 0.2)
    ).double()
    network = lower(flat, x)
    assert [p.name for p in network.projections] == ["0", "4", "4.tap1"]
    assert network.projections[1].wiring == Pooled((2, 2), Whole())
    assert_equal(network, flat, x)


@pytest.mark.parametrize("per", ["axon", "synapse"])
@pytest.mark.parametrize("neuron", [lambda: LIF(2.0), lambda: AdLIF(6, tau_u=(1.0, 3.0))])
def test_recurrence(per, neuron) -> None:
    net = rounded(
        SpikingSequential(
            nn.Linear(4, 6), nn.BatchNorm1d(6), RecurrentDelay(neuron(), 6, 4, per=per)
        )
    )
    net[2].weight.data *= 2.0
    net[1].weight.data *= 2.0
    x = events(25, 1, 4)
    network = lower(net, x)
    loop = network.projections[1]
    assert (loop.name, loop.source, loop.target) == ("2", "2.neuron", "2.neuron")
    assert loop.delay.min() >= 1
    sent = assert_equal(network, net, x)
    got, expected = sent["2.neuron"][:, 0], net(x)[:, 0].detach().numpy()
    assert (got == expected).all()
    assert 0 < got.mean() < 0.9


def test_a_shortcut_takes_the_current_before_the_recurrence() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.Linear(4, 6)
            self.loop = RecurrentDelay(LIF(2.0, 0.3), 6, 3)
            self.beside = LIF(3.0, 0.4)

        def forward(self, x):
            current = self.up(x)
            return self.beside(current + self.loop(current))

    model = rounded(Both())
    network = lower(model, events(15, 1, 4))
    assert not network.shortcuts
    assert [p.name for p in network.projections if p.source == "input"] == ["up", "up#2"]
    assert_equal(network, model, events(15, 1, 4))


@pytest.mark.parametrize("neuron", ["lif", "adlif"])
@pytest.mark.parametrize("recurrent", [0, 3])
def test_delay_net(neuron, recurrent: int) -> None:
    net = rounded(
        delay_net(
            "shd", hidden=32, num_classes=10, in_features=24, neuron=neuron, taps=2,
            max_delay=9, recurrent_delay=recurrent,
        )
    )  # fmt: skip
    x = events(20, 1, 24, rate=0.05)
    network = lower(net, x)
    inner = ".neuron" if recurrent else ""
    names = ["input", f"2{inner}", f"6{inner}", "9"]
    assert [p.name for p in network.populations] == names
    assert [p.extra_steps for p in network.populations] == [0, 4, 8, 12]
    assert len(network.projections) == 3 + 2 * bool(recurrent)
    sent = assert_equal(network, net, x, quiet=("2", "6"))
    expected = net(x)[:, 0].detach().numpy()
    assert abs(sent["9"][:, 0] - expected).max() < 1e-9
    if recurrent:
        hidden = net[:3](x)[:, 0].detach().numpy()
        assert (sent["2.neuron"][:, 0] == hidden).all()


def test_spread_delays_are_refused() -> None:
    for layer in (DelayLinear(4, 5, 3), RecurrentDelay(LIF(2.0), 4, 3)):
        with pytest.raises(ArgumentError, match=r"has spread ones\. Call round_delays_\(\)"):
            lower(SpikingSequential(layer, LIF(2.0)), events(5, 1, 4).float())
    with pytest.raises(ArgumentError, match="has spread ones"):
        lower(DelayConv1d(4, 5, 3, 3), events(5, 1, 4, 6).float(), layout="sequence")


def test_recurrence_on_a_grid_is_refused() -> None:
    class Grid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(2, 3, 3)
            self.loop = RecurrentDelay(LIF(2.0), 12, 3).round_delays_()

        def forward(self, x):
            return self.loop(self.conv(x.flatten(0, 1)).flatten(1)[:, None])

    with pytest.raises(UnloweredLayerError, match="sit on a grid"):
        lower(Grid(), events(5, 1, 2, 6).float())
