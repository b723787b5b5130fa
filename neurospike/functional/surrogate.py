"""Surrogate gradients: what stands in for the derivative of a spike when training.

Each object is a Heaviside step in the forward direction, 1 where x >= 0, and its own bell in the
backward direction. x is the distance of the membrane from the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from neurospike.errors import ArgumentError

__all__ = ["ATan", "FastSigmoid", "Rectangle", "Sigmoid", "Surrogate", "Triangle"]


@dataclass(frozen=True)
class Surrogate:
    """Base of all surrogates; write ``derivative`` to add one.

    A surrogate of your own runs on the reference backend; those here carry a ``code`` by which
    the fused kernels know them.

    Parameters
    ----------
    alpha
        Sharpness, above 0; larger is narrower.

    Raises
    ------
    ArgumentError
        An alpha that is not above 0 and finite.
    """

    alpha: float
    code: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if not (self.alpha > 0 and math.isfinite(self.alpha)):
            raise ArgumentError(
                f"{type(self).__name__}.alpha: must be above 0 and finite; got {self.alpha}."
            )

    def __call__(self, x: Tensor) -> Tensor:
        """1 where x >= 0, else 0, with this surrogate's gradient."""
        spikes: Tensor = _Heaviside.apply(x, self)  # type: ignore[no-untyped-call]
        return spikes

    def derivative(self, x: Tensor) -> Tensor:
        """The bell at x, of x's shape."""
        raise NotImplementedError(f"{type(self).__name__} defines no derivative")


@dataclass(frozen=True)
class ATan(Surrogate):
    """Arctangent: alpha / 2 / (1 + (pi / 2 * alpha * x)^2).

    Source
    ------
    Fang et al., ICCV 2021, arXiv:2007.05785.

    Examples
    --------
    >>> ATan()
    ATan(alpha=2.0)
    >>> ATan().derivative(torch.zeros(1))
    tensor([1.])
    """

    alpha: float = 2.0
    code: ClassVar[int | None] = 0

    def derivative(self, x: Tensor) -> Tensor:
        """The bell at x."""
        return self.alpha / 2 / (1 + (math.pi / 2 * self.alpha * x).square())


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """Derivative of the logistic function: alpha * p * (1 - p), p = sigmoid(alpha * x)."""

    alpha: float = 4.0
    code: ClassVar[int | None] = 1

    def derivative(self, x: Tensor) -> Tensor:
        """The bell at x."""
        p = (self.alpha * x).sigmoid()
        return self.alpha * (1 - p) * p


@dataclass(frozen=True)
class Triangle(Surrogate):
    """A triangle of area 1: max(0, alpha - alpha^2 * |x|), zero beyond |x| = 1 / alpha.

    Source
    ------
    Esser et al., PNAS 2016, arXiv:1603.08270.
    """

    alpha: float = 1.0
    code: ClassVar[int | None] = 2

    def derivative(self, x: Tensor) -> Tensor:
        """The bell at x."""
        return (self.alpha - self.alpha**2 * x.abs()).clamp(min=0)


@dataclass(frozen=True)
class Rectangle(Surrogate):
    """A rectangle of area 1: alpha where |x| < 1 / (2 * alpha), else 0.

    Source
    ------
    Wu et al., 2018, arXiv:1706.02609.
    """

    alpha: float = 1.0
    code: ClassVar[int | None] = 3

    def derivative(self, x: Tensor) -> Tensor:
        """The bell at x."""
        return self.alpha * (x.abs() < 0.5 / self.alpha).to(x.dtype)


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    """1 / (1 + alpha * |x|)^2, with a peak of 1 for any alpha.

    snntorch's ``fast_sigmoid(slope=alpha)``; spikingjelly's ``SoftSign(alpha)`` is alpha / 2 times
    this.

    Source
    ------
    Zenke and Ganguli, 2018, arXiv:1705.11146.
    """

    alpha: float = 25.0
    code: ClassVar[int | None] = 4

    def derivative(self, x: Tensor) -> Tensor:
        """The bell at x."""
        return 1 / (1 + self.alpha * x.abs()).square()


class _Heaviside(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * ctx.surrogate.derivative(x), None
