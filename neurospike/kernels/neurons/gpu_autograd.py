"""Triton's neurons as differentiable torch functions on (T, ...) tensors.

As ``autograd.py``: only the input is kept for the backward pass.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.functional.neurons import LIFRule
from neurospike.kernels.devices import multiprocessors
from neurospike.kernels.neurons import triton as kernels
from neurospike.kernels.neurons.autograd import _leak

BLOCK = 256
WAVES = 8
"""Programs for each multiprocessor: enough to hide the memory's latency behind one another."""

SCRATCH_BYTES = 1 << 26
"""What recomputed membranes may take, whatever T is: less of it is fewer programs at once."""

Grads = tuple[Tensor | None, ...]


class LIF(torch.autograd.Function):
    """(x, v or None, 1 / tau or None, rule) -> spikes, and the last membrane where v was given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor | None, rate: Tensor | None, rule: LIFRule
    ) -> tuple[Tensor, Tensor | None]:
        x, v = x.contiguous(), None if v is None else v.contiguous()
        s, last = torch.empty_like(x), None if v is None else torch.empty_like(v)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, v, rate)
        ctx.rule = rule
        leak, divide = _leak(rule.tau, None)
        _launch(
            kernels.lif_forward, x, 0, x, s, v, last, rate, *_sizes(x),
            leak, rule.threshold, rule.v_reset,
            HAS_V=v is not None, HAS_RATE=rate is not None, DIVIDE=divide and rate is None,
            DECAY_INPUT=rule.decay_input, SOFT=rule.reset == "soft",
        )  # fmt: skip
        return s, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, v, rate = ctx.saved_tensors
        rule: LIFRule = ctx.rule
        g, g_t, g_n = _gradient(grads[0], x)
        gx, gv = torch.empty_like(x), None if v is None else torch.empty_like(v)
        learnt = rate is not None
        sums = x.new_zeros(_sizes(x)[2], dtype=torch.float32) if learnt else None
        leak, divide = _leak(rule.tau, None)
        _launch(
            kernels.lif_backward, x, 4, x, g, g_t, g_n, _whole(grads[1]), v, gx, gv, sums, SCRATCH,
            rate, *_sizes(x), leak, rule.threshold, rule.v_reset, rule.surrogate.alpha,
            HAS_V=v is not None, HAS_GV=grads[1] is not None, HAS_RATE=learnt,
            DIVIDE=divide and not learnt, DECAY_INPUT=rule.decay_input,
            SOFT=rule.reset == "soft", DETACH=rule.detach_reset, CODE=rule.surrogate.code,
        )  # fmt: skip
        total = None if sums is None else sums.double().sum().to(rate.dtype).reshape(rate.shape)
        return gx, gv, total, None


class ILIF(torch.autograd.Function):
    """(x, v or None, D, beta) -> integer spikes, and the last membrane where v was given."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, v: Tensor | None, max_spikes: int, beta: float
    ) -> tuple[Tensor, Tensor | None]:
        x, v = x.contiguous(), None if v is None else v.contiguous()
        s, last = torch.empty_like(x), None if v is None else torch.empty_like(v)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, v)
        ctx.scalars = (float(beta), float(max_spikes))
        _launch(
            kernels.ilif_forward, x, 0, x, s, v, last, *_sizes(x), *ctx.scalars,
            HAS_V=v is not None,
        )  # fmt: skip
        return s, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> Grads:
        x, v = ctx.saved_tensors
        g, g_t, g_n = _gradient(grads[0], x)
        gx, gv = torch.empty_like(x), None if v is None else torch.empty_like(v)
        _launch(
            kernels.ilif_backward, x, 1, x, g, g_t, g_n, _whole(grads[1]), v, gx, gv, SCRATCH,
            *_sizes(x), *ctx.scalars, HAS_V=v is not None, HAS_GV=grads[1] is not None,
        )  # fmt: skip
        return gx, gv, None, None


SCRATCH: Any = object()
"""Stands among a kernel's arguments where the launch puts the rows of its programs."""

_SCRATCH_DTYPES = {1: torch.int8, 4: torch.float32}


def _launch(kernel: Any, x: Tensor, scratch_bytes: int, *args: Any, **constants: Any) -> None:
    """Run a kernel with as many programs as are useful, and as its scratch allows."""
    T, N, blocks = _sizes(x)
    if N == 0:
        return
    programs = min(blocks, WAVES * multiprocessors(x.device))
    if scratch_bytes:
        programs = max(1, min(programs, SCRATCH_BYTES // (scratch_bytes * max(T, 1) * BLOCK)))
        rows = x.new_empty((programs, T, BLOCK), dtype=_SCRATCH_DTYPES[scratch_bytes])
        args = tuple(rows if one is SCRATCH else one for one in args)
    # A product and a sum round twice, as in torch: T steps at once equal T calls of one step.
    kernel[(programs,)](*args, **constants, BLOCK=BLOCK, enable_fp_fusion=False)


def _sizes(x: Tensor) -> tuple[int, int, int]:
    """Steps, neurons, and blocks of them."""
    N = math.prod(x.shape[1:])
    return x.shape[0], N, -(-N // BLOCK)


def _whole(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.contiguous()


def _gradient(g: Tensor | None, x: Tensor) -> tuple[Tensor, int, int]:
    """The output's gradient with its strides; broadcast gradients stay small."""
    N = math.prod(x.shape[1:])
    if g is None:
        return x.new_zeros(1), 0, 0
    if g.numel() and not any(g.stride()):
        return g[(0,) * g.ndim].reshape(1), 0, 0
    if g.shape[0] and g.stride(0) == 0:
        return g[:1].contiguous(), 0, 1
    return g.contiguous(), N, 1
