"""What is a spike is known by where it came from."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from neurospike import hw
from neurospike import nn as snn

from .networks import Relay


class Between(nn.Module):
    """A neuron, a function, and a matrix that tells events from real numbers."""

    def __init__(self, function, features) -> None:
        super().__init__()
        self.neuron = Relay()
        self.function = function
        self.matrix = nn.Linear(features, 2, bias=False)

    def forward(self, x):
        return self.matrix(self.function(self.neuron(x)))


def through(function, features=6):
    x = torch.tensor([[1.0, 0.0, 2.0, 0.0, 3.0, 1.0]])
    counted = hw.count(Between(function, features), x)
    return counted.synops, counted.macs


def written_into_a_buffer(s):
    out = torch.zeros(1, 6)
    out[:, :3] = s[:, :3]
    out[:, 3:] = s[:, 3:]
    return out


def written_beside_real_numbers(s):
    out = torch.zeros(1, 6)
    out[:, :3] = s[:, :3]
    out[:, 3:] = torch.rand(1, 3)
    return out


KEEPS = {
    "reshape": lambda s: s.reshape(2, 3).reshape(1, 6),
    "flatten": lambda s: s.view(1, 2, 3).flatten(1),
    "permute": lambda s: s.view(1, 2, 3).permute(0, 2, 1).reshape(1, 6),
    "flip": lambda s: s.flip(1),
    "index": lambda s: s[:, [5, 4, 3, 2, 1, 0]],
    "split and cat": lambda s: torch.cat([s[:, 3:], s[:, :3]], 1),
    "stack": lambda s: torch.stack([s, torch.zeros_like(s)]).sum(0),
    "buffer": written_into_a_buffer,
    "clone": lambda s: s.clone().contiguous().detach(),
    "dtype": lambda s: s.double().float(),
    "relu": torch.relu,
    "maximum": lambda s: torch.maximum(s, torch.zeros_like(s)),
    "dropout": lambda s: F.dropout(s, 0.5, training=False),
    "where": lambda s: torch.where(s > 0, s, torch.zeros_like(s)),
    "module": nn.Sequential(nn.Dropout(0.5), nn.Flatten(), nn.Identity(), nn.ReLU()),
    "numpy-like index_copy": lambda s: torch.zeros(1, 6).index_copy(1, torch.arange(6), s),
}

LOSES = {
    "scale": lambda s: 0.5 * s,
    "offset": lambda s: s + 1,
    "real sum": lambda s: s + torch.rand(1, 6),
    "mean": lambda s: torch.stack([s, s]).mean(0),
    "norm": nn.BatchNorm1d(6),
    "sigmoid": torch.sigmoid,
    "mixed cat": lambda s: torch.cat([s[:, :3], torch.rand(1, 3)], 1),
    "mixed buffer": written_beside_real_numbers,
    "in place": lambda s: s.clone().mul_(0.5),
    "difference": lambda s: s - s.flip(1),
}


@pytest.mark.parametrize("function", KEEPS.values(), ids=KEEPS.keys())
def test_spikes_that_are_moved_stay_spikes(function) -> None:
    assert through(function) == (7 * 2, 0)


@pytest.mark.parametrize("function", LOSES.values(), ids=LOSES.keys())
def test_arithmetic_makes_real_numbers(function) -> None:
    synops, macs = through(function)
    assert synops == 0
    assert macs >= 12


def test_max_pooled_and_repeated_spikes() -> None:
    assert through(lambda s: F.max_pool1d(s, 2), 3) == ((1 + 2 + 3) * 2, 0)
    assert through(lambda s: F.pad(s, (1, 1)), 8) == (14, 0)
    assert through(lambda s: s.repeat(1, 2), 12) == (28, 0)


def test_two_spike_trains_merge_into_one() -> None:
    assert through(lambda s: s + s.flip(1)) == (28, 0)
    assert through(lambda s: s * (s > 1)) == (10, 0)


def test_a_comparison_makes_spikes() -> None:
    class Threshold(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(3, 4, bias=False), nn.Linear(4, 5, bias=False)

        def forward(self, x):
            return self.outer((self.inner(x) > 0).float())

    net, x = Threshold(), torch.rand(1, 3)
    counted = hw.count(net, x)
    assert counted.macs == 12
    assert counted.synops == 5 * int((net.inner(x) > 0).sum())


def test_streaming_counts_as_the_sequence_does() -> None:
    class Stream(nn.Module):
        def __init__(self, net) -> None:
            super().__init__()
            self.net = net

        def forward(self, x):
            state = self.net.init_state(x[0])
            out = []
            for frame in x:
                y, state = self.net.step(frame, state)
                out.append(y)
            return torch.stack(out)

    torch.manual_seed(0)
    net = snn.SpikingSequential(
        nn.Linear(5, 6), snn.LIF(tau=2.0), nn.Linear(6, 4), snn.ILIF(4), nn.Linear(4, 3)
    )
    x = 2 * torch.rand(7, 2, 5)
    whole, steps = hw.count(net, x, batch_dim=1), hw.count(Stream(net), x, batch_dim=1)
    assert whole.synops > 0
    for name in ("macs", "acs", "synops", "updates"):
        assert getattr(whole, name) == pytest.approx(getattr(steps, name)), name


def test_unary_events_count_as_their_integers() -> None:
    torch.manual_seed(0)
    net = snn.SpikingSequential(
        snn.ILIF(4),
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        snn.ILIF(4),
        nn.AvgPool2d(2),
        snn.ILIF(2),
        nn.Flatten(),
        nn.Linear(12, 1),
    )
    x = 3 * torch.rand(5, 2, 1, 4, 4)
    integer = hw.count(net, x, batch_dim=1)
    unary = hw.count(snn.spike_mode(net, "unary"), x, batch_dim=1)
    assert integer.synops > 0
    for name in ("macs", "acs", "synops", "updates"):
        assert getattr(integer, name) == getattr(unary, name), name
