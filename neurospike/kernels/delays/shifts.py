"""Convolution along time as one matrix product a shift: for few steps or short delay lines."""

from __future__ import annotations

from torch import Tensor


def forward(x: Tensor, kernel: Tensor, tail: int) -> Tensor:
    """(T, B, in), (L, out, in) -> (T + tail, B, out)."""
    T, B, ins = x.shape
    length, outs = T + tail, kernel.shape[1]
    y = x.new_zeros(length * B, outs)
    flat = x.reshape(T * B, ins)
    for d, tap in enumerate(kernel):
        kept = min(T, length - d)
        if kept > 0:
            y[d * B : (d + kept) * B].addmm_(flat[: kept * B], tap.T)
    return y.reshape(length, B, outs)


def backward(
    g: Tensor, x: Tensor, kernel: Tensor | None, *, taps: int, parameters: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of x where a kernel is given, and of the kernel where ``parameters``."""
    T, B, ins = x.shape
    length, outs = g.shape[0], g.shape[2]
    flat, late = x.reshape(T * B, ins), g.reshape(length * B, outs)
    gx = None if kernel is None else x.new_zeros(T * B, ins)
    gk = x.new_zeros(taps, outs, ins) if parameters else None
    for d in range(taps):
        kept = min(T, length - d)
        if kept <= 0:
            break
        part = late[d * B : (d + kept) * B]
        if gx is not None and kernel is not None:
            gx[: kept * B].addmm_(part, kernel[d])
        if gk is not None:
            gk[d].addmm_(part.T, flat[: kept * B])
    return None if gx is None else gx.reshape(T, B, ins), gk
