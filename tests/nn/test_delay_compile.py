"""Layers of delays in a compiler's graph: one graph, the same numbers, nothing read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from neurospike import models, nn

LAYERS: dict[str, Callable[[], nn.DelayLinear | nn.DelayConv1d]] = {
    "gaussian": lambda: nn.DelayLinear(5, 4, 9, taps=2, tail=3, sigma=2.0),
    "triangle": lambda: nn.DelayLinear(5, 4, 9, per="axon", spread="triangle", sigma=0.3),
    "none": lambda: nn.DelayLinear(5, 4, 9, per="dendrite", spread="none"),
    "window": lambda: nn.DelayConv1d(5, 4, kernel_size=2, max_delay=4, tail=1),
}


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", list(LAYERS))
def test_one_graph_serves_spread_and_whole_delays(name: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name]()
    graphs = []

    def counted(graph: torch.fx.GraphModule, example: list[torch.Tensor]) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(layer, backend=counted, fullgraph=True)
    x = torch.randn(20, 3, 5, *([6] if name == "window" else []), requires_grad=True)
    wanted = [x, layer.weight, layer.delay]
    for change in (lambda: None, lambda: layer.sigma.fill_(0.7), layer.round_delays_):
        change()
        y, right = compiled(x), layer(x)
        torch.testing.assert_close(y, right, rtol=1e-5, atol=1e-5)
        g = torch.randn_like(right)
        ours = torch.autograd.grad(y, wanted, g, allow_unused=True)
        theirs = torch.autograd.grad(right, wanted, g, allow_unused=True)
        for one, other in zip(ours, theirs, strict=True):
            other = torch.zeros_like(layer.delay) if other is None else other
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert len(graphs) == 1


def test_a_step_in_a_graph() -> None:
    torch.manual_seed(0)
    layer = nn.DelayLinear(5, 4, 9).eval()
    state = layer.init_state((2, 5))
    compiled = torch.compile(layer.step, backend="eager", fullgraph=True)
    for _ in range(3):
        x = torch.randn(2, 5)
        with torch.no_grad():
            (y, after), (right, state) = compiled(x, state), layer.step(x, state)
        torch.testing.assert_close(y, right, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(after, state, rtol=1e-5, atol=1e-5)


def test_a_whole_delay_net_trains_in_one_graph() -> None:
    torch.manual_seed(0)
    net = models.delay_net("shd", hidden=8, in_features=6, max_delay=5, dropout=0.0)
    x = (torch.rand(12, 3, 6) < 0.3).float()
    labels = torch.tensor([0, 4, 2])
    right = models.delay_net_loss(net(x), labels)
    expected = torch.autograd.grad(right, list(net.parameters()))
    loss = models.delay_net_loss(torch.compile(net, backend="aot_eager", fullgraph=True)(x), labels)
    torch.testing.assert_close(loss, right, rtol=1e-5, atol=0)
    found = torch.autograd.grad(loss, list(net.parameters()))
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() <= 1e-4 * other.abs().max().clamp(min=1e-3)
