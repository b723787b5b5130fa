"""Triton's kernels behind the interface of ``cpu.py``: tensors in, tensors out, tiles chosen."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from neurospike.kernels import devices
from neurospike.kernels.events import Events
from neurospike.kernels.sparse import events_triton, gpu_plan, gpu_tiles, weights_triton
from neurospike.kernels.sparse import triton as kernels
from neurospike.kernels.sparse.rules import Rules

SCRATCH_BYTES = 1 << 26
"""What partial weight gradients may take, but for one of every offset."""

CHUNKS = (256, 1024)
"""Pairs of a partial weight gradient: at least, so that it reads more rows than it writes sums; and
where that leaves a GPU enough to do."""

_PARTS = 1024  # chunks of the largest possible map that are enough to do
_AT_ONCE = 8  # partial sums whose loads do not wait for one another
_BLOCK = 256
_LISTED = 2048  # channels of a program that lists events


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, rules: Rules, *, opposite: bool = False
) -> Tensor:
    """(T, n_in, C_in) and (K, C_in, C_out) by any strides -> (T, n_out, C_out).

    ``opposite`` multiplies with the weight of the offset that lies as far from the last.
    """
    T, n_in, c_in = x.shape
    c_out = weight.shape[2]
    out = x.new_empty(T, rules.n_out, c_out)
    if out.numel() == 0:
        return out
    bias = None if bias is None else bias.contiguous()
    tile = gpu_tiles.convolution_tile(rules.n_out, c_in, c_out, x.dtype, x.device)
    order, taps = gpu_plan.order(rules), gpu_plan.taps(rules, tile.rows)
    columns = -(-c_out // tile.columns)
    w_k, w_i, w_o = weight.stride()
    if opposite:
        weight, w_k = weight[-1:], -w_k
    grid = (-(-rules.n_out // tile.rows) * T * columns,)
    _launch(
        kernels.convolve, grid, x, weight, bias, order.near, order.rows, taps.offsets, taps.counts,
        out, n_in, rules.n_out, T, columns, -(-c_in // tile.depth),
        c_in, c_out, rules.volume, w_k, w_i, w_o,
        HAS_BIAS=bias is not None, PRECISION=gpu_tiles.precision(x.dtype),
        BLOCK_M=tile.rows, BLOCK_N=tile.columns, BLOCK_K=tile.depth,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return out


def feature_gradient(grad: Tensor, weight: Tensor, rules: Rules) -> Tensor:
    """(T, n_out, C_out) and (K, C_in, C_out) -> (T, n_in, C_in): the same kernel the other way.

    The weight's strides are exchanged, its values stay where they are. The other way through a
    mirrored map are the opposite offsets, so that no second one is made.
    """
    turned = weight.transpose(1, 2)
    if rules.mirrored:
        return convolve(grad, turned, None, rules, opposite=True)
    return convolve(grad, turned, None, rules.transposed())


def events(x: Tensor) -> Events:
    """The non-zero channels of (..., C), listed on its device."""
    found = Events.empty(x, binary=False)
    rows, c_in = found.channels.shape
    width = devices.power_of_two(c_in)
    height = max(1, _LISTED // width)
    if rows:
        _launch(
            events_triton.list_events, (-(-rows // height),), x.contiguous(), found.counts,
            found.channels, found.values, rows, c_in, BLOCK_M=height, BLOCK_C=width,
        )  # fmt: skip
    return found


def convolve_events(spikes: Events, weight: Tensor, bias: Tensor | None, rules: Rules) -> Tensor:
    """Events of (T, n_in, C_in) and (K, C_in, C_out) by any strides -> (T, n_out, C_out)."""
    T = math.prod(spikes.shape[:-2])
    n_in, c_in = spikes.shape[-2:]
    c_out = weight.shape[2]
    out = weight.new_empty(T, rules.n_out, c_out)
    if out.numel() == 0:
        return out
    bias = None if bias is None else bias.contiguous()
    tile = gpu_tiles.event_tile(c_out)
    order, taps = gpu_plan.order(rules), gpu_plan.taps(rules, tile.rows)
    columns = -(-c_out // tile.columns)
    _launch(
        events_triton.convolve_events, (-(-rules.n_out // tile.rows) * T * columns,),
        spikes.counts, spikes.channels, spikes.values, weight, bias, order.near, order.rows,
        taps.offsets, taps.counts, out, n_in, rules.n_out, T, columns,
        c_in, c_out, rules.volume, *weight.stride(),
        HAS_VALUES=spikes.values is not None, HAS_BIAS=bias is not None,
        BLOCK_M=tile.rows, BLOCK_N=tile.columns, num_warps=tile.warps,
    )  # fmt: skip
    return out


def weight_gradient(x: Tensor, grad: Tensor, rules: Rules) -> Tensor:
    """(T, n_in, C_in) and (T, n_out, C_out) -> (K, C_in, C_out)."""
    T, n_in, c_in = x.shape
    n_out, c_out = grad.shape[1:]
    K, size = rules.volume, c_in * c_out
    out = x.new_empty(K, c_in, c_out)
    if min(T, n_in, n_out) == 0:
        return out.zero_()
    tile = gpu_tiles.weight_tile(n_out, c_in, c_out, x.dtype, x.device)
    chunk = _chunk(K, K * n_out * T, 4 * size)
    pairs, chunks = gpu_plan.pairs(rules), gpu_plan.chunks(rules, T, chunk)
    parts = x.new_empty((chunks.owner.shape[0], c_in, c_out), dtype=torch.float32)
    tiles_i, tiles_o = -(-c_in // tile.rows), -(-c_out // tile.columns)
    _launch(
        weights_triton.weight_parts, (parts.shape[0] * tiles_i * tiles_o,),
        x, grad, pairs.inputs, pairs.outputs, pairs.counts, chunks.first, chunks.owner, parts,
        n_in, n_out, T, chunk, tiles_i, tiles_o, c_in, c_out, K,
        PRECISION=gpu_tiles.precision(x.dtype),
        BLOCK_R=tile.depth, BLOCK_I=tile.rows, BLOCK_O=tile.columns,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    blocks = -(-size // _BLOCK)
    _launch(
        weights_triton.add_parts, (K * blocks,), parts, chunks.first, out, size, blocks,
        AT_ONCE=_AT_ONCE, BLOCK=_BLOCK,
    )  # fmt: skip
    return out


def column_sums(grad: Tensor) -> Tensor:
    """(T, N, C) -> (C,): the gradient of a bias; torch adds in an order fixed by the shape."""
    return grad.sum((0, 1), dtype=torch.float32).to(grad.dtype)


def _chunk(volume: int, pairs: int, part_bytes: int) -> int:
    """Pairs of a chunk, of all that there could be, so that the partial sums fit their scratch."""
    spare = max(SCRATCH_BYTES // part_bytes - volume, 1)
    enough = max(CHUNKS[0], min(CHUNKS[1], pairs // _PARTS))
    return min(max(enough, -(-pairs // spare)), 1 << 30)


def _launch(kernel: Any, grid: tuple[int, ...], x: Tensor, *args: Any, **constants: Any) -> None:
    """Run a kernel on the device of its first tensor."""
    with devices.on(x, args):
        kernel[grid](x, *args, **constants)
