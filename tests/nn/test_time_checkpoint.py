"""Sequences in chunks that are computed again in the backward pass: the same numbers, less kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike import models, nn
from neurospike.errors import ArgumentError
from neurospike.nn.time_checkpoint import stretches

Linear = torch.nn.Linear


def delayed(**options: Any) -> nn.DelayLinear:
    return nn.DelayLinear(6, 6, max_delay=5, **options)


def rounded() -> nn.DelayLinear:
    layer = delayed(tail=7).round_delays_()
    layer.delay.requires_grad_(False)
    return layer


CHAINS: dict[str, Callable[[], list[torch.nn.Module]]] = {
    "neurons": lambda: [nn.LIF(2.0), nn.SequenceDropout(0.4), nn.ILIF(), nn.LeakyReadout(3.0)],
    "lif": lambda: [Linear(6, 6), nn.LIF(2.0), Linear(6, 6), nn.LeakyReadout(3.0)],
    "learnt taus": lambda: [nn.LIF(2.0, learnable_tau=True), Linear(6, 6), nn.ILIF()],
    "delays": lambda: [delayed(), nn.LIF(2.0), delayed(taps=2), nn.LeakyReadout(2.0)],
    "tails": lambda: [delayed(tail=3), nn.LIF(2.0), delayed(tail=9), nn.ILIF(), delayed(tail=2)],
    "whole delays": lambda: [Linear(6, 6), nn.LIF(2.0), rounded(), nn.LIF(1.5)],
    "adaptive": lambda: [nn.AdLIF(6, discretisation="euler"), Linear(6, 6), nn.CubaLIF(4.0, 3.0)],
    "recurrent": lambda: [nn.RecurrentDelay(nn.LIF(2.0), 6, max_delay=3), Linear(6, 6)],
    "dropout": lambda: [nn.LIF(2.0), nn.SequenceDropout(0.4), Linear(6, 6), nn.LIF(2.0)],
    "norm": lambda: [Linear(6, 6), torch.nn.LayerNorm(6), nn.LIF(2.0), torch.nn.BatchNorm1d(6)],
}


def learnt(net: torch.nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Output, and gradients of the input and of all parameters, of a loss that weighs all steps."""
    x = x.clone().requires_grad_()
    torch.manual_seed(3)  # the masks
    y = net(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(4))
    wanted = [x, *(p for p in net.parameters() if p.requires_grad)]
    return y, list(torch.autograd.grad((y * weights).sum(), wanted))


@pytest.mark.parametrize("steps", [1, 7, 8])
@pytest.mark.parametrize("name", list(CHAINS))
def test_chunks_change_nothing_but_rounding(name: str, steps: int) -> None:
    torch.manual_seed(0)
    net = nn.SpikingSequential(*CHAINS[name]())
    x = torch.randn(24, 3, 6) + 0.5
    y, grads = learnt(net, x)
    assert nn.checkpoint_time(net, steps) is net
    chunked, others = learnt(net, x)
    torch.testing.assert_close(chunked, y, rtol=1e-5, atol=1e-5)
    for one, other in zip(others, grads, strict=True):
        assert (one - other).abs().max() <= 1e-5 * max(1.0, float(other.abs().max()))
    if name == "neurons":  # products have the bits of their sizes
        assert torch.equal(chunked, y)


@pytest.mark.parametrize("options", [{}, {"neuron": "adlif"}])
def test_delay_nets_train_as_before_and_keep_less(options: dict[str, Any]) -> None:
    found = []
    for steps in (None, 20):
        torch.manual_seed(0)
        net = models.delay_net("shd", hidden=24, in_features=10, max_delay=7, **options)
        nn.checkpoint_time(net, steps)
        x = (torch.rand(80, 4, 10) < 0.3).float()
        torch.manual_seed(1)
        loss, kept = kept_bytes(lambda: models.delay_net_loss(net(x), torch.arange(4)))  # noqa: B023
        loss.backward()
        found.append((loss, kept, net))
    (loss, kept, net), (chunked, less, other) = found
    torch.testing.assert_close(chunked, loss, rtol=1e-5, atol=0)
    for (name, one), two in zip(net.named_parameters(), other.parameters(), strict=True):
        assert one.grad is not None and two.grad is not None
        assert (one.grad - two.grad).abs().max() <= 2e-5 * one.grad.abs().max(), name
    for one, two in zip(net.buffers(), other.buffers(), strict=True):  # norms count a batch once
        torch.testing.assert_close(one, two)
    assert less < 0.75 * kept


def kept_bytes(run: Callable[[], Tensor]) -> tuple[Tensor, int]:
    """A result, and the bytes that its graph keeps, each storage once."""
    kept: dict[int, Tensor] = {}

    def pack(x: Tensor) -> Tensor:
        kept[x.untyped_storage()._cdata] = x
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        result = run()
    return result, sum(x.untyped_storage().nbytes() for x in kept.values())


def test_neurons_in_plain_torch_keep_a_fraction() -> None:
    torch.manual_seed(0)
    lif = (nn.LIF(2.0, backend="reference") for _ in range(3))
    net = nn.SpikingSequential(Linear(6, 64), next(lif), Linear(64, 64), next(lif), Linear(64, 2))
    x = torch.randn(200, 4, 6)
    plain, all_of_it = kept_bytes(lambda: net(x).sum())
    nn.checkpoint_time(net, 20)
    chunked, part = kept_bytes(lambda: net(x).sum())
    torch.testing.assert_close(plain, chunked)
    assert part < 0.05 * all_of_it


def test_what_cannot_run_in_chunks_runs_whole() -> None:
    seen: list[int] = []

    class Own(nn.Stateful):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return x

    norm, watched = torch.nn.BatchNorm1d(6), nn.LIF(2.0)
    watched.register_forward_hook(lambda _m, _x, y: seen.append(len(y)))
    layers = [nn.LIF(2.0), Linear(6, 6), norm, nn.LIF(2.0), Own(), watched, nn.UnarySpikes(1)]
    assert [len(part) for part in stretches(layers)] == [2, 1, 1, 1, 1, 1]
    assert len(stretches([nn.LIF(2.0), norm.eval()])) == 1
    net = nn.SpikingSequential(*layers)
    nn.checkpoint_time(net, 5)
    x = torch.randn(12, 2, 6, requires_grad=True)
    net(x).sum().backward()
    assert seen == [12, 12]
    with torch.no_grad():
        net(x)
    assert seen == [12, 12] * 2


def test_containers_within_a_model_are_found_and_states_stay_as_they_are() -> None:
    inner = nn.SpikingSequential(Linear(6, 6), nn.LIF(2.0))
    model = torch.nn.Sequential(nn.SpikingSequential(inner, nn.ILIF()))
    before = list(model.state_dict())
    nn.checkpoint_time(model, 4)
    assert inner.checkpoint_steps == model[0].checkpoint_steps == 4
    assert list(model.state_dict()) == before
    y = model(torch.randn(9, 2, 6))
    nn.checkpoint_time(model, None)
    assert inner.checkpoint_steps is None
    assert y.shape == (9, 2, 6)


def test_refusals() -> None:
    net = nn.SpikingSequential(nn.LIF(2.0))
    for steps in (0, 2.5, True):
        with pytest.raises(ArgumentError, match=r"checkpoint_time\.steps: must be a whole number"):
            nn.checkpoint_time(net, steps)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="must hold a SpikingSequential"):
        nn.checkpoint_time(nn.LIF(2.0), 4)
    with pytest.raises(NotImplementedError, match="Stateful defines no advance"):
        nn.Stateful().advance(torch.ones(2, 1), ())
