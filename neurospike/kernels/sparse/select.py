"""Chooses the backend of the sparse kernels, and binds them to autograd.

* ``reference``: torch on any device and dtype, differentiated by autograd;
* ``portable``: plain numba on any CPU, float32 and float64;
* ``numba``: vector kernels on CPUs with AVX2 and FMA, float32;
* ``triton``: kernel maps and convolutions on CUDA tensors, float32, bfloat16 and float16;
* ``triton-events``: as ``triton``, but outputs add up the channels that fired, one by one, instead
  of multiplying all of them. How few must fire for that to be faster has not been measured on any
  GPU, and to count them would wait for the device: ``auto`` does not take it;
* ``auto``: the fastest of these that takes the tensors, which on a GPU is ``triton``.

Float32 is multiplied exactly in Triton, unless torch's own products may round it to tf32:
``torch.backends.cuda.matmul.fp32_precision = "tf32"`` or ``torch.set_float32_matmul_precision``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.kernels import events
from neurospike.kernels.devices import triton_obstacle
from neurospike.kernels.sparse import reference
from neurospike.kernels.sparse.geometry import Geometry
from neurospike.kernels.sparse.rules import Rules

Backend = Literal["auto", "reference", "portable", "numba", "triton", "triton-events"]

_GPU_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_chosen: ContextVar[Backend] = ContextVar("neurospike_sparse_backend", default="auto")

_latest: Backend = "auto"
"""What ``_chosen`` holds in the thread that set it last: torch records graphs anew where this
changes, and does not see into context variables."""


@contextmanager
def backend(name: Backend) -> Iterator[None]:
    """Run the sparse kernels inside the block on a named backend, which never falls back.

    Raises
    ------
    ArgumentError
        An unknown name.
    """
    if name not in get_args(Backend):
        raise ArgumentError(
            f"sparse.backend.name: must be one of {', '.join(get_args(Backend))}; got {name!r}."
        )
    global _latest
    before, _latest = _latest, name
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)
        _latest = before


def output_coords(coords: Tensor, geometry: Geometry) -> Tensor:
    """int32 (M, 4): every site that at least one input reaches, ascending."""
    found: Tensor = _maps(coords).output_coords(coords, geometry)
    return found


def build_rules(coords_in: Tensor, coords_out: Tensor, geometry: Geometry) -> Rules:
    """Find which input row meets which output row at every kernel offset.

    Raises
    ------
    BackendUnavailableError
        Triton by name, where it cannot run on these tensors.
    """
    rules: Rules = _maps(coords_in).build_rules(coords_in, coords_out, geometry)
    return rules


def convolve(features: Tensor, weight: Tensor, bias: Tensor | None, rules: Rules) -> Tensor:
    """([T,] n_in, C_in) and (K, C_in, C_out) -> ([T,] n_out, C_out), differentiable.

    Raises
    ------
    BackendUnavailableError
        A named backend that does not take these tensors.
    """
    if torch.compiler.is_compiling():
        from neurospike.kernels.sparse import ops

        name = ops.resolve(_latest, features.device, features.dtype)
        if name != "reference":
            return ops.convolve(features, weight, bias, rules, name)
    else:
        name = resolve(_chosen.get(), features)
    if name == "reference":
        plain = reference.convolve(features, weight, rules)
        return plain if bias is None else plain + bias
    from neurospike.kernels.sparse import autograd

    apply: Any = autograd.Convolve.apply
    out: Tensor = apply(features, weight, bias, rules, name)
    return out


def _maps(coords: Tensor) -> Any:
    """The module that makes maps of these coordinates."""
    name, on_cpu = _chosen.get(), coords.device.type == "cpu"
    if name == "triton-events":
        name = "triton"
    obstacle = triton_obstacle(coords)
    if name == "triton" and obstacle is not None:
        raise BackendUnavailableError(
            f"sparse.backend: 'triton' needs {obstacle}. Use 'auto' or 'reference'."
        )
    if name == "triton" or (name == "auto" and not on_cpu and obstacle is None):
        from neurospike.kernels.sparse import maps_gpu

        return maps_gpu
    if name == "reference" or not on_cpu:
        return reference
    from neurospike.kernels.sparse import maps

    return maps


def resolve(name: Backend, features: Tensor) -> Backend:
    """The backend that convolves these features, where ``name`` was chosen."""
    if name == "reference":
        return name
    if name in ("triton", "triton-events") or (name == "auto" and features.device.type == "cuda"):
        return _on_gpu(name, features)
    takes = features.device.type == "cpu" and features.dtype in (torch.float32, torch.float64)
    if not takes:
        if name == "auto":
            return "reference"
        raise BackendUnavailableError(
            f"{name!r} needs float32 or float64 tensors on the CPU; got {features.dtype} on "
            f"{features.device}. Use 'auto' or 'reference'."
        )
    if name == "portable":
        return name
    from neurospike.kernels.sparse import cpu

    if cpu.runs_fast(features.dtype):
        return "numba"
    if name == "auto":
        return "portable"
    raise BackendUnavailableError(
        f"'numba' needs float32 tensors and a CPU with AVX2 and FMA; got {features.dtype}. "
        "Use 'auto' or 'portable'."
    )


def _on_gpu(name: Backend, features: Tensor) -> Backend:
    obstacle = triton_obstacle(features)
    if obstacle is None and features.dtype not in _GPU_DTYPES:
        obstacle = f"float32, bfloat16 or float16; got {features.dtype}"
    if name == "triton-events" and obstacle is None and features.shape[-1] > events.LARGEST:
        obstacle = f"at most {events.LARGEST} channels; got {features.shape[-1]}"
    if name == "auto":
        return "triton" if obstacle is None else "reference"
    if obstacle is None:
        return name
    raise BackendUnavailableError(
        f"sparse.backend: {name!r} needs {obstacle}. Use 'auto' or 'reference'."
    )
