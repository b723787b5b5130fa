"""The event-driven delay line on torch tensors, differentiable in its inputs and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.errors import ArgumentError
from neurospike.functional.delays import DelayRule
from neurospike.kernels.buffers import DTYPES, empty
from neurospike.kernels.delays import dense
from neurospike.kernels.delays import numba as kernels


class Packed:
    """The synapses of a layer with whole delays, sorted for events."""

    def __init__(self, weight: Tensor, delay: Tensor, max_delay: int) -> None:
        self.weight = weight.detach().clone()
        self.delay = delay.detach().clone()
        if not bool((self.delay == self.delay.round()).all()):
            raise ArgumentError(
                "DelayLinear.delay: delays must be whole numbers after round_delays_(); they were "
                "changed since. Call round_delays_() again."
            )
        outs, ins, taps = weight.shape
        self.max_delay = max_delay
        self.offsets: NDArray[np.uint32] = np.empty((ins, outs * taps), np.uint32)
        self.weights: NDArray[Any] = np.empty((ins, outs * taps), DTYPES[weight.dtype])
        late = self.delay.expand(weight.shape).contiguous()
        kernels.pack(
            self.weight.contiguous().numpy(), late.numpy(), max_delay, self.offsets, self.weights
        )

    def holds(self, weight: Tensor, delay: Tensor) -> bool:
        """Whether these are the weights and delays that were packed."""
        return _same(weight, self.weight) and _same(delay, self.delay)


class Sequence(torch.autograd.Function):
    """(x (T, B, in), weight, delay, rule, packed) -> (T + tail, B, out), event by event."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule, packed: Packed
    ) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight, delay)
        ctx.rule = rule
        y = empty((x.shape[0] + rule.tail, x.shape[1], len(weight)), x)
        few = x.numel() <= kernels.ALONE or x.shape[1] == 1
        run = kernels.sequence if few else kernels.sequence_threaded
        run(x.numpy(), packed.offsets, packed.weights, packed.max_delay, y.numpy())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        x, weight, delay = ctx.saved_tensors
        wanted = (*ctx.needs_input_grad[:2], False)
        gx, gw, _ = dense.backward(grads[0], x, weight, delay, ctx.rule, wanted=wanted)
        return gx, gw, None, None, None


class Arrive(torch.autograd.Function):
    """(x (B, in), pending (B, max_delay, out), weight, delay, rule, packed) -> pending and x's."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        pending: Tensor,
        weight: Tensor,
        delay: Tensor,
        rule: DelayRule,
        packed: Packed,
    ) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x, weight, delay)
        ctx.rule = rule
        due = pending.clone(memory_format=torch.contiguous_format)
        kernels.arrive(x.numpy(), packed.offsets, packed.weights, due.flatten(1).numpy())
        return due

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        x, weight, delay = ctx.saved_tensors
        wanted = (ctx.needs_input_grad[0], ctx.needs_input_grad[2], False)
        late = grads[0].transpose(0, 1)
        gx, gw, _ = dense.backward(late, x[None], weight, delay, ctx.rule, wanted=wanted)
        return None if gx is None else gx[0], grads[0], gw, None, None, None


def _same(a: Tensor, b: Tensor) -> bool:
    # Numpy compares small arrays three times as fast as torch does.
    return a.dtype == b.dtype and np.array_equal(a.detach().numpy(), b.numpy())
