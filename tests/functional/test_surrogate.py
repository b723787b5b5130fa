"""Surrogates: a step forward, a bell backward."""

import pytest
import torch
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.functional.surrogate import (
    ATan,
    FastSigmoid,
    Rectangle,
    Sigmoid,
    Surrogate,
    Triangle,
)

ALL = [ATan(2.0), Sigmoid(4.0), Triangle(1.0), Rectangle(1.0), FastSigmoid(25.0)]
AREA_ONE = [ATan(2.0), ATan(5.0), Sigmoid(4.0), Triangle(0.5), Triangle(2.0), Rectangle(3.0)]


@pytest.mark.parametrize("surrogate", ALL, ids=repr)
def test_forward_is_a_step_that_fires_at_zero(surrogate: Surrogate) -> None:
    x = torch.tensor([-1.0, -1e-7, 0.0, 1e-7, 1.0, float("nan")])
    assert surrogate(x).tolist() == [0, 0, 1, 1, 1, 0]


@pytest.mark.parametrize("surrogate", ALL, ids=repr)
def test_backward_is_the_derivative(surrogate: Surrogate) -> None:
    x = torch.linspace(-3, 3, 61, dtype=torch.float64, requires_grad=True)
    surrogate(x).sum().backward()
    assert torch.equal(x.grad, surrogate.derivative(x.detach()))


@pytest.mark.parametrize("surrogate", AREA_ONE, ids=repr)
def test_bell_is_even_and_has_area_one(surrogate: Surrogate) -> None:
    x = torch.linspace(-2000, 2000, 4_000_001, dtype=torch.float64)
    bell = surrogate.derivative(x)
    assert torch.allclose(bell, bell.flip(0))
    assert torch.trapezoid(bell, x).item() == pytest.approx(1, abs=2e-3)


def test_sigmoid_is_the_derivative_of_the_logistic_function() -> None:
    x = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    (3 * x).sigmoid().sum().backward()
    assert torch.allclose(Sigmoid(3.0).derivative(x.detach()), x.grad)


def test_surrogates_are_values() -> None:
    assert ATan(2.0) == ATan()
    assert repr(FastSigmoid(10.0)) == "FastSigmoid(alpha=10.0)"
    assert len({s.code for s in ALL}) == len(ALL)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_alpha_must_be_positive(alpha: float) -> None:
    with pytest.raises(ArgumentError, match=r"ATan\.alpha: must be above 0"):
        ATan(alpha)


def test_own_surrogate_needs_only_a_derivative() -> None:
    class Straight(Surrogate):
        def derivative(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    x = torch.zeros(3, requires_grad=True)
    Straight(1.0)(x).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
