"""Recurrence with delays as one differentiable function: backpropagation through time by hand.

Each step's neuron keeps its own small graph; what travels between steps has its transposes
written out, and the weights' gradient is one matrix product over all steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.errors import StateError
from neurospike.kernels.autocast import in_full_precision
from neurospike.kernels.buffers import empty
from neurospike.kernels.recurrent.reference import State, Step
from neurospike.kernels.recurrent.wiring import Axons, Synapses

Wiring = Axons | Synapses


@dataclass(frozen=True)
class Plan:
    """What a run needs beside tensors that have gradients."""

    step: Step
    states: int
    events: bool


@dataclass
class _Moment:
    """One step of the neuron, with the graph from its inputs to its outputs."""

    current: Tensor
    before: State
    y: Tensor
    after: State


def wire(weight: Tensor, share: Tensor, *, events: bool) -> Wiring:
    """Axons for shares (K, in), synapses for (K, out, in)."""
    return (Axons if share.ndim == 2 else Synapses)(weight, share, events=events)


def run(
    x: Tensor,
    pending: Tensor,
    state: State,
    plan: Plan,
    wiring: Wiring,
    tape: list[_Moment] | None = None,
) -> tuple[Tensor, Tensor, State]:
    """Outputs (T, B, N), the buffer (T + K, B, N) and the last state; moments go on the tape."""
    steps = len(x)
    y = empty(x.shape, x)
    buffer = torch.cat([pending.detach(), x.new_zeros(x.shape)])
    for t in range(steps):
        current = x[t].detach() + wiring.due(buffer[t])
        if tape is not None:
            current.requires_grad_()
            state = tuple(part.detach().requires_grad_() for part in state)
        before = state
        spikes, state = plan.step(current, before)
        if tape is not None:
            tape.append(_Moment(current, before, spikes, state))
        y[t] = spikes.detach()
        wiring.send(buffer[t + 1 : t + 1 + len(pending)], y[t])
    return y, buffer, tuple(part.detach() for part in state)


class Recurrent(torch.autograd.Function):
    """(x, pending, weight, share, plan, *states, *neuron's parameters) -> y, pending, *states."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        pending: Tensor,
        weight: Tensor,
        share: Tensor,
        plan: Plan,
        *rest: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.plan = plan
        ctx.wiring = wire(weight, share, events=plan.events)
        ctx.tape = []
        with torch.enable_grad():
            y, buffer, state = run(x, pending, rest[: plan.states], plan, ctx.wiring, ctx.tape)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(y, buffer, *rest[plan.states :])
        return (y, buffer[len(x) :].clone(), *state)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        with in_full_precision(next(grad for grad in grads if grad is not None)):
            return _back(ctx, grads)


def _back(ctx: Any, grads: tuple[Any, ...]) -> tuple[Tensor | None, ...]:
    tape, ctx.tape = ctx.tape, None
    if tape is None:
        raise StateError(
            "RecurrentDelay.backward: a sequence can be gone back through once; run it again."
        )
    y, buffer, *parameters = ctx.saved_tensors
    wiring: Wiring = ctx.wiring
    steps, reach = len(y), len(buffer) - len(y)
    gx = torch.empty_like(y)
    sent = torch.zeros_like(buffer)
    if grads[1] is not None:
        sent[steps:] = grads[1]
    gstate: tuple[Tensor | None, ...] = grads[2:]
    totals: list[Tensor | None] = [None] * len(parameters)
    for t in range(steps - 1, -1, -1):
        gy = torch.zeros_like(y[t]) if grads[0] is None else grads[0][t].clone()
        gy = gy.contiguous()
        wiring.send_back(sent[t + 1 : t + 1 + reach], gy)
        gcurrent, gstate, gown = _neuron_back(tape.pop(), gy, gstate, parameters)
        totals = [_add(a, b) for a, b in zip(totals, gown, strict=True)]
        gx[t] = 0 if gcurrent is None else gcurrent
        sent[t] = wiring.due_back(gx[t])
    wants = ctx.needs_input_grad
    gweight = gshare = None
    if wants[2] or wants[3]:
        gweight, gshare = wiring.parameters_back(gx, sent, y, buffer, shares=wants[3])
    return gx, sent[:reach], gweight, gshare, None, *gstate, *totals


def _neuron_back(
    moment: _Moment, gy: Tensor, gstate: tuple[Tensor | None, ...], parameters: list[Tensor]
) -> tuple[Tensor | None, tuple[Tensor | None, ...], tuple[Tensor | None, ...]]:
    """Gradients of a step's current, of the state before it and of the neuron's parameters."""
    pairs = zip((moment.y, *moment.after), (gy, *gstate), strict=True)
    ends = [(out, grad) for out, grad in pairs if out.requires_grad and grad is not None]
    wanted = [moment.current, *moment.before, *parameters]
    if not ends:  # a neuron that lets no gradient through
        return None, (None,) * len(moment.before), (None,) * len(parameters)
    found = torch.autograd.grad(
        [out for out, _ in ends], wanted, [grad for _, grad in ends], allow_unused=True
    )
    states = len(moment.before)
    return found[0], found[1 : 1 + states], found[1 + states :]


def _add(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b
