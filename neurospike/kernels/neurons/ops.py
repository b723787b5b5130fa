"""Neurons as operations that torch knows by name, for graphs that it records: torch.compile.

``neurospike::lif``, ``::ilif`` and ``::readout``, and ``_backward`` of each: numba's kernels on CPU
tensors, Triton's on CUDA tensors. What may be None in Python is an empty tensor among the outputs,
as an operation has a fixed number of tensors. Eager calls take ``autograd.py``, which costs less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neurospike.functional.neurons import LIFRule
from neurospike.functional.surrogate import ATan, FastSigmoid, Rectangle, Sigmoid, Triangle

_SURROGATES = {kind.code: kind for kind in (ATan, Sigmoid, Triangle, Rectangle, FastSigmoid)}

_RULE = (
    "float tau, float threshold, float v_reset, bool soft, bool decay_input, bool detach_reset, "
    "int code, float alpha"
)


def lif(
    x: Tensor, v: Tensor | None, rate: Tensor | None, rule: LIFRule
) -> tuple[Tensor, Tensor | None]:
    """Spikes, and the last membrane where v is given."""
    s, last = _lif(
        x, v, rate, rule.tau, rule.threshold, rule.v_reset, rule.reset == "soft",
        rule.decay_input, rule.detach_reset, rule.surrogate.code, rule.surrogate.alpha,
    )  # fmt: skip
    return s, None if v is None else last


def ilif(x: Tensor, v: Tensor | None, max_spikes: int, beta: float) -> tuple[Tensor, Tensor | None]:
    """Integer spikes, and the last membrane where v is given."""
    s, last = _ilif(x, v, max_spikes, beta)
    return s, None if v is None else last


def readout(
    x: Tensor, v: Tensor | None, rate: Tensor | None, tau: float, decay_input: bool
) -> Tensor:
    """Membranes (T, ...)."""
    y: Tensor = _readout(x, v, rate, tau, decay_input)
    return y


def _op(name: str, schema: str, shapes: Callable[..., Any]) -> Callable[[Any], Any]:
    """Register a function of (passes, *inputs) for both devices, and what its outputs look like."""

    def register(run: Callable[..., Any]) -> Any:
        def on_cpu(*inputs: Any) -> Any:
            from neurospike.kernels.neurons import cpu

            return run(cpu, *inputs)

        def on_gpu(*inputs: Any) -> Any:
            from neurospike.kernels.neurons import gpu

            return run(gpu, *inputs)

        op = torch.library.custom_op(
            f"neurospike::{name}", on_cpu, mutates_args=(), device_types="cpu", schema=schema
        )
        op.register_kernel("cuda", on_gpu)
        op.register_fake(shapes)
        return op

    return register


def _like(x: Tensor, *given: Tensor | None) -> tuple[Tensor, ...]:
    """Outputs as x and as what else is given; an empty one for None."""
    return tuple(
        x.new_empty(0 if one is None else one.shape, dtype=None if one is None else one.dtype)
        for one in (x, *given)
    )


def _filled(x: Tensor, *found: Tensor | None) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(0) if one is None else one for one in found)


def _whole(*given: Tensor | None) -> tuple[Tensor | None, ...]:
    return tuple(None if one is None else one.contiguous() for one in given)


@_op(
    "lif",
    f"(Tensor x, Tensor? v, Tensor? rate, {_RULE}) -> (Tensor, Tensor)",
    lambda x, v, rate, *rule: _like(x, v),
)
def _lif(passes: Any, x: Tensor, v: Tensor | None, rate: Tensor | None, *rule: Any) -> Any:
    x_, v_ = _whole(x, v)
    return _filled(x, *passes.lif(x_, v_, rate, _rule(*rule)))


@_op(
    "lif_backward",
    f"(Tensor? g, Tensor? g_last, Tensor x, Tensor? v, Tensor? rate, {_RULE}) "
    "-> (Tensor, Tensor, Tensor)",
    lambda g, g_last, x, v, rate, *rule: _like(x, v, rate),
)
def _lif_backward(
    passes: Any, g: Tensor | None, g_last: Tensor | None, x: Tensor, v: Tensor | None,
    rate: Tensor | None, *rule: Any,
) -> Any:  # fmt: skip
    x_, v_ = _whole(x, v)
    wanted = (True, v is not None, rate is not None)
    return _filled(x, *passes.lif_backward(g, g_last, x_, v_, rate, _rule(*rule), wanted))


@_op(
    "ilif",
    "(Tensor x, Tensor? v, int max_spikes, float beta) -> (Tensor, Tensor)",
    lambda x, v, max_spikes, beta: _like(x, v),
)
def _ilif(passes: Any, x: Tensor, v: Tensor | None, max_spikes: int, beta: float) -> Any:
    return _filled(x, *passes.ilif(*_whole(x, v), max_spikes, beta))


@_op(
    "ilif_backward",
    "(Tensor? g, Tensor? g_last, Tensor x, Tensor? v, int max_spikes, float beta) "
    "-> (Tensor, Tensor)",
    lambda g, g_last, x, v, max_spikes, beta: _like(x, v),
)
def _ilif_backward(
    passes: Any, g: Tensor | None, g_last: Tensor | None, x: Tensor, v: Tensor | None,
    max_spikes: int, beta: float,
) -> Any:  # fmt: skip
    wanted = (True, v is not None)
    return _filled(x, *passes.ilif_backward(g, g_last, *_whole(x, v), max_spikes, beta, wanted))


@_op(
    "readout",
    "(Tensor x, Tensor? v, Tensor? rate, float tau, bool decay_input) -> Tensor",
    lambda x, v, rate, tau, decay_input: _like(x)[0],
)
def _readout(
    passes: Any, x: Tensor, v: Tensor | None, rate: Tensor | None, tau: float, decay_input: bool
) -> Any:
    return passes.readout(*_whole(x, v), rate, tau, decay_input)


@_op(
    "readout_backward",
    "(Tensor g, Tensor x, Tensor y, Tensor? v, Tensor? rate, float tau, bool decay_input) "
    "-> (Tensor, Tensor, Tensor)",
    lambda g, x, y, v, rate, tau, decay_input: _like(x, v, rate),
)
def _readout_backward(
    passes: Any, g: Tensor, x: Tensor, y: Tensor, v: Tensor | None, rate: Tensor | None,
    tau: float, decay_input: bool,
) -> Any:  # fmt: skip
    x_, y_, v_ = _whole(x, y, v)
    wanted = (True, v is not None, rate is not None)
    return _filled(x, *passes.readout_backward(g, x_, y_, v_, rate, tau, decay_input, wanted))


def _rule(
    tau: float, threshold: float, v_reset: float, soft: bool, decay_input: bool,
    detach_reset: bool, code: int, alpha: float,
) -> LIFRule:  # fmt: skip
    surrogate = _SURROGATES[code](alpha)
    reset = "soft" if soft else "hard"
    return LIFRule(tau, threshold, v_reset, reset, decay_input, detach_reset, surrogate)  # type: ignore[arg-type]


def _keep(tensors: int, *, with_output: bool = False) -> Callable[..., None]:
    """What the way back needs: the first inputs, the output where asked, and the scalars."""

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        first, *others = inputs[:tensors]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(first, *((output,) if with_output else ()), *others)
        ctx.scalars = inputs[tensors:]
        ctx.given = [one is not None for one in inputs[:tensors]]

    return keep


def _returning(op: Any) -> Callable[..., Any]:
    """Autograd's function of an operation that gives the gradients of all its tensors."""

    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        found = op(*grads, *ctx.saved_tensors, *ctx.scalars)
        shares = (one if given else None for one, given in zip(found, ctx.given, strict=True))
        return *shares, *(None,) * len(ctx.scalars)

    return backward


_lif.register_autograd(_returning(_lif_backward), setup_context=_keep(3))
_ilif.register_autograd(_returning(_ilif_backward), setup_context=_keep(2))
_readout.register_autograd(_returning(_readout_backward), setup_context=_keep(3, with_output=True))
