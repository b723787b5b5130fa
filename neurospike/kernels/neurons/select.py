"""Choose a backend for a multi-step neuron: "auto", "numba", "triton" or "reference".

"auto" takes the fused kernels where they apply (CPU, float32 or float64, a built-in surrogate)
and the reference elsewhere. "triton" has LIF and ILIF, on CUDA tensors; "auto" does not take it
before it has been measured on a GPU. A named backend never falls back.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.functional.surrogate import Surrogate
from neurospike.kernels.devices import triton_obstacle
from neurospike.kernels.neurons import adaptive_reference, cuba_reference, reference

Backend = Literal["auto", "numba", "reference", "triton"]

_DTYPES = (torch.float32, torch.float64)
_GPU_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def lif(
    x: Tensor,
    v: Tensor | None,
    rule: LIFRule,
    *,
    rate: Tensor | None = None,
    backend: Backend = "auto",
) -> tuple[Tensor, Tensor | None]:
    """x (T, ...), v (...) or None for rest -> spikes, and the last membrane where v is given.

    ``rate`` is 1 / tau as a tensor of one element, where it is learnt.
    """
    if _on_gpu(backend, x, rule.surrogate):
        from neurospike.kernels.neurons import gpu_autograd

        fired: tuple[Tensor, Tensor | None] = gpu_autograd.LIF.apply(x, v, rate, rule)  # type: ignore[no-untyped-call]
        return fired
    if _fused(backend, _obstacle(x, rule.surrogate)):
        from neurospike.kernels.neurons import autograd

        fused: tuple[Tensor, Tensor | None] = autograd.LIF.apply(x, v, rate, rule)  # type: ignore[no-untyped-call]
        return fused
    s, last = reference.lif(x, _first(x, v, rule.v_reset), rule, rate)
    return s, None if v is None else last


def ilif(
    x: Tensor, v: Tensor | None, *, max_spikes: int, beta: float, backend: Backend = "auto"
) -> tuple[Tensor, Tensor | None]:
    """x (T, ...), v (...) or None for rest -> integer spikes, last membrane if v is given.

    The spikes lie in memory as x does.
    """
    if _on_gpu(backend, x):
        from neurospike.kernels.neurons import gpu_autograd

        fired: tuple[Tensor, Tensor | None] = gpu_autograd.ILIF.apply(x, v, max_spikes, beta)  # type: ignore[no-untyped-call]
        return fired
    if _fused(backend, _obstacle(x)):
        order = memory_order(x) if v is None else None
        if order is not None:
            turned, _ = ilif(x.permute(order), None, max_spikes=max_spikes, beta=beta)
            return turned.permute(_inverse(order)), None
        from neurospike.kernels.neurons import autograd

        fused: tuple[Tensor, Tensor | None] = autograd.ILIF.apply(x, v, max_spikes, beta)  # type: ignore[no-untyped-call]
        return fused
    s, last = reference.ilif(x, _first(x, v, 0.0), max_spikes=max_spikes, beta=beta)
    return s, None if v is None else last


def readout(
    x: Tensor,
    v: Tensor | None,
    *,
    tau: float,
    decay_input: bool,
    rate: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """x (T, ...), v (...) or None for rest -> membranes (T, ...)."""
    if _fused(backend, _obstacle(x)):
        from neurospike.kernels.neurons import autograd

        fused: Tensor = autograd.Readout.apply(x, v, rate, tau, decay_input)  # type: ignore[no-untyped-call]
        return fused
    first = _first(x, v, 0.0)
    return reference.readout(x, first, tau=tau, decay_input=decay_input, rate=rate)[0]


def adaptive(
    x: Tensor,
    states: tuple[Tensor, ...] | None,
    gains: Tensor,
    rule: AdaptiveRule,
    *,
    backend: Backend = "auto",
) -> tuple[Tensor, tuple[Tensor, ...] | None]:
    """x (T, ..., C), states or None for rest -> spikes, and the last states if some were given.

    ``gains`` (4, C) holds alpha, beta, a and b of each neuron.
    """
    if _fused(backend, _obstacle(x, rule.surrogate)):
        from neurospike.kernels.neurons import adaptive_autograd

        fused: tuple[Tensor, ...] = adaptive_autograd.Adaptive.apply(  # type: ignore[no-untyped-call]
            x, gains, rule, *(states or ())
        )
        return fused[0], fused[1:] if states else None
    first = states or (x.new_zeros(x.shape[1:]),) * rule.states
    s, last = adaptive_reference.adaptive(x, first, gains.to(x.dtype), rule)
    return s, last if states else None


def cuba(
    x: Tensor,
    states: tuple[Tensor, ...] | None,
    keep: Tensor,
    rule: CubaRule,
    *,
    backend: Backend = "auto",
) -> tuple[Tensor, tuple[Tensor, ...] | None]:
    """x (T, ...), states (i, v) or None for rest -> spikes, and the last states if given.

    ``keep`` (2,) is what current and membrane keep from step to step, of x's dtype.
    """
    if _fused(backend, _obstacle(x, rule.surrogate)):
        from neurospike.kernels.neurons import cuba_autograd

        fused: tuple[Tensor, ...] = cuba_autograd.Cuba.apply(  # type: ignore[no-untyped-call]
            x, keep, rule, *(states or ())
        )
        return fused[0], fused[1:] if states else None
    i, v = states or (x.new_zeros(x.shape[1:]),) * 2
    s, last = cuba_reference.cuba(x, (i, v), keep, rule)
    return s, last if states else None


def memory_order(x: Tensor) -> tuple[int, ...] | None:
    """Axes after the first in the order of memory, where that makes x (T, ...) contiguous.

    None where x is so already, or has gaps. Neurons know no neighbours, so that images with their
    channels side by side need not be copied.
    """
    if x.is_contiguous():
        return None
    order = (0, *sorted(range(1, x.ndim), key=x.stride, reverse=True))
    return order if x.permute(order).is_contiguous() else None


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _first(x: Tensor, v: Tensor | None, rest: float) -> Tensor:
    return x.new_full(x.shape[1:], rest) if v is None else v


def _obstacle(x: Tensor, surrogate: Surrogate | None = None) -> str | None:
    """What keeps the fused kernels from running on x, or None."""
    if x.device.type != "cpu":
        return f"CPU tensors; got device {x.device}"
    if x.dtype not in _DTYPES:
        return f"float32 or float64; got {x.dtype}"
    if torch.compiler.is_compiling():
        return "eager mode; got a compiled graph"
    if surrogate is not None and surrogate.code is None:
        return f"a built-in surrogate; got {surrogate}"
    return None


def _on_gpu(backend: Backend, x: Tensor, surrogate: Surrogate | None = None) -> bool:
    """Whether Triton's kernels were asked for by name, and can run on x."""
    if backend != "triton":
        return False
    obstacle = triton_obstacle(x)
    if obstacle is None and x.dtype not in _GPU_DTYPES:
        obstacle = f"float32, bfloat16 or float16; got {x.dtype}"
    if obstacle is None and surrogate is not None and surrogate.code is None:
        obstacle = f"a built-in surrogate; got {surrogate}"
    if obstacle is not None:
        raise BackendUnavailableError(
            f"neurons.backend: 'triton' needs {obstacle}. Use 'auto' or 'numba'."
        )
    return True


def _fused(backend: Backend, obstacle: str | None) -> bool:
    if backend == "auto":
        return obstacle is None
    if backend == "reference":
        return False
    if backend == "numba":
        if obstacle is not None:
            raise BackendUnavailableError(
                f"neurons.backend: 'numba' needs {obstacle}. Use 'auto' or 'reference'."
            )
        return True
    if backend == "triton":
        raise BackendUnavailableError(
            "neurons.backend: 'triton' has kernels for LIF and ILIF alone. Use 'auto' or 'numba'."
        )
    raise ArgumentError(
        f"neurons.backend: must be one of {', '.join(get_args(Backend))}; got {backend!r}."
    )
