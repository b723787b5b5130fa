"""Triton's sparse convolution as a differentiable torch function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurospike.kernels.sparse import gpu
from neurospike.kernels.sparse.rules import Rules


class Convolve(torch.autograd.Function):
    """([T,] n_in, C_in), (K, C_in, C_out), bias or None, rules -> ([T,] n_out, C_out)."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None, rules: Rules
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.rules = rules
        out = gpu.convolve(_steps(features), weight, bias, rules)
        return out if features.ndim == 3 else out[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        grad = _steps(grads[0])
        d_features = d_weight = d_bias = None
        if ctx.needs_input_grad[0]:
            # The weight's strides are exchanged, its values stay where they are.
            back = gpu.convolve(grad, weight.transpose(1, 2), None, ctx.rules.transposed())
            d_features = back if features.ndim == 3 else back[0]
        if ctx.needs_input_grad[1]:
            d_weight = gpu.weight_gradient(_steps(features), grad, ctx.rules)
        if ctx.needs_input_grad[2]:
            d_bias = gpu.column_sums(grad)
        return d_features, d_weight, d_bias, None


def _steps(features: Tensor) -> Tensor:
    """(T, N, C), one step where there is no time, without gaps."""
    return (features if features.ndim == 3 else features[None]).contiguous()
