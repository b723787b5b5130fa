"""Whole networks on a card that is only pretended: one device throughout, and few waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike import models
from neurospike.kernels import devices
from neurospike.nn import DelayConv1d, DelayLinear, SpikingSequential
from neurospike.train.delays import clamp_delays
from tests.gpu.pretending import CARD, Card, OnCard, card


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """A card without Triton, which no pretence can satisfy."""
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    with card() as found:
        yield found


def trained(
    model: nn.Module, inputs: Any, loss: Callable[[Any], Tensor], *, steps: int = 2
) -> list[float]:
    """Losses of steps of an optimiser; all parameters, gradients and buffers stay on one device."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        found = loss(model(inputs))
        found.backward()
        optimizer.step()
        clamp_delays(model)
        losses.append(found.detach())
    device = next(model.parameters()).device
    for name, parameter in model.named_parameters():
        assert parameter.device == device, name
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.device == device, name
    for name, buffer in model.named_buffers():
        assert buffer.device == device, name
    return [float(value) for value in losses]


NETS: dict[str, dict[str, Any]] = {
    "lif": {},
    "taps": {"taps": 2, "learnable_tau": True},
    "adlif": {"neuron": "adlif"},
    "recurrent": {"recurrent_delay": 3},
    "none": {"delays": "none"},
}


@pytest.mark.parametrize("name", list(NETS))
def test_a_delay_net_trains_without_waiting_for_the_card(name: str, pretended: Card) -> None:
    def step(device: torch.device) -> list[float]:
        torch.manual_seed(0)
        net = models.delay_net("shd", hidden=12, max_delay=9, dropout=0.0, **NETS[name]).to(device)
        x = (torch.rand(12, 3, 140) < 0.2).float().to(device)
        labels = torch.tensor([3, 0, 7]).to(device)
        return trained(net, x, lambda y: models.delay_net_loss(y, labels))

    ours = step(CARD)
    # Sigma and rounded of every layer are read once; the losses are read by the test.
    places = [where for _, where in pretended.waits if "test_models" not in where]
    assert all("delayed.py" in where and "_read" in where for where in places), places
    assert len(places) <= 2 * 5
    torch.testing.assert_close(ours, step(torch.device("cpu")), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [DelayLinear, DelayConv1d])
def test_rounded_delays_run_densely_and_stream_without_waits(layer: Any, pretended: Card) -> None:
    torch.manual_seed(0)
    window = () if layer is DelayLinear else (2,)
    own = layer(3, 4, *window, max_delay=7).round_delays_().eval()
    x = torch.randn(11, 2, 3, *([5] if window else []))
    net = SpikingSequential(own).to(CARD)
    with torch.no_grad():
        net(x.to(CARD))
        pretended.waits.clear()
        y = net(x.to(CARD))
        state = net.init_state(x[0].to(CARD))
        stepped = []
        for now in x.to(CARD):
            due, state = net.step(now, state)
            stepped.append(due)
        assert pretended.waits == []
        assert isinstance(y, OnCard)
        torch.testing.assert_close(torch.stack(stepped), y, rtol=1e-5, atol=1e-5)
        own = own.to("cpu")
        torch.testing.assert_close(y.cpu(), own(x), rtol=1e-5, atol=1e-5)


def test_the_pretended_card_refuses_what_a_card_refuses(pretended: Card) -> None:
    x = torch.ones(3).to(CARD)
    with pytest.raises(RuntimeError, match="at least two devices"):
        x + torch.ones(3)
    with pytest.raises(RuntimeError, match="at least two devices"):
        F.linear(x, torch.ones(2, 3))
    with pytest.raises(TypeError, match="numpy"):
        x.numpy()
    assert (x + torch.ones(()) + 1).device == CARD
    assert pretended.waits == []
    assert float(x[1]) == 1 and x.cpu().tolist() == [1, 1, 1] and x[x > 0].tolist() == [1, 1, 1]
    assert [what for what, _ in pretended.waits] == [
        "_local_scalar_dense", "_to_copy", "index", "_to_copy",
    ]  # fmt: skip
