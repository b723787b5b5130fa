"""Spreads of delays: they sum to one, stay in range, and narrow to a single step."""

import math

import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.functional.delays import DelayRule, gaussian, spread_delays, triangle

DELAYS = torch.tensor([0.0, 0.3, 2.5, 6.0, 8.0], dtype=torch.float64)


@pytest.mark.parametrize("spread", ["gaussian", "triangle", "none"])
@pytest.mark.parametrize("sigma", [1e-3, 0.3, 1.0, 2.7, 50.0])
def test_shares_sum_to_one(spread: str, sigma: float) -> None:
    shares = spread_delays(DELAYS, DelayRule(9, spread, sigma))
    assert shares.shape == (9, 5)
    assert (shares >= 0).all()
    assert torch.allclose(shares.sum(0), torch.ones(5, dtype=torch.float64), atol=1e-14)


def test_gaussian_is_the_bell_normalised() -> None:
    bell = [math.exp(-((d - 2.5) ** 2) / (2 * 1.5**2)) for d in range(9)]
    expected = torch.tensor([v / sum(bell) for v in bell], dtype=torch.float64)
    assert torch.allclose(gaussian(DELAYS, 1.5, 9)[:, 2], expected, atol=1e-15)


def test_triangle_is_a_tent_normalised() -> None:
    tent = torch.tensor([0, 0.5, 1.5, 1.5, 0.5, 0, 0, 0, 0], dtype=torch.float64)
    assert torch.allclose(triangle(DELAYS, 2.0, 9)[:, 2], tent / 4, atol=1e-15)


def test_none_interpolates_whatever_sigma_is() -> None:
    shares = spread_delays(DELAYS, DelayRule(9, "none", 40.0))
    assert shares[:2, 1].tolist() == pytest.approx([0.7, 0.3])
    assert torch.count_nonzero(shares).item() == 3 + 2 * 2
    narrow = spread_delays(DELAYS, DelayRule(9, "triangle", 0.2))
    assert torch.equal(narrow, shares)  # a triangle is at least as wide as a step


def test_whole_delays_become_one_tap_as_the_bell_narrows() -> None:
    whole = torch.tensor([0.0, 4.0, 8.0])
    assert torch.equal(gaussian(whole, 1e-3, 9), torch.eye(9)[:, [0, 4, 8]])


def test_unknown_spread() -> None:
    with pytest.raises(ArgumentError, match=r"delays\.spread: must be one of gaussian, triangle"):
        spread_delays(DELAYS, DelayRule(9, "box", 1.0))
