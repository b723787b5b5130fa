"""Convolution along time as products of spectra, in real arithmetic.

A discrete Fourier transform turns y[t] = sum_d K[d] x[t - d] into one small matrix product per
frequency. Complex products take three real ones: with x = a + ib and K = c + id,

    re = c (a + b) - b (c + d),    im = c (a + b) + a (d - c),

and the sums in brackets are folded into the transforms, which are plain real matrices here: thin
products with every column, faster than strided FFTs at these lengths, and differentiable by their
transposes. Real frequencies take one product.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Transforms:
    """Real matrices of one block of inputs: y = back @ ((forth_x @ x) * (forth_k @ K)).

    Attributes
    ----------
    forth_x
        (R, m), of m input steps.
    forth_k
        (R, L), of the L steps of the kernel.
    back
        (m + L - 1, R), to the output steps that the block reaches.
    """

    forth_x: Tensor
    forth_k: Tensor
    back: Tensor


@functools.lru_cache(maxsize=64)
def transforms(block: int, taps: int, dtype: torch.dtype, device: torch.device) -> Transforms:
    """The matrices for ``block`` input steps and a kernel of ``taps`` steps."""
    length = block + taps - 1
    frequencies = 2 * np.pi / length * np.arange(length // 2 + 1)[:, None]
    x = np.exp(-1j * frequencies * np.arange(block))
    k = np.exp(-1j * frequencies * np.arange(taps))
    y = np.exp(1j * frequencies * np.arange(length)) / length
    real = np.zeros(len(x), bool)
    real[0] = True
    real[-1] |= length % 2 == 0
    y[~real] *= 2  # each stands for its conjugate too
    complex_ = ~real
    forth_x = [x.real[real], (x.real + x.imag)[complex_], x.real[complex_], x.imag[complex_]]
    forth_k = [
        k.real[real], k.real[complex_], (k.imag - k.real)[complex_], (k.real + k.imag)[complex_]
    ]  # fmt: skip
    # Re(z y) = re(z) re(y) - im(z) im(y), with z's parts from the three products.
    back = [y.real[real], (y.real - y.imag)[complex_], -y.imag[complex_], -y.real[complex_]]

    def matrix(parts: list[NDArray[np.float64]]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts)).to(device, dtype)

    return Transforms(matrix(forth_x), matrix(forth_k), matrix(back).T.contiguous())


def products(block: int, taps: int) -> int:
    """R, the real products per pair of input and output."""
    length = block + taps - 1
    real = 1 + (length % 2 == 0) * (length > 1)
    return real + 3 * (length // 2 + 1 - real)


def best_block(steps: int, taps: int, ins: int, outs: int) -> tuple[int, float]:
    """Steps a block, and multiplications of the whole per sample, by counting them.

    Long blocks need fewer products of spectra, short ones less work on transforms and memory.
    """
    best, least = steps, math.inf
    for blocks in range(1, steps + 1):
        block = -(-steps // blocks)
        rows = products(block, taps)
        cost = blocks * rows * (ins * outs + block * ins + (block + taps - 1) * outs)
        if cost < least:
            best, least = block, cost
        elif cost > 2 * least:
            break
    return best, least
