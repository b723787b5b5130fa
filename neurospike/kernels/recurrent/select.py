"""Choose how recurrence with delays runs: "auto", "numba" or "reference".

"auto" takes the fused loop where it applies (CPU, float32 or float64) and the reference elsewhere.
A named backend never falls back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.kernels.autocast import in_full_precision
from neurospike.kernels.recurrent import reference
from neurospike.kernels.recurrent.reference import State, Step

Backend = Literal["auto", "numba", "reference"]


def recurrent(
    x: Tensor,
    pending: Tensor,
    state: State,
    step: Step,
    *,
    weight: Tensor,
    share: Tensor,
    parameters: Sequence[Tensor] = (),
    whole: bool = False,
    backend: Backend = "auto",
) -> tuple[Tensor, Tensor, State]:
    """x (T, B, N), what is on its way (K, B, N), the neuron's state -> y, and both afterwards.

    ``parameters`` are those of the neuron that learn; with ``whole`` each share is one tap.
    """
    fused = _fused(x, backend)
    with in_full_precision(x):
        if not fused:
            return reference.recurrent(x, pending, state, step, weight, share)
        return _run(x, pending, state, step, weight, share, parameters, whole)


def _run(
    x: Tensor,
    pending: Tensor,
    state: State,
    step: Step,
    weight: Tensor,
    share: Tensor,
    parameters: Sequence[Tensor],
    whole: bool,
) -> tuple[Tensor, Tensor, State]:
    """The fused loop, with a backward pass where one may be asked for."""
    from neurospike.kernels.recurrent import autograd

    plan = autograd.Plan(step, len(state), whole)
    tensors = (x, pending, weight, share, *state, *parameters)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        y, left, *last = autograd.Recurrent.apply(  # type: ignore[no-untyped-call]
            x, pending, weight, share, plan, *state, *parameters
        )
        return y, left, tuple(last)
    wiring = autograd.wire(weight, share, events=whole)
    y, buffer, state = autograd.run(x, pending, state, plan, wiring)
    return y, buffer[len(x) :].clone(), state


def _fused(x: Tensor, backend: str) -> bool:
    if backend not in get_args(Backend):
        raise ArgumentError(
            f"recurrent.backend: must be one of {', '.join(get_args(Backend))}; got {backend!r}."
        )
    obstacle = _obstacle(x)
    if backend == "numba" and obstacle is not None:
        raise BackendUnavailableError(
            f"recurrent.backend: 'numba' needs {obstacle}. Use 'auto' or 'reference'."
        )
    return backend != "reference" and obstacle is None


def _obstacle(x: Tensor) -> str | None:
    """What keeps the fused loop from running on x, or None."""
    if x.device.type != "cpu":
        return f"CPU tensors; got device {x.device}"
    if x.dtype not in (torch.float32, torch.float64):
        return f"float32 or float64; got {x.dtype}"
    if torch.compiler.is_compiling():
        return "eager mode; got a compiled graph"
    return None
