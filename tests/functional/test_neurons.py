"""The definitions: analytic facts that need no peer."""

import math

import pytest
import torch

from neurospike.functional import ilif_step, leak, lif_step


def closed_form_period(current: float, tau: float, threshold: float) -> int:
    """Steps from rest to a spike: v[n] = current * tau * (1 - (1 - 1/tau)^n) reaches threshold."""
    return math.ceil(math.log(1 - threshold / (current * tau)) / math.log(1 - 1 / tau))


@pytest.mark.parametrize("current", [0.11, 0.13, 0.17, 0.22, 0.31, 0.42, 0.57, 0.7, 0.83, 0.95])
def test_firing_rate_follows_the_closed_form(current: float) -> None:
    tau, steps = 10.0, 400
    v = torch.zeros(1, dtype=torch.float64)
    times = []
    for t in range(steps):
        v, s = lif_step(v, torch.full_like(v, current), tau)
        if s:
            times.append(t + 1)
    period = closed_form_period(current, tau, 1.0)
    assert times == list(range(period, steps + 1, period))


def test_current_below_threshold_never_fires() -> None:
    v = torch.zeros(1)
    for _ in range(1000):
        v, s = lif_step(v, torch.full_like(v, 0.0999), 10.0)
        assert not s


def test_membrane_decays_geometrically_to_rest() -> None:
    v = torch.tensor([0.9], dtype=torch.float64)
    for _ in range(5):
        v = leak(v, torch.zeros_like(v), 4.0, v_reset=0.5)
    assert v.item() == pytest.approx(0.5 + 0.4 * 0.75**5)


def test_soft_reset_subtracts_and_hard_reset_sets() -> None:
    v, x = torch.zeros(1), torch.tensor([1.75])
    assert lif_step(v, x, 2.0, reset="soft")[0].item() == 0.75
    assert lif_step(v, x, 2.0, reset="hard", v_reset=0.0)[0].item() == 0.0
    assert lif_step(v - 0.25, x, 2.0, reset="hard", v_reset=-0.25)[0].item() == -0.25


def test_spike_at_exactly_the_threshold() -> None:
    _, s = lif_step(torch.zeros(2), torch.tensor([1.0, 1 - 2**-24]), 2.0)
    assert s.tolist() == [1.0, 0.0]


def test_integer_spikes_round_halves_up_and_clip() -> None:
    u = torch.tensor([-3.0, -0.5, 0.0, 0.49, 0.5, 1.5, 2.5, 3.5, 3.999, 4.0, 4.5, 9.0])
    v, s = ilif_step(torch.zeros_like(u), u, max_spikes=4)
    assert s.tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4]
    assert torch.equal(v, u - s)


def test_integer_gradient_is_one_strictly_inside() -> None:
    u = torch.tensor([-0.1, 0.0, 1e-6, 2.5, 3.9999, 4.0, 4.1], requires_grad=True)
    _, s = ilif_step(torch.zeros(7), u, max_spikes=4)
    s.sum().backward()
    assert u.grad is not None
    assert u.grad.tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_integer_reset_is_detached() -> None:
    u = torch.tensor([2.25], requires_grad=True)
    v, _ = ilif_step(torch.zeros(1), u)
    v.backward()
    assert u.grad is not None
    assert u.grad.item() == 1.0
