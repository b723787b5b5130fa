"""The sparse convolution as an operation that torch knows by name, for graphs that it records.

``neurospike::sparse_convolve`` and ``::sparse_convolve_backward``, on numba's kernels or Triton's.
An operation takes tensors alone, so that a kernel map comes as its table of neighbours; what a
backend works out from a table is kept for as long as the table lives. Eager calls take
``autograd.py``, which costs less. This is imported when torch first records a graph.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from neurospike.kernels.sparse import autograd, select
from neurospike.kernels.sparse.rules import Rules

_known: Any = WeakIdKeyDictionary()


def convolve(
    features: Tensor, weight: Tensor, bias: Tensor | None, rules: Rules, backend: str
) -> Tensor:
    """([T,] n_in, C_in) and (K, C_in, C_out) -> ([T,] n_out, C_out), differentiable."""
    if rules.has_table:
        table = rules.table()
    else:
        table = _neighbours(rules.inputs, rules.outputs, rules.bounds, rules.n_out)
    out: Tensor = _convolve(features, weight, bias, table, rules.mirrored, backend)
    return out


@torch.compiler.assume_constant_result
def resolve(name: select.Backend, device: torch.device, dtype: torch.dtype) -> select.Backend:
    """``select.resolve`` while torch records a graph, for every call of it."""
    return select.resolve(name, torch.empty(0, device=device, dtype=dtype))


@torch.library.custom_op("neurospike::neighbours", mutates_args=())
def _neighbours(inputs: Tensor, outputs: Tensor, bounds: Tensor, n_out: int) -> Tensor:
    """The table (K, n_out) of a kernel map's pairs."""
    return Rules(inputs, outputs, bounds, n_in=0, n_out=n_out).table()


@torch.library.custom_op("neurospike::sparse_convolve", mutates_args=())
def _convolve(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: Tensor,
    mirrored: bool,
    backend: str,
) -> Tensor:
    """Output ([T,] n_out, C_out)."""
    rules = _rules(table, features.shape[-2], mirrored)
    return autograd.forward(features, weight, bias, rules, backend)[0]


@torch.library.custom_op("neurospike::sparse_convolve_backward", mutates_args=())
def _backward(
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    table: Tensor,
    mirrored: bool,
    backend: str,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of features, weight and bias; an empty tensor for what is not wanted."""
    rules = _rules(table, features.shape[-2], mirrored)
    found = autograd.gradients(grad, features, weight, rules, backend, tuple(wanted))
    one, two, three = (grad.new_empty(0) if share is None else share for share in found)
    return one, two, three


@_neighbours.register_fake
def _(inputs: Tensor, outputs: Tensor, bounds: Tensor, n_out: int) -> Tensor:
    return inputs.new_empty(bounds.shape[0] - 1, n_out)


@_convolve.register_fake
def _(
    features: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: Tensor,
    mirrored: bool,
    backend: str,
) -> Tensor:
    return features.new_empty(*features.shape[:-2], table.shape[1], weight.shape[2])


@_backward.register_fake
def _(
    grad: Tensor,
    features: Tensor,
    weight: Tensor,
    table: Tensor,
    mirrored: bool,
    backend: str,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    shapes = (features.shape, weight.shape, weight.shape[2:])
    one, two, three = (
        grad.new_empty(shape if asked else (0,))
        for shape, asked in zip(shapes, wanted, strict=True)
    )
    return one, two, three


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    features, weight, _bias, table, ctx.mirrored, ctx.backend = inputs
    ctx.save_for_backward(features, weight, table)


def _differentiate(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wanted = list(ctx.needs_input_grad[:3])
    found = _backward(grad, *ctx.saved_tensors, ctx.mirrored, ctx.backend, wanted)
    shares = (share if asked else None for share, asked in zip(found, wanted, strict=True))
    return *shares, None, None, None


_convolve.register_autograd(_differentiate, setup_context=_keep)


def _rules(table: Tensor, n_in: int, mirrored: bool) -> Rules:
    """The rules of a table, with what was worked out from them before."""
    found = _known.get(table)
    if found is None or found.n_in != n_in:
        # Rules that held the table itself, or a view of it, would keep it, and so themselves.
        found = Rules.from_table(table.data, n_in=n_in, mirrored=mirrored)
        _known[table] = found
    rules: Rules = found
    return rules
