"""Convolution along time as products of spectra, a block of steps and a part of the batch a time.

Spectra are (R, B, features), one small matrix product a row. A block of input steps reaches as
many output steps and those of the kernel's length; blocks add up. For float32 on the CPU, where
transforms run in the cache; ``matrices`` does the same elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from neurospike.kernels.buffers import empty
from neurospike.kernels.delays.spectrum import block_steps, products, smooth, transforms

PART_BYTES = 16 << 20
"""Memory that the spectra of one part of the batch may take."""

CACHED = torch.float32
"""What is transformed in the cache."""

TRANSFORM = 28
"""Multiplications that cost as much as taking one number through a transform."""


@dataclass(frozen=True)
class _Cut:
    """Steps ``first`` to ``last`` of samples ``low`` to ``high``."""

    first: int
    last: int
    low: int
    high: int


class _Way:
    """Transforms of one length."""

    def __init__(self, x: Tensor, taps: int, outs: int) -> None:
        self.T, self.B, ins = x.shape
        self.block = block_steps(self.T, taps)
        self.taps = taps
        self.length = smooth(self.block + taps - 1)
        self.rows = products(self.length)
        self.matrices = transforms(self.length, x.dtype, x.device)
        sample = self.rows * max(ins, outs) * x.element_size()
        parts = max(1, math.ceil(self.B * sample / PART_BYTES))
        self.part = -(-self.B // parts)
        self.adds = True

    def cuts(self) -> Iterator[_Cut]:
        for low in range(0, self.B, self.part):
            high = min(low + self.part, self.B)
            for first in range(0, self.T, self.block):
                yield _Cut(first, min(first + self.block, self.T), low, high)

    def empty(self, samples: int, features: int, like: Tensor) -> Tensor:
        """Room for spectra (R, samples, features)."""
        return empty((self.rows, samples, features), like)

    def sums(self, shape: tuple[int, ...], reached: int, like: Tensor) -> Tensor:
        """Room for what blocks add up to; not cleared where one block writes all of it."""
        self.adds = self.block < self.T or reached < shape[0]
        return like.new_zeros(shape) if self.adds else empty(shape, like)

    def kernel(self, kernel: Tensor) -> Tensor:
        """(L, out, in) -> (R, out, in)."""
        spectra = self.empty(kernel.shape[1], kernel.shape[2], kernel)
        flat = spectra.reshape(self.rows, -1)
        torch.mm(self.matrices.forth_k[:, : self.taps], kernel.reshape(self.taps, -1), out=flat)
        return spectra

    def kernel_back(self, spectra: Tensor) -> Tensor:
        """The transpose of ``kernel``: (R, out, in) -> (L, out, in)."""
        flat = self.matrices.forth_k[:, : self.taps].T @ spectra.reshape(self.rows, -1)
        return flat.reshape(self.taps, *spectra.shape[1:])

    def forth(self, x: Tensor, cut: _Cut, *, gradient: bool) -> Tensor:
        """Inputs (T, B, in), or gradients of outputs, -> (R, samples, features)."""
        from neurospike.kernels.delays import fourier

        last = cut.last + self.taps - 1 if gradient else cut.last
        part = x[cut.first : last]
        features = x.shape[2]
        spectra = self.empty(cut.high - cut.low, features, x)
        mix = fourier.OUTPUT_GRADIENT if gradient else fourier.INPUT
        columns = part.reshape(len(part), -1)
        flat = spectra.reshape(self.rows, -1)
        fourier.forth(columns, cut.low * features, mix, self.length, flat)
        return spectra

    def back(self, spectra: Tensor, cut: _Cut, y: Tensor, *, gradient: bool) -> None:
        """Spectra added to outputs (T', B, out), or to gradients of inputs."""
        from neurospike.kernels.delays import fourier

        last = cut.last if gradient else cut.last + self.taps - 1
        part = y[cut.first : last]
        features = y.shape[2]
        mix = fourier.INPUT_GRADIENT if gradient else fourier.OUTPUT
        columns = part.reshape(len(part), -1)
        flat = spectra.reshape(self.rows, -1)
        fourier.back(flat, mix, self.length, cut.low * features, columns, add=self.adds)


def cost(x: Tensor, taps: int, outs: int) -> float:
    """Multiplications of one pass, for the choice of a way."""
    T, B, ins = x.shape
    block = block_steps(T, taps)
    rows = products(smooth(block + taps - 1))
    blocks = math.ceil(T / block) if block else 0
    products_ = blocks * B * rows * (ins * outs + TRANSFORM * (ins + outs))
    return float(products_ + rows * taps * ins * outs)


def forward(x: Tensor, kernel: Tensor, tail: int) -> Tensor:
    """(T, B, in), (L, out, in) -> (T + tail, B, out)."""
    outs = kernel.shape[1]
    way = _Way(x, len(kernel), outs)
    shape = (way.T + tail, way.B, outs)
    y = way.sums(shape, way.T + way.taps - 1, x)
    weights = way.kernel(kernel)
    for cut in way.cuts():
        mixed = way.empty(cut.high - cut.low, outs, x)
        torch.bmm(way.forth(x, cut, gradient=False), weights.mT, out=mixed)
        way.back(mixed, cut, y, gradient=False)
    return y


def backward(
    g: Tensor, x: Tensor, kernel: Tensor | None, *, taps: int, parameters: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of x where a kernel is given, and of the kernel where ``parameters``."""
    outs, ins = g.shape[2], x.shape[2]
    way = _Way(x, taps, outs)
    gx = None if kernel is None else way.sums(tuple(x.shape), way.T, x)
    weights = None if kernel is None else way.kernel(kernel)
    gk: Tensor | None = None
    for cut in way.cuts():
        late = way.forth(g, cut, gradient=True)
        if parameters:
            early = way.forth(x, cut, gradient=False)
            if gk is None:
                gk = torch.bmm(late.mT, early, out=way.empty(outs, ins, x))
            else:
                gk.baddbmm_(late.mT, early)
        if gx is not None and weights is not None:
            way.back(torch.bmm(late, weights), cut, gx, gradient=True)
    return gx, None if gk is None else way.kernel_back(gk)
