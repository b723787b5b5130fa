"""Networks of spikingjelly, converted: the same outputs, and lowered the same spikes."""

import warnings
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from neurospike.errors import ArgumentError
from neurospike.hw import lower
from neurospike.interop import from_spikingjelly
from neurospike.nn import LIF, SequenceDropout, SpikingSequential
from tests.hw.lowering.loop import assert_equal


@pytest.fixture(scope="module")
def sj() -> SimpleNamespace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = "spikingjelly.activation_based"
        parts = ("neuron", "surrogate", "layer", "functional")
        found = {
            part: pytest.importorskip(f"{package}.{part}", reason="spikingjelly is not installed")
            for part in parts
        }
        return SimpleNamespace(**found)


def images(sj: SimpleNamespace) -> nn.Sequential:
    atan = sj.surrogate.ATan
    return nn.Sequential(
        sj.layer.Conv2d(2, 4, 3, padding=1, bias=False),
        sj.layer.BatchNorm2d(4),
        sj.neuron.LIFNode(1.5, decay_input=False, surrogate_function=atan(3.0)),
        sj.layer.AvgPool2d(2),
        nn.Sequential(
            sj.layer.Conv2d(4, 6, 3),
            sj.neuron.IFNode(0.1, v_reset=None, detach_reset=True, surrogate_function=atan()),
            sj.layer.Dropout(0.3),
        ),
        sj.layer.Flatten(),
        sj.layer.Linear(24, 10),
        sj.neuron.ParametricLIFNode(1.5, v_threshold=0.02, v_reset=-0.1, surrogate_function=atan()),
    )


def events(*shape: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    return (torch.rand(*shape, generator=g) < 0.5).double()


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_network_of_images(sj, mode: str) -> None:
    torch.manual_seed(0)
    theirs = images(sj).double().eval()
    nn.init.normal_(theirs[1].bias, 1.0, 0.3)
    sj.functional.set_step_mode(theirs, mode)
    ours = from_spikingjelly(theirs).eval()
    assert isinstance(ours[4], SpikingSequential)
    assert isinstance(ours[4][2], SequenceDropout)
    assert type(ours[0]) is nn.Conv2d
    assert ours[0].weight is not theirs[0].weight
    x = events(9, 2, 2, 8, 8)
    sj.functional.set_step_mode(theirs, "m")
    sj.functional.reset_net(theirs)
    with torch.no_grad():
        expected = theirs(x)
        assert torch.equal(ours(x), expected)
    assert 0 < expected.mean() < 1
    network = lower(ours, x)
    assert [p.name for p in network.populations] == ["input", "2", "4.1", "7"]
    assert_equal(network, ours, x[:, :1])


def test_gradients_and_learnt_tau(sj) -> None:
    torch.manual_seed(0)
    theirs = images(sj).double()
    nn.init.normal_(theirs[1].bias, 1.0, 0.3)
    sj.functional.set_step_mode(theirs, "m")
    ours = from_spikingjelly(theirs)
    assert ours[7].tau == pytest.approx(1.5)
    theirs.eval()
    ours.eval()
    x = events(6, 2, 2, 8, 8)
    for net in (theirs, ours):
        net(x).sum().backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_folding_containers_and_plain_layers(sj) -> None:
    torch.manual_seed(0)
    sigmoid = sj.surrogate.Sigmoid(4.0)
    theirs = nn.Sequential(
        sj.layer.SeqToANNContainer(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.Flatten()),
        nn.Linear(18, 5),
        sj.neuron.LIFNode(2.0, v_threshold=0.2, surrogate_function=sigmoid, step_mode="m"),
    )
    theirs = theirs.double().eval()
    x = events(7, 3, 2, 8)
    with torch.no_grad():
        expected = theirs(x)
        ours = from_spikingjelly(theirs).eval()
        assert torch.equal(ours(x), expected)
    assert expected.sum() > 0
    flat = nn.Sequential(nn.Flatten(2), nn.Linear(16, 4)).double()
    assert torch.equal(from_spikingjelly(flat)(x), flat(x))
    assert isinstance(from_spikingjelly(theirs[2])[0], LIF)


def test_what_cannot_be_converted(sj) -> None:
    cases = [
        (sj.neuron.KLIFNode(), "must be a layer that torch has too; got KLIFNode"),
        (sj.layer.SynapseFilter(), "must be a layer that torch has too; got SynapseFilter"),
        (sj.neuron.LIFNode(surrogate_function=sj.surrogate.Erf()), "must be one of ATan"),
        (nn.TransformerEncoderLayer(4, 2), "must be a layer of torch or spikingjelly"),
        (nn.Flatten(), "must leave time and batch alone"),
    ]
    for layer, message in cases:
        with pytest.raises(ArgumentError, match=message):
            from_spikingjelly(nn.Sequential(layer))
