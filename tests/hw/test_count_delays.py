"""Delay layers counted by hand, event by event."""

import json

import pytest
import torch
from torch import nn

from neurospike import hw
from neurospike import nn as snn

from .networks import Relay


def layer(tail: int = 0, taps: int = 1, per: str = "synapse") -> snn.DelayLinear:
    torch.manual_seed(0)
    made = snn.DelayLinear(2, 3, 4, taps=taps, per=per, tail=tail)
    return made.round_delays_()


def by_hand(x: torch.Tensor, taps: int = 1) -> float:
    """Walk every event through every synapse to three outputs."""
    return sum(float(x[at]) * 3 * taps for at in map(tuple, x.nonzero().tolist()))


def spikes() -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.randint(0, 3, (6, 2, 2), generator=g).float()


@pytest.mark.parametrize("per", ["synapse", "axon", "dendrite"])
@pytest.mark.parametrize(("tail", "taps"), [(0, 1), (3, 1), (1, 2), (9, 3)])
def test_every_event_and_synapse(tail: int, taps: int, per: str) -> None:
    delays, x = layer(tail, taps, per), spikes()
    counted = hw.count(nn.Sequential(Relay(), delays), x, batch_dim=1)
    assert counted.synops * 2 == by_hand(x, taps)
    assert counted.delay_writes == counted.synops
    assert counted.delay_reads == (6 + tail) * 3
    assert counted.macs == counted.acs == 0


def test_one_event_of_two_by_hand() -> None:
    delays = layer()
    with torch.no_grad():
        delays.delay.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])[..., None])
    x = torch.zeros(3, 1, 2)
    x[1, 0, 0] = 2.0  # reaches output 0 at step 1, 1 at step 2; is on its way to 2 at the end
    counted = hw.count(nn.Sequential(Relay(), delays), x, batch_dim=1)
    assert counted.synops == 2 * 3
    assert counted.delay_reads == 3 * 3


def test_spread_delays_count_as_the_taps_they_will_be() -> None:
    torch.manual_seed(0)
    delays, x = snn.DelayLinear(2, 3, 4), spikes()
    spread = hw.count(nn.Sequential(Relay(), delays), x, batch_dim=1)
    rounded = hw.count(nn.Sequential(Relay(), delays.round_delays_()), x, batch_dim=1)
    assert spread.synops == rounded.synops


def test_real_inputs_are_products() -> None:
    delays, x = layer(tail=2, taps=2), torch.randn(6, 2, 2)
    counted = hw.count(delays, x, batch_dim=1)
    assert counted.macs == (6 + 2) * 3 * 2 * 2
    assert counted.synops == 0
    assert counted.delay_writes * 2 == by_hand(torch.ones_like(x), taps=2)
    assert counted.layers[0].note == "first layer"


def test_steps_cost_what_their_sequence_costs() -> None:
    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relay, self.delays = Relay(), layer()

        def forward(self, x):
            state = self.delays.init_state(x[0])
            for one in x:
                y, state = self.delays.step(self.relay(one), state)
            return y

    net, x = Stream(), spikes()
    counted = hw.count(net, x, batch_dim=1)
    assert counted.synops * 2 == by_hand(x)
    assert counted.delay_reads == 6 * 3


def test_the_other_conventions() -> None:
    delays, x = layer(tail=3, taps=2), spikes()
    with torch.no_grad():
        delays.weight[0, 0, 0] = 0.0
    net = nn.Sequential(Relay(), delays)
    paper = hw.count(net, x, "paper", 1)
    assert paper.acs == pytest.approx(x.mean().item() * 9 * 3 * 2 * 2)
    ones = (x > 0).float()
    neurobench = hw.count(net, ones, "neurobench", 1)
    assert neurobench.acs * 2 == by_hand(ones, taps=2) - float(ones[..., 0].sum())
    assert paper.delay_writes == neurobench.delay_reads == 0
    lemaire = hw.count(net, x, "lemaire", 1)
    assert lemaire.synops * 2 == float(x.sum()) * 3 * 2
    assert lemaire.delay_reads == 9 * 3


def test_a_network_in_text_and_json() -> None:
    net = snn.SpikingSequential(layer(tail=3), snn.LIF(tau=2.0), snn.DelayLinear(3, 2, 5))
    counted = hw.count(net, spikes(), batch_dim=1, inputs_are_spikes=True)
    assert "delay-line writes" in counted.table()
    assert counted.unpriced.keys() == {"updates", "delay_writes", "delay_reads"}
    document = json.loads(counted.to_json())
    assert document["delay_reads"] == 9 * 3 + 9 * 2
    assert document["layers"][0]["delay_writes"] == counted.layers[0].synops
    plain = hw.count(nn.Linear(2, 2), torch.rand(1, 2))
    assert "delay" not in plain.table()


def test_no_steps() -> None:
    counted = hw.count(nn.Sequential(Relay(), layer(tail=2)), torch.zeros(0, 2, 2), batch_dim=1)
    assert counted.synops == 0
    assert counted.delay_reads == 2 * 3
