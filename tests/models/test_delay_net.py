"""Delay networks: published sizes, shapes, the loss, and what is refused."""

import math
from typing import Any

import pytest
import torch

from neurospike import models, nn
from neurospike.errors import ArgumentError

PUBLISHED = [
    ("shd", {}, 214_016),
    ("ssc", {}, 705_536),
    ("ssc", {"layers": 3}, 1_230_848),
    ("ssc", {"taps": 2}, 1_409_024),
    ("gsc", {"layers": 3, "taps": 2}, 2_458_624),
]


@pytest.mark.parametrize(("task", "arguments", "parameters"), PUBLISHED)
def test_published_sizes(task: Any, arguments: dict[str, Any], parameters: int) -> None:
    net = models.delay_net(task, **arguments)
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_published_dynamics() -> None:
    net = models.delay_net("shd")
    neurons = [m for m in net.modules() if isinstance(m, nn.LIF)]
    delays = [m for m in net.modules() if isinstance(m, nn.DelayLinear)]
    assert [m.tau for m in neurons] == pytest.approx([1.005] * 2)
    assert all((m.threshold, m.v_reset) == (1.0, 0.0) for m in neurons)
    assert [m.max_delay for m in delays] == [25] * 3
    assert [float(m.sigma) for m in delays] == pytest.approx([12.27] * 3)


def test_sequences_in_membranes_out() -> None:
    net = models.delay_net("ssc", hidden=8, num_classes=3)
    x = torch.randint(0, 2, (20, 2, 140)).float()
    y = net(x)
    assert y.shape == (20 + 3 * 15, 2, 3)
    loss = models.delay_net_loss(y, torch.tensor([0, 2]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in net.parameters())


def test_the_loss_is_cross_entropy_of_summed_probabilities() -> None:
    membranes = torch.tensor([[[0.0, math.log(3.0)]], [[0.0, 0.0]]])  # 1/4, 3/4 then 1/2, 1/2
    scores = torch.tensor([0.75, 1.25])
    expected = -scores[1] + torch.logsumexp(scores, 0)
    assert models.delay_net_loss(membranes, torch.tensor([1])) == pytest.approx(float(expected))
    assert models.delay_net_loss(membranes.half(), torch.tensor([1])).dtype == torch.float32


def test_arms_of_the_ablation() -> None:
    fixed = models.delay_net("shd", hidden=8, delays="fixed")
    assert not any(m.delay.requires_grad for m in fixed.modules() if isinstance(m, nn.DelayLinear))
    none = models.delay_net("shd", hidden=8, delays="none")
    assert not any(isinstance(m, nn.DelayLinear) for m in none.modules())
    assert none(torch.ones(4, 1, 140)).shape == (4, 1, 20)


@pytest.mark.parametrize("arguments", [{"recurrent_delay": 9}, {"neuron": "adlif"}])
def test_stronger_neurons_train(arguments: dict[str, Any]) -> None:
    net = models.delay_net("shd", hidden=6, **arguments)
    models.delay_net_loss(net(torch.ones(12, 2, 140)), torch.tensor([0, 1])).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in net.parameters())


def test_a_checkpoint_gives_the_same_membranes(tmp_path: Any) -> None:
    net = models.delay_net("shd", hidden=8).eval()
    models.save(net, tmp_path / "net.safetensors")
    again = models.load(tmp_path / "net.safetensors")
    x = torch.ones(5, 1, 140)
    assert torch.equal(again(x), net(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "mnist"}, "must be one of shd, ssc, gsc; got 'mnist'"),
        ({"delays": "some"}, "'learnt', 'fixed' or 'none'; got 'some'"),
        ({"neuron": "izhikevich"}, "'lif' or 'adlif'"),
        ({"layers": 0}, "1 or more; got 0"),
        ({"recurrent_delay": -1}, "0 or more; got -1"),
        ({"max_delay": 0}, "max_delay"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        models.delay_net(**arguments)
