"""Convolution along time as products of spectra, in real arithmetic.

A discrete Fourier transform turns y[t] = sum_d K[d] x[t - d] into one small matrix product per
frequency. Complex products take three real ones: with x = a + ib and K = c + id,

    re = c (a + b) - b (c + d),    im = c (a + b) + a (d - c),

and the sums in brackets are folded into the transforms. Real frequencies take one product. As
matrices the transforms are products with every column, on any device; ``fourier`` does the same
in the cache of a CPU.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Transforms:
    """Real matrices of one length N: y = back @ ((forth_x @ x) * (forth_k @ K)).

    Inputs, kernels and outputs that are shorter than N use as many columns, or rows of ``back``.

    Attributes
    ----------
    forth_x, forth_k
        (R, N), of the input's steps and of the kernel's.
    back
        (N, R), to the output's steps.
    """

    forth_x: Tensor
    forth_k: Tensor
    back: Tensor


@functools.lru_cache(maxsize=64)
def transforms(length: int, dtype: torch.dtype, device: torch.device) -> Transforms:
    """The matrices for ``length`` steps, circular: long enough for input and kernel together."""
    steps = np.arange(length)
    angles = 2 * np.pi / length * np.arange(length // 2 + 1)[:, None] * steps
    cos, sin = np.cos(angles), np.sin(angles)
    own = np.zeros(len(angles), bool)  # real frequencies are their own conjugates
    own[0] = True
    own[-1] |= length % 2 == 0
    c, s = cos[~own], sin[~own]  # transforms are c - is, of inputs and kernels alike
    forth_x = [cos[own], c - s, c, -s]
    forth_k = [cos[own], c, -s - c, c - s]
    # Re(z (c + is)) = c re(z) - s im(z), with z's parts from the three products; its conjugate too.
    back = [cos[own] / length, *((2 / length) * part for part in (c - s, -s, -c))]

    def matrix(parts: list[NDArray[np.float64]]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts)).to(device, dtype)

    return Transforms(matrix(forth_x), matrix(forth_k), matrix(back).T.contiguous())


def matrix(name: str, length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """One of the matrices, by its name in ``Transforms``; a constant to a compiler's graph."""
    found: Tensor = getattr(transforms(length, dtype, device), name)
    return found


# What torch.compiler.assume_constant_result does, which would import the compiler here.
matrix._dynamo_marked_constant = True  # type: ignore[attr-defined]


def products(length: int) -> int:
    """R, the real products per pair of input and output."""
    own = 1 + (length % 2 == 0) * (length > 1)
    return own + 3 * (length // 2 + 1 - own)


def smooth(length: int) -> int:
    """The next length that is a product of 2, 3 and 5, which fast transforms ask for."""
    while factors(length) is None:
        length += 1
    return length


def factors(length: int) -> list[int] | None:
    """The length as a product of 4, 2, 3 and 5, or None where it has another prime in it."""
    found = []
    for radix in (4, 2, 3, 5):
        while length % radix == 0:
            found.append(radix)
            length //= radix
    return found if length == 1 else None


def block_steps(steps: int, taps: int) -> int:
    """Input steps that go through one transform: all, unless the sequence is long.

    Every block costs taps - 1 steps more than it holds, and the kernel's spectrum, which is as
    long as the block, takes memory.
    """
    usual = max(128, 5 * (taps - 1))
    return -(-steps // max(1, round(steps / usual)))
