"""The sparse convolution of numba and Triton as a differentiable torch function.

Backends are "portable", "numba", "triton" and "triton-events", chosen by ``select.py``. The last
differs in its outputs' sums alone: gradients are dense, and go back as those of "triton".
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.errors import ArgumentError
from neurospike.kernels.sparse.rules import Rules

ON_GPU = ("triton", "triton-events")

Grads = tuple[Tensor | None, Tensor | None, Tensor | None]


class Convolve(torch.autograd.Function):
    """([T,] n_in, C_in), (K, C_in, C_out), bias or None, rules, backend -> ([T,] n_out, C_out)."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        rules: Rules,
        backend: str,
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.rules, ctx.backend = rules, backend
        out, ctx.bits = forward(features, weight, bias, rules, backend)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        shares = gradients(grads[0], features, weight, ctx.rules, ctx.backend, wanted, ctx.bits)
        return *shares, None, None


def forward(
    features: Tensor, weight: Tensor, bias: Tensor | None, rules: Rules, backend: str
) -> tuple[Tensor, Any]:
    """Output ([T,] n_out, C_out), and what numba's way back can use again, or None.

    Raises
    ------
    ArgumentError
        Features of other voxels than the map's: kernels would read past their end.
    """
    if features.shape[-2] != rules.n_in:
        raise ArgumentError(
            f"sparse.convolve.features: must have the {rules.n_in} input rows of the kernel map; "
            f"got {features.shape[-2]}. Convolve features on the voxels that the map was built for."
        )
    x, weight = _steps(features.detach()), weight.detach()
    bits = None
    if backend in ON_GPU:
        from neurospike.kernels.sparse import gpu

        if backend == "triton-events":
            out = gpu.convolve_events(gpu.events(x), weight, bias, rules)
        else:
            out = gpu.convolve(x, weight, bias, rules)
    else:
        from neurospike.kernels.sparse import cpu

        out, bits = cpu.convolve(x, weight.contiguous(), rules, fast=backend == "numba")
        if bias is not None:
            out += bias.detach()
    return (out if features.ndim == 3 else out[0]), bits


def gradients(
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    rules: Rules,
    backend: str,
    wanted: tuple[bool, ...],
    bits: Any = None,
) -> Grads:
    """Of features, weight and bias, those that are wanted."""
    grad, x = _steps(grad), _steps(features.detach())
    d_features = d_weight = d_bias = None
    if backend in ON_GPU:
        from neurospike.kernels.sparse import gpu

        if wanted[0]:
            d_features = gpu.feature_gradient(grad, weight.detach(), rules)
        if wanted[1]:
            d_weight = gpu.weight_gradient(x, grad, rules)
        if wanted[2]:
            d_bias = gpu.column_sums(grad)
    else:
        from neurospike.kernels.sparse import cpu

        fast = backend == "numba"
        if wanted[0]:
            turned = weight.detach().transpose(1, 2).contiguous()
            d_features = cpu.convolve(grad, turned, rules.transposed(), fast=fast).out
        if wanted[1]:
            d_weight = cpu.weight_gradient(x, grad, rules, bits=bits, fast=fast)
        if wanted[2]:
            d_bias = cpu.column_sums(grad)
    if d_features is not None and features.ndim == 2:
        d_features = d_features[0]
    return d_features, d_weight, d_bias


def _steps(features: Tensor) -> Tensor:
    """(T, N, C), one step where there is no time, without gaps."""
    return (features if features.ndim == 3 else features[None]).contiguous()
