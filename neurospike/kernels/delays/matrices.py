"""Convolution along time as products of spectra, with matrices for transforms: on any device.

All blocks of steps and all samples are columns of the same products, so that a pass is a handful
of matrix products however long the sequence or the delay line. A block of input steps reaches as
many output steps and those of the kernel's length; only its neighbour is reached, and blocks add
up in one order. Everything is plain torch, which compilers can read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from neurospike.kernels.delays.spectrum import (
    Transforms,
    block_steps,
    matrix,
    products,
    smooth,
)

PART_BYTES = 1 << 30
"""Memory that the spectra of one part of the batch may take."""


@dataclass(frozen=True)
class _Plan:
    """How a sequence is cut: ``blocks`` of ``block`` steps, each transformed at ``length``."""

    steps: int
    block: int
    blocks: int
    taps: int
    length: int
    matrices: Transforms

    @property
    def reach(self) -> int:
        """Output steps that a block reaches."""
        return self.block + self.taps - 1

    def kernel(self, kernel: Tensor) -> Tensor:
        """(L, out, in) -> spectra (R, out, in)."""
        flat = self.matrices.forth_k[:, : self.taps] @ kernel.flatten(1)
        return flat.reshape(-1, *kernel.shape[1:])

    def kernel_back(self, spectra: Tensor) -> Tensor:
        """The transpose of ``kernel``."""
        flat = self.matrices.forth_k[:, : self.taps].T @ spectra.flatten(1)
        return flat.reshape(-1, *spectra.shape[1:])

    def inputs(self, x: Tensor) -> Tensor:
        """(T, B, in) -> spectra (R, blocks * B, in)."""
        whole = _lengthened(x, self.blocks * self.block)
        columns = whole.reshape(self.blocks, self.block, -1).transpose(0, 1)
        flat = self.matrices.forth_x[:, : self.block] @ columns.reshape(self.block, -1)
        return flat.reshape(len(flat), -1, x.shape[2])

    def inputs_back(self, spectra: Tensor, batch: int) -> Tensor:
        """The transpose of ``inputs``."""
        flat = self.matrices.forth_x[:, : self.block].T @ spectra.flatten(1)
        steps = flat.reshape(self.block, self.blocks, batch, -1).transpose(0, 1)
        return steps.flatten(0, 1)[: self.steps]

    def outputs(self, spectra: Tensor, batch: int, length: int) -> Tensor:
        """Spectra (R, blocks * B, out) -> (length, B, out)."""
        flat = self.matrices.back[: self.reach] @ spectra.flatten(1)
        steps = flat.reshape(self.reach, self.blocks, batch, -1).transpose(0, 1)
        own, beyond = steps[:, : self.block], steps[:, self.block :]
        # What a block sends beyond its own steps arrives at the beginning of the next one.
        late = F.pad(beyond, (0, 0, 0, 0, 0, self.block - self.taps + 1, 1, 0))
        own = F.pad(own, (0, 0, 0, 0, 0, 0, 0, 1))
        return _lengthened((own + late).flatten(0, 1), length)

    def outputs_back(self, grad: Tensor) -> Tensor:
        """The transpose of ``outputs``."""
        whole = _lengthened(grad, (self.blocks - 1) * self.block + self.reach)
        columns = whole.unfold(0, self.reach, self.block).movedim(3, 0)
        flat = self.matrices.back[: self.reach].T @ columns.reshape(self.reach, -1)
        return flat.reshape(len(flat), -1, grad.shape[2])


def forward(x: Tensor, kernel: Tensor, tail: int) -> Tensor:
    """(T, B, in), (L, out, in) -> (T + tail, B, out)."""
    if len(x) == 1:
        return _lengthened(_one_step(x[0], kernel), 1 + tail)
    plan = _planned(x, len(kernel))
    weights = plan.kernel(kernel)
    parts = []
    for part in _parts(plan, x.shape[1], max(weights.shape[1:]) * x.element_size()):
        mixed = torch.bmm(plan.inputs(x[:, part]), weights.mT)
        parts.append(plan.outputs(mixed, x[:, part].shape[1], len(x) + tail))
    return torch.cat(parts, 1)


def backward(
    g: Tensor, x: Tensor, kernel: Tensor | None, *, taps: int, parameters: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of x where a kernel is given, and of the kernel where ``parameters``."""
    plan = _planned(x, taps)
    weights = None if kernel is None else plan.kernel(kernel)
    gx: list[Tensor] = []
    gk: Tensor | None = None
    width = max(g.shape[2], x.shape[2])
    for part in _parts(plan, x.shape[1], width * x.element_size()):
        late = plan.outputs_back(g[:, part])
        if parameters:
            mine = torch.bmm(late.mT, plan.inputs(x[:, part]))
            gk = mine if gk is None else gk + mine
        if weights is not None:
            gx.append(plan.inputs_back(torch.bmm(late, weights), g[:, part].shape[1]))
    return torch.cat(gx, 1) if gx else None, None if gk is None else plan.kernel_back(gk)


def _planned(x: Tensor, taps: int) -> _Plan:
    steps = len(x)
    block = block_steps(steps, taps)
    length = smooth(block + taps - 1)
    names = ("forth_x", "forth_k", "back")
    matrices = Transforms(*(matrix(name, length, x.dtype, x.device) for name in names))
    return _Plan(steps, block, -(-steps // block), taps, length, matrices)


def _parts(plan: _Plan, batch: int, sample_bytes: int) -> Iterator[slice]:
    """Samples whose spectra fit into PART_BYTES: nearly always all of them."""
    each = plan.blocks * products(plan.length) * sample_bytes
    size = max(1, PART_BYTES // each)
    for low in range(0, batch, size):
        yield slice(low, low + size)


def _one_step(x: Tensor, kernel: Tensor) -> Tensor:
    """(B, in) -> (L, B, out): a step of a stream needs no transform."""
    due = x @ kernel.flatten(0, 1).T
    return due.reshape(len(x), *kernel.shape[:2]).transpose(0, 1)


def _lengthened(x: Tensor, steps: int) -> Tensor:
    """The first ``steps`` steps, zeros where there are none."""
    if len(x) >= steps:
        return x[:steps]
    return F.pad(x, (0, 0, 0, 0, 0, steps - len(x)))
