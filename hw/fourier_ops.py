"""Operations of fast Fourier transforms, and of products of complex numbers."""

from __future__ import annotations

import math

from torch import Tensor

from neurospike.hw.operations import Operations

COMPLEX_MACS = 4
"""Multiplications of one complex product, which also add twice: four multiply-accumulations."""


def macs_each(*factors: Tensor) -> int:
    """Multiply-accumulations of one product of these numbers."""
    return COMPLEX_MACS if all(factor.is_complex() for factor in factors) else 1


def transform(source: Tensor, out: Tensor, dims: list[int]) -> Operations:
    """A transform over ``dims``, real to complex, complex to real, or complex to complex.

    N points take N/2 log2 N butterflies, each a complex product (4 MACs) and two complex sums (2
    additions beside the product's own): 5 N log2 N operations in all, and half of that where one
    side is real.

    Source
    ------
    Cooley and Tukey 1965, radix 2; the 5 N log2 N and 2.5 N log2 N of FFTW's benchmarks.
    """
    both = source.is_complex() and out.is_complex()
    full = out if source.is_complex() else source  # of a half spectrum, the real side is whole
    points = math.prod(full.shape[dim] for dim in dims)
    if not points:
        return Operations()
    work = full.numel() * math.log2(points) * (1.0 if both else 0.5)
    return Operations(macs=2 * work, acs=work, note="Fourier transform")
