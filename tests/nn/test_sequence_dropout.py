"""Dropout with one mask per sequence."""

import pytest
import torch

from neurospike import hw, nn
from neurospike.errors import ArgumentError, StateError


def test_a_unit_is_silent_for_the_whole_sequence_or_not_at_all() -> None:
    torch.manual_seed(0)
    y = nn.SequenceDropout(0.4)(torch.ones(7, 50, 60))
    assert bool((y == y[0]).all())
    assert y.unique().tolist() == pytest.approx([0.0, 1 / 0.6])
    assert abs(float((y[0] == 0).float().mean()) - 0.4) < 0.05


def test_gradient_follows_the_mask() -> None:
    x = torch.ones(3, 2, 4, requires_grad=True)
    y = nn.SequenceDropout(0.5)(x)
    y.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_evaluation_changes_nothing_and_streams() -> None:
    layer = nn.SequenceDropout(0.5).eval()
    x = torch.rand(3, 2, 4)
    assert layer(x) is x
    y, state = layer.step(x[0], layer.init_state(x[0]))
    assert y is x[0] or torch.equal(y, x[0])
    assert state == ()


def test_it_stands_in_a_chain_and_is_counted() -> None:
    net = nn.SpikingSequential(torch.nn.Linear(4, 4), nn.LIF(2.0), nn.SequenceDropout(0.5))
    state = net.init_state((2, 4))
    assert len(state) == 1
    assert hw.count(net, torch.rand(3, 2, 4), batch_dim=1).macs == 3 * 16


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="below 1; got 1"):
        nn.SequenceDropout(1.0)
    with pytest.raises(StateError, match="call eval"):
        nn.SequenceDropout(0.5).step(torch.ones(1, 1), ())
