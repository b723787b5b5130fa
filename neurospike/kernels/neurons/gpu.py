"""Triton's passes on contiguous (T, ...) tensors: what ``cpu.py`` is with numba."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import ilif_triton, readout_triton
from neurospike.kernels.neurons import triton as lif_triton
from neurospike.kernels.neurons.launches import launch, plan, scratch, sizes
from neurospike.kernels.neurons.leak import leak_of

Wanted = tuple[bool, bool, bool]


def lif(
    x: Tensor, v: Tensor | None, rate: Tensor | None, rule: LIFRule
) -> tuple[Tensor, Tensor | None]:
    """Spikes, and the last membrane where v is given."""
    s = torch.empty_like(x)
    if x.numel() == 0:
        return s, _copied(v)
    last = None if v is None else torch.empty_like(v)
    leak, divide = leak_for(rule.tau, rate)
    launch(
        lif_triton.lif_forward, x, plan("neurons.lif", x), x, s, v, last, rate, *sizes(x),
        leak, rule.threshold, rule.v_reset,
        HAS_V=v is not None, HAS_RATE=rate is not None, DIVIDE=divide,
        DECAY_INPUT=rule.decay_input, SOFT=rule.reset == "soft",
    )  # fmt: skip
    return s, last


def lif_backward(
    g: Tensor | None, g_last: Tensor | None, x: Tensor, v: Tensor | None, rate: Tensor | None,
    rule: LIFRule, wanted: Wanted,
) -> tuple[Tensor, Tensor | None, Tensor | None]:  # fmt: skip
    """Gradients of x, of v where given, and of 1 / tau where learnt."""
    gx = torch.empty_like(x)
    if x.numel() == 0:
        return gx, _through(g_last, v), None if rate is None else torch.zeros_like(rate)
    made = plan("neurons.lif_backward", x, states=1)
    gv = None if v is None else torch.empty_like(v)
    sums = None if rate is None else x.new_empty(made.blocks, dtype=torch.float32)
    leak, divide = leak_for(rule.tau, rate)
    launch(
        lif_triton.lif_backward, x, made, x, *gradient(g, x), whole(g_last), v, gx, gv, sums,
        scratch(x, made), rate, *sizes(x), made.blocks, leak, rule.threshold, rule.v_reset,
        rule.surrogate.alpha, HAS_V=v is not None, HAS_GV=g_last is not None,
        HAS_RATE=rate is not None, DIVIDE=divide, DECAY_INPUT=rule.decay_input,
        SOFT=rule.reset == "soft", DETACH=rule.detach_reset, CODE=rule.surrogate.code,
    )  # fmt: skip
    return gx, gv, summed(sums, rate)


def ilif(x: Tensor, v: Tensor | None, max_spikes: int, beta: float) -> tuple[Tensor, Tensor | None]:
    """Integer spikes, and the last membrane where v is given."""
    s = torch.empty_like(x)
    if x.numel() == 0:
        return s, _copied(v)
    last = None if v is None else torch.empty_like(v)
    launch(
        ilif_triton.ilif_forward, x, plan("neurons.ilif", x), x, s, v, last, *sizes(x),
        float(beta), float(max_spikes), HAS_V=v is not None,
    )  # fmt: skip
    return s, last


def ilif_backward(
    g: Tensor | None, g_last: Tensor | None, x: Tensor, v: Tensor | None, max_spikes: int,
    beta: float, wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Gradients of x, and of v where given."""
    gx = torch.empty_like(x)
    if x.numel() == 0:
        return gx, _through(g_last, v)
    made = plan("neurons.ilif_backward", x, states=1)
    gv = None if v is None else torch.empty_like(v)
    launch(
        ilif_triton.ilif_backward, x, made, x, *gradient(g, x), whole(g_last), v, gx, gv,
        scratch(x, made), *sizes(x), made.blocks, float(beta), float(max_spikes),
        HAS_V=v is not None, HAS_GV=g_last is not None,
    )  # fmt: skip
    return gx, gv


def readout(
    x: Tensor, v: Tensor | None, rate: Tensor | None, tau: float, decay_input: bool
) -> Tensor:
    """Membranes (T, ...)."""
    y = torch.empty_like(x)
    if x.numel() == 0:
        return y
    leak, divide = leak_for(tau, rate)
    launch(
        readout_triton.readout_forward, x, plan("neurons.readout", x), x, y, v, rate, *sizes(x),
        leak, HAS_V=v is not None, HAS_RATE=rate is not None, DIVIDE=divide,
        DECAY_INPUT=decay_input,
    )  # fmt: skip
    return y


def readout_backward(
    g: Tensor, x: Tensor, y: Tensor | None, v: Tensor | None, rate: Tensor | None, tau: float,
    decay_input: bool, wanted: Wanted,
) -> tuple[Tensor, Tensor | None, Tensor | None]:  # fmt: skip
    """Gradients of x, of v where given, and of 1 / tau where it is learnt and y is given."""
    gx = torch.empty_like(x)
    learnt = rate is not None and y is not None
    if x.numel() == 0:
        return gx, _through(None, v), torch.zeros_like(rate) if learnt else None  # type: ignore[arg-type]
    made = plan("neurons.readout_backward", x)
    gv = None if v is None else torch.empty_like(v)
    sums = x.new_empty(made.blocks, dtype=torch.float32) if learnt else None
    leak, divide = leak_for(tau, rate)
    launch(
        readout_triton.readout_backward, x, made, x, y, *gradient(g, x), v, gx, gv, sums, rate,
        *sizes(x), leak, HAS_V=v is not None, HAS_RATE=rate is not None, LEARN=learnt,
        DIVIDE=divide, DECAY_INPUT=decay_input,
    )  # fmt: skip
    return gx, gv, summed(sums, rate)


def leak_for(tau: float, rate: Tensor | None) -> tuple[float, bool]:
    """As ``leak_of``; a learnt rate stays on the device, and the number here is not used then."""
    return leak_of(tau) if rate is None else (0.0, False)


def whole(values: Tensor | None) -> Tensor | None:
    """The values, contiguous."""
    return None if values is None else values.contiguous()


def gradient(g: Tensor | None, x: Tensor) -> tuple[Tensor, int, int]:
    """The output's gradient with its strides; broadcast gradients stay small."""
    if g is None:
        return x.new_zeros(1), 0, 0
    if not any(g.stride()):
        return g[(0,) * g.ndim].reshape(1), 0, 0
    if g.stride(0) == 0:
        return g[:1].contiguous(), 0, 1
    return g.contiguous(), sizes(x)[1], 1


def summed(sums: Tensor | None, rate: Tensor | None) -> Tensor | None:
    """The gradient of 1 / tau from the blocks' sums, which torch adds in one order."""
    if sums is None or rate is None:
        return None
    return sums.double().sum().to(rate.dtype).reshape(rate.shape)


def _copied(v: Tensor | None) -> Tensor | None:
    return None if v is None else v.clone()


def _through(g_last: Tensor | None, v: Tensor | None) -> Tensor | None:
    """The gradient of v where there was no step: that of the last membrane."""
    if v is None:
        return None
    return torch.zeros_like(v) if g_last is None else g_last.clone()
