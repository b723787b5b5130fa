"""Convolution along time as products of spectra, one block of input steps after another."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.kernels.delays.spectrum import best_block, transforms


def forward(x: Tensor, kernel: Tensor, tail: int) -> Tensor:
    """(T, B, in), (L, out, in) -> (T + tail, B, out)."""
    T, B, ins = x.shape
    L, outs, _ = kernel.shape
    y = x.new_zeros(T + tail, B * outs)
    block, _ = best_block(T, L, ins, outs)
    for first in range(0, T, block):
        part = x[first : first + block]
        m = transforms(len(part), L, x.dtype, x.device)
        spectrum = _spectrum(m.forth_k, kernel)
        mixed = torch.bmm(_spectrum(m.forth_x, part), spectrum.mT)
        reached = y[first : first + len(part) + L - 1]
        reached.addmm_(m.back[: len(reached)], mixed.reshape(-1, B * outs))
    return y.reshape(T + tail, B, outs)


def backward(
    g: Tensor, x: Tensor, kernel: Tensor | None, *, taps: int, parameters: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of x where a kernel is given, and of the kernel where ``parameters``."""
    T, B, ins = x.shape
    outs = g.shape[2]
    gx = None if kernel is None else torch.empty_like(x)
    gk = x.new_zeros(taps, outs * ins) if parameters else None
    block, _ = best_block(T, taps, ins, outs)
    for first in range(0, T, block):
        part = x[first : first + block]
        m = transforms(len(part), taps, x.dtype, x.device)
        reached = g[first : first + len(part) + taps - 1]
        mixed = _spectrum(m.back[: len(reached)].T, reached)
        if gk is not None:
            product = torch.bmm(mixed.mT, _spectrum(m.forth_x, part))
            gk.addmm_(m.forth_k.T, product.reshape(-1, outs * ins))
            del product
        if gx is not None and kernel is not None:
            product = torch.bmm(mixed, _spectrum(m.forth_k, kernel))
            torch.mm(
                m.forth_x.T,
                product.reshape(-1, B * ins),
                out=gx[first : first + block].reshape(-1, B * ins),
            )
    return gx, None if gk is None else gk.reshape(taps, outs, ins)


def _spectrum(forth: Tensor, values: Tensor) -> Tensor:
    """(R, n) and (n, a, b) -> (R, a, b)."""
    return (forth @ values.reshape(len(values), -1)).reshape(-1, *values.shape[1:])
