"""Choose a backend for a multi-step neuron: "auto", "numba", "triton" or "reference".

"auto" takes the fused kernels where they apply, and the reference elsewhere: numba's on CPU
tensors of float32 or float64, Triton's on CUDA tensors of float32, bfloat16 or float16, both with
a built-in surrogate. A named backend never falls back. Where torch records operations instead of
running them, LIF, ILIF and the readout are the operations of ``ops.py``; an export takes the
reference.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import Parameter

from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.functional.surrogate import Surrogate
from neurospike.kernels.devices import triton_obstacle
from neurospike.kernels.events import Events
from neurospike.kernels.neurons import adaptive_reference, cuba_reference, reference

Backend = Literal["auto", "numba", "reference", "triton"]
_BACKENDS = get_args(Backend)

_DTYPES: dict[str, tuple[torch.dtype, ...]] = {
    "numba": (torch.float32, torch.float64),
    "triton": (torch.float32, torch.bfloat16, torch.float16),
}


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
    name = _resolve(backend, x, rule.surrogate)
    if name == "reference":
        s, last = reference.lif(x, _first(x, v, rule.v_reset), rule, rate)
        return s, None if v is None else last
    order = _order(name, x, v)
    if order is not None:
        turned, _ = lif(x.permute(order), None, rule, rate=rate, backend=backend)
        return turned.permute(_inverse(order)), None
    if _dispatched(x):
        from neurospike.kernels.neurons import ops

        return ops.lif(x, v, rate, rule)
    from neurospike.kernels.neurons import autograd

    fused: tuple[Tensor, Tensor | None] = autograd.LIF.apply(x, v, rate, rule, _passes(name))  # type: ignore[no-untyped-call]
    return fused


def ilif(
    x: Tensor, v: Tensor | None, *, max_spikes: int, beta: float, backend: Backend = "auto"
) -> tuple[Tensor, Tensor | None]:
    """x (T, ...), v (...) or None for rest -> integer spikes, last membrane if v is given.

    The spikes lie in memory as x does.
    """
    name = _resolve(backend, x)
    if name == "reference":
        s, last = reference.ilif(x, _first(x, v, 0.0), max_spikes=max_spikes, beta=beta)
        return s, None if v is None else last
    order = memory_order(x) if v is None else None
    if order is not None:
        turned, _ = ilif(x.permute(order), None, max_spikes=max_spikes, beta=beta, backend=backend)
        return turned.permute(_inverse(order)), None
    if _dispatched(x):
        from neurospike.kernels.neurons import ops

        return ops.ilif(x, v, max_spikes, beta)
    from neurospike.kernels.neurons import autograd

    fused: tuple[Tensor, Tensor | None] = autograd.ILIF.apply(x, v, max_spikes, beta, _passes(name))  # type: ignore[no-untyped-call]
    return fused


def lif_events(
    x: Tensor,
    v: Tensor | None,
    rule: LIFRule,
    *,
    rate: Tensor | None = None,
    backend: Backend = "auto",
) -> tuple[Tensor, Tensor | None, Events]:
    """As ``lif`` on x (T, ..., C), and which channels fired in which row.

    Triton's kernel lists them as it fires; elsewhere they are read from the spikes.
    """
    if _resolve(backend, x, rule.surrogate) == "triton" and not _dispatched(x):
        from neurospike.kernels.neurons import autograd, gpu_events

        emitting = gpu_events.Emitting()
        fired = autograd.LIF.apply(x, v, rate, rule, emitting)  # type: ignore[no-untyped-call]
        return *fired, emitting.take()
    s, last = lif(x, v, rule, rate=rate, backend=backend)
    return s, last, Events.of(s, binary=True)


def ilif_events(
    x: Tensor, v: Tensor | None, *, max_spikes: int, beta: float, backend: Backend = "auto"
) -> tuple[Tensor, Tensor | None, Events]:
    """As ``ilif`` on x (T, ..., C), and how often which channels fired in which row."""
    if _resolve(backend, x) == "triton" and not _dispatched(x):
        from neurospike.kernels.neurons import autograd, gpu_events

        emitting = gpu_events.Emitting()
        fired = autograd.ILIF.apply(x, v, max_spikes, beta, emitting)  # type: ignore[no-untyped-call]
        return *fired, emitting.take()
    s, last = ilif(x, v, max_spikes=max_spikes, beta=beta, backend=backend)
    return s, last, Events.of(s)


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
    name = _resolve(backend, x)
    if name == "reference":
        first = _first(x, v, 0.0)
        return reference.readout(x, first, tau=tau, decay_input=decay_input, rate=rate)[0]
    order = _order(name, x, v)
    if order is not None:
        turned = readout(
            x.permute(order), None, tau=tau, decay_input=decay_input, rate=rate, backend=backend
        )
        return turned.permute(_inverse(order))
    if _dispatched(x):
        from neurospike.kernels.neurons import ops

        return ops.readout(x, v, rate, tau, decay_input)
    from neurospike.kernels.neurons import autograd

    fused: Tensor = autograd.Readout.apply(x, v, rate, tau, decay_input, _passes(name))  # type: ignore[no-untyped-call]
    return fused


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
    name = _resolve(backend, x, rule.surrogate, eager=True)
    if name != "reference":
        from neurospike.kernels.neurons import autograd

        passes = _module(name, cpu="adaptive_cpu", gpu="adaptive_gpu")
        fused: tuple[Tensor, ...] = autograd.SeveralStates.apply(  # type: ignore[no-untyped-call]
            x, gains, rule, passes, *(states or ())
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
    name = _resolve(backend, x, rule.surrogate, eager=True, real=rule.scale == 0)
    if name != "reference":
        from neurospike.kernels.neurons import autograd

        passes = _module(name, cpu="cuba_cpu", gpu="cuba_gpu")
        fused: tuple[Tensor, ...] = autograd.SeveralStates.apply(  # type: ignore[no-untyped-call]
            x, keep, rule, passes, *(states or ())
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


def _order(name: Backend, x: Tensor, v: Tensor | None) -> tuple[int, ...] | None:
    """How to turn x for a GPU, so that nothing is copied; None to take it as it is."""
    return memory_order(x) if name == "triton" and v is None else None


def _resolve(
    backend: Backend,
    x: Tensor,
    surrogate: Surrogate | None = None,
    *,
    eager: bool = False,
    real: bool = True,
) -> Backend:
    """The backend that runs: what was named, or what "auto" takes for this tensor.

    ``eager`` says that no operation is registered with torch, so that none may be recorded;
    ``real`` that states are not a chip's integers, which Triton's kernels do not know.
    """
    if backend not in _BACKENDS:
        raise ArgumentError(
            f"neurons.backend: must be one of {', '.join(_BACKENDS)}; got {backend!r}."
        )
    if backend == "reference":
        return backend
    if backend == "auto":
        name: Backend = "triton" if x.device.type == "cuda" else "numba"
        return name if _obstacle(name, x, surrogate, eager, real) is None else "reference"
    obstacle = _obstacle(backend, x, surrogate, eager, real)
    if obstacle is not None:
        other = "numba" if backend == "triton" else "reference"
        raise BackendUnavailableError(
            f"neurons.backend: {backend!r} needs {obstacle}. Use 'auto' or {other!r}."
        )
    return backend


def _obstacle(
    name: Backend, x: Tensor, surrogate: Surrogate | None, eager: bool, real: bool
) -> str | None:
    """What keeps the kernels of "numba" or "triton" from running on x, or None."""
    found = triton_obstacle(x) if name == "triton" else _cpu_obstacle(x)
    if found is not None:
        return found
    if x.dtype not in _DTYPES[name]:
        return f"{_named(_DTYPES[name])}; got {x.dtype}"
    if surrogate is not None and surrogate.code is None:
        return f"a built-in surrogate; got {surrogate}"
    if name == "triton" and not real:
        return "real arithmetic; got integer_decay"
    if name == "triton" and x.device.type == "cpu" and _dispatched(x):
        return "CUDA tensors in a compiled graph; got device cpu"  # where numba's kernels would run
    if eager and _dispatched(x):
        return "eager mode; got a compiled graph"
    if _exporting():
        return "eager mode or torch.compile; got an export, whose readers know torch alone"
    return None


def _cpu_obstacle(x: Tensor) -> str | None:
    return None if x.device.type == "cpu" else f"CPU tensors; got device {x.device}"


def _named(dtypes: tuple[torch.dtype, ...]) -> str:
    *some, last = (str(dtype).removeprefix("torch.") for dtype in dtypes)
    return f"{', '.join(some)} or {last}"


def _exporting() -> bool:
    # Before torch 2.7 an export cannot be told from a compiled graph.
    exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)
    return bool(exporting())


def _dispatched(x: Tensor) -> bool:
    """Whether torch must see an operation: compiled graphs, and tensors without memory."""
    return torch.compiler.is_compiling() or type(x) not in (Tensor, Parameter)


def _passes(name: Backend) -> Any:
    return _module(name, cpu="cpu", gpu="gpu")


def _module(name: Backend, *, cpu: str, gpu: str) -> Any:
    """The module of a backend's kernels, imported when it is first chosen."""
    return import_module(f"neurospike.kernels.neurons.{gpu if name == 'triton' else cpu}")
