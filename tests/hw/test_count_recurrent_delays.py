"""Convolutions with delays and recurrence with delays, counted by hand, event by event."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from neurospike import hw
from neurospike import nn as snn

from .networks import Relay


def spikes(*shape: int) -> Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.randint(0, 3, shape, generator=g).float()


def conv_by_hand(layer, x: Tensor) -> float:
    """Walk every event through every output position whose window holds it."""
    groups, outs = layer.groups, layer.out_channels // layer.groups
    ins = layer.in_channels // groups
    found = 0.0
    for t, b, c, *place in x.nonzero().tolist():
        for _target in range(c // ins * outs, (c // ins + 1) * outs):
            for offset in itertools.product(*map(range, layer.kernel_size)):
                at = [
                    p + pad - k * d
                    for p, pad, k, d in zip(
                        place, layer.padding, offset, layer.dilation, strict=True
                    )
                ]
                meets = all(
                    a % s == 0 and 0 <= a // s < n
                    for a, s, n in zip(at, layer.stride, layer.out_space(x.shape[3:]), strict=True)
                )
                found += meets * layer.taps * float(x[(t, b, c, *place)])
    return found


@pytest.mark.parametrize(
    ("kind", "options", "space"),
    [
        (snn.DelayConv1d, {"kernel_size": 3, "padding": 1}, (5,)),
        (snn.DelayConv1d, {"kernel_size": 3, "stride": 2, "groups": 2, "taps": 2}, (6,)),
        (snn.DelayConv1d, {"kernel_size": 2, "dilation": 2, "per": "axon", "tail": 2}, (5,)),
        (snn.DelayConv2d, {"kernel_size": (2, 3), "padding": (1, 0), "tail": 9}, (3, 4)),
        (snn.DelayConv2d, {"kernel_size": 2, "per": "dendrite"}, (3, 3)),
    ],
    ids=str,
)
def test_every_event_position_and_synapse(kind, options, space) -> None:
    torch.manual_seed(0)
    layer = kind(2, 4, max_delay=3, **options)
    layer.round_delays_()
    x = spikes(5, 2, 2, *space)
    counted = hw.count(nn.Sequential(Relay(), layer), x, batch_dim=1)
    length = 5 + layer.tail
    positions = torch.tensor(layer.out_space(space)).prod().item()
    assert counted.synops * 2 == conv_by_hand(layer, x)
    assert counted.delay_writes == counted.synops
    assert counted.delay_reads == length * 4 * positions
    assert counted.macs == counted.acs == 0
    real = hw.count(layer, torch.randn(x.shape), batch_dim=1)
    assert real.macs == length * positions * layer.weight.numel()
    assert real.synops == 0
    assert real.delay_writes * 2 == conv_by_hand(layer, torch.ones_like(x))


def test_streaming_a_convolution_counts_every_event() -> None:
    torch.manual_seed(0)

    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relay = Relay()
            self.layer = snn.DelayConv1d(2, 3, 3, 4).round_delays_()

        def forward(self, x: Tensor) -> Tensor:
            state = self.layer.init_state(x[0])
            for one in x:
                y, state = self.layer.step(self.relay(one), state)
            return y

    net, x = Stream(), spikes(5, 2, 2, 6)
    counted = hw.count(net, x, batch_dim=1)
    assert counted.synops * 2 == conv_by_hand(net.layer, x)


def test_the_other_conventions_of_a_convolution() -> None:
    torch.manual_seed(0)
    layer = snn.DelayConv1d(2, 4, 3, 3, tail=2).round_delays_()
    x = (spikes(5, 2, 2, 6) > 0).float()
    net = nn.Sequential(Relay(), layer)
    assert hw.count(net, x, "paper", 1).acs == pytest.approx(float(x.mean()) * 7 * 4 * 4 * 6)
    assert hw.count(net, x, "neurobench", 1).acs * 2 == conv_by_hand(layer, x)
    with torch.no_grad():
        layer.weight.zero_()
    assert hw.count(net, x, "neurobench", 1).acs == 0
    assert hw.count(net, x, "lemaire", 1).synops * 2 == float(x.sum()) * 4 * 3


def recurrent(per: str, max_delay: int) -> snn.RecurrentDelay:
    torch.manual_seed(0)
    return snn.RecurrentDelay(snn.ILIF(3), 4, max_delay, per=per).round_delays_()


@pytest.mark.parametrize("max_delay", [1, 3, 9])
@pytest.mark.parametrize("per", ["axon", "synapse"])
def test_every_spike_and_target(per: str, max_delay: int) -> None:
    layer = recurrent(per, max_delay)
    x = torch.randn(6, 2, 4, generator=torch.Generator().manual_seed(2)) + 1
    y = layer(x).detach()
    counted = hw.count(nn.Sequential(layer, nn.Linear(4, 3, bias=False)), x, batch_dim=1)
    row, linear = counted.layers
    sent = float(y.sum())
    assert sent > 0
    assert row.synops * 2 == sent * 4
    assert row.updates == 6 * 4
    assert row.delay_writes * 2 == (sent if per == "axon" else sent * 4)
    assert row.delay_reads == 6 * 4
    assert row.macs == row.acs == 0
    assert (row.input, row.note) == ("spikes", "recurrent")
    assert row.firing_rate == pytest.approx(float(y.mean()))
    assert counted.spike_density == pytest.approx(float((y != 0).float().mean()))
    assert linear.synops * 2 == float(y.sum()) * 3


def test_one_spike_by_hand() -> None:
    layer = snn.RecurrentDelay(snn.LIF(1.0), 2, 3).round_delays_()
    with torch.no_grad():
        layer.weight.zero_()
        layer.delay.copy_(torch.tensor([2.0, 3.0]))
    x = torch.zeros(4, 1, 2)
    x[1, 0, :] = 1.0  # heard by both neurons at steps 3 and, after the end, 4
    counted = hw.count(layer, x, batch_dim=1)
    assert counted.synops == 4
    assert counted.delay_writes == 2
    assert counted.delay_reads == counted.updates == 8


@pytest.mark.parametrize("per", ["axon", "synapse"])
def test_streaming_recurrence_counts_every_spike(per: str) -> None:
    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = recurrent(per, 3)

        def forward(self, x: Tensor) -> Tensor:
            state = self.layer.init_state(x[0])
            for one in x:
                y, state = self.layer.step(one, state)
            return y

    net = Stream()
    x = torch.randn(6, 2, 4, generator=torch.Generator().manual_seed(2)) + 1
    y = net.layer(x).detach()
    counted = hw.count(net, x, batch_dim=1)
    assert counted.synops * 2 == float(y.sum()) * 4
    assert counted.updates == 6 * 4


def test_published_conventions_keep_events_alone() -> None:
    layer = recurrent("axon", 3)
    x = torch.ones(6, 2, 4)
    exact = hw.count(layer, x, batch_dim=1)
    paper = hw.count(layer, x, "paper", 1)
    assert paper.acs == exact.synops > 0
    assert paper.updates == paper.delay_writes == paper.delay_reads == 0
    assert hw.count(layer, x[:0], batch_dim=1).synops == 0
