"""Choose how a delay layer is computed: spread delays densely, whole ones event by event.

The event-driven delay line runs on the CPU in float32 and float64; elsewhere whole delays are
spread over the one step that they are, which is the same but for rounding. On a GPU both are
matrix products, batched over frequencies, blocks of steps and samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neurospike.functional.delays import DelayRule
from neurospike.kernels.autocast import HALVES, in_full_precision
from neurospike.kernels.delays import matrices
from neurospike.kernels.delays.dense import Convolve

if TYPE_CHECKING:
    from neurospike.kernels.delays.line import Packed


def convolve(x: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule) -> Tensor:
    """(T, B, in), (out, in, taps), delays that broadcast to them -> (T + tail, B, out).

    Spectra of half precision would lose what the spread is about: they are float32, whatever x is.
    """
    if x.dtype in HALVES:
        return convolve(x.float(), weight.float(), delay.float(), rule).to(x.dtype)
    with in_full_precision(x):
        y: Tensor = Convolve.apply(x, weight, delay, rule)  # type: ignore[no-untyped-call]
    return y


def convolve_in_graph(x: Tensor, weight: Tensor, shares: Tensor, tail: int) -> Tensor:
    """``convolve`` from shares (max_delay, ...) that broadcast to the weights, for a compiler.

    Plain torch, which it differentiates itself.
    """
    if x.dtype in HALVES:
        return convolve_in_graph(x.float(), weight.float(), shares.float(), tail).to(x.dtype)
    with in_full_precision(x):
        return matrices.forward(x, (weight * shares).sum(-1), tail)


def takes_events(x: Tensor) -> bool:
    """Whether the event-driven delay line runs on x."""
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.float64)
        and not torch.compiler.is_compiling()
    )


def pack(weight: Tensor, delay: Tensor, max_delay: int) -> Packed:
    """Sort the synapses for events; delays must be whole."""
    from neurospike.kernels.delays.line import Packed

    return Packed(weight, delay, max_delay)


def sequence(x: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule, packed: Packed) -> Tensor:
    """``convolve`` with whole delays, event by event."""
    from neurospike.kernels.delays.line import Sequence

    y: Tensor = Sequence.apply(x, weight, delay, rule, packed)  # type: ignore[no-untyped-call]
    return y


def arrive(
    x: Tensor, pending: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule, packed: Packed
) -> Tensor:
    """Add one step's events (B, in) to what is on its way, (B, max_delay, out)."""
    from neurospike.kernels.delays.line import Arrive

    due: Tensor = Arrive.apply(x, pending, weight, delay, rule, packed)  # type: ignore[no-untyped-call]
    return due
