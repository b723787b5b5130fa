"""The CPU backends behind one interface: tensors in, tensors out, kernels chosen by density."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from neurospike.kernels.buffers import array, empty
from neurospike.kernels.sparse import micro, portable, tiles
from neurospike.kernels.sparse.rules import Rules

Array = np.ndarray[Any, Any]

_SAMPLE = 256  # rows whose density decides between the dense and the event-driven kernel
_PART_BYTES = 4 << 20  # of all partial weight gradients together, where that leaves enough parts
_TILE_BYTES = 64 << 10  # output rows of one task, which stay in the nearest caches
_BLOCK_BYTES = 256 << 10  # rows of a block of the weight gradient: a share of the L2 cache

# Densities below which skipping zeros is faster, by output channels. Measured: events cost a
# constant more than a dense channel, which narrow rows do not repay.
_CROSSOVER_8 = ((16, 0.1), (32, 0.5), (1 << 30, 0.6))
_CROSSOVER_16 = ((16, 0.05), (32, 0.2), (64, 0.4), (1 << 30, 0.45))


class Summed(NamedTuple):
    """The output of a convolution, and the spikes that its backward can use again."""

    out: Tensor
    bits: Array | None


def runs_fast(dtype: torch.dtype) -> bool:
    """Whether the vector kernels take this dtype on this CPU."""
    return micro.AVAILABLE and dtype == torch.float32


def convolve(x: Tensor, weight: Tensor, rules: Rules, *, fast: bool) -> Summed:
    """(T, n_in, C_in) and (K, C_in, C_out) -> (T, n_out, C_out)."""
    columns = weight.shape[2]
    if not fast:
        out = empty((x.shape[0], rules.n_out, columns), x)
        portable.convolve(x.numpy(), weight.numpy(), *_lists(rules), out.numpy())
        return Summed(out, None)
    from neurospike.kernels.sparse import numba

    weight = _padded(weight)
    out = empty((x.shape[0], rules.n_out, weight.shape[2]), x)
    bits = _spikes(x, columns)
    rows = _TILE_BYTES // (4 * out.shape[2] * tiles.TILE)
    group = max(1, min(rows, rules.n_out // (32 * tiles.TILE)))  # leave tasks to share out
    if bits is None:
        numba.convolve_dense(x.numpy(), weight.numpy(), *_lists(rules), group, out.numpy())
    else:
        numba.convolve_events(x.numpy(), bits, weight.numpy(), *_lists(rules), group, out.numpy())
    return Summed(out if columns == out.shape[2] else out[..., :columns].contiguous(), bits)


def weight_gradient(
    x: Tensor, grad: Tensor, rules: Rules, *, bits: Array | None, fast: bool
) -> Tensor:
    """(T, n_in, C_in) and (T, n_out, C_out) -> (K, C_in, C_out)."""
    c_in, columns = x.shape[2], grad.shape[2]
    if fast:
        grad = _padded(grad)
    shape = (rules.volume, c_in, grad.shape[2])
    if rules.pairs == 0 or x.shape[0] == 0:
        return x.new_zeros(rules.volume, c_in, columns)
    count = _PART_BYTES // (4 * shape[0] * shape[1] * shape[2])
    count = min(max(4, min(count, 32)), -(-rules.n_out // tiles.TILE))
    parts = empty((count, *shape), x)
    if fast:
        from neurospike.kernels.sparse import numba

        group = max(1, _BLOCK_BYTES // (4 * tiles.TILE * (c_in + columns)))
        lists = (*_lists(rules), group, parts.numpy())
        if bits is None:
            numba.weight_parts_dense(x.numpy(), grad.numpy(), *lists)
        else:
            numba.weight_parts_events(x.numpy(), bits, grad.numpy(), *lists)
    else:
        portable.weight_parts(x.numpy(), grad.numpy(), *_lists(rules), parts.numpy())
    total = empty(shape, x)
    tiles.add_parts(parts.reshape(count, -1).numpy(), total.reshape(-1).numpy())
    return total if columns == shape[2] else total[..., :columns].contiguous()


def column_sums(grad: Tensor) -> Tensor:
    """(T, N, C) -> (C,): the gradient of a bias, with the same bits on any number of threads."""
    total = empty(grad.shape[-1:], grad)
    tiles.column_sums(grad.reshape(-1, grad.shape[-1]).numpy(), total.numpy())
    return total


def _spikes(x: Tensor, columns: int) -> Array | None:
    """The non-zero channels as bits, where they are few enough to go by."""
    from neurospike.kernels.sparse import numba

    limit = crossover(columns)
    rows = x.reshape(-1, x.shape[2])
    if tiles.sampled_density(rows.numpy(), _SAMPLE) >= limit:
        return None
    bits = array((x.shape[0], x.shape[1], -(-x.shape[2] // 64)), np.uint64)
    numba.spike_bits(x.numpy(), bits)
    return bits


def crossover(columns: int) -> float:
    """The density below which the event-driven kernel is faster for this many output channels."""
    table = _CROSSOVER_16 if micro.LANES == 16 else _CROSSOVER_8
    return next(limit for width, limit in table if columns <= width)


def _padded(values: Tensor) -> Tensor:
    """The last axis padded with zeros to a multiple of 8, the narrowest vector."""
    missing = -values.shape[-1] % 8
    return torch.nn.functional.pad(values, (0, missing)) if missing else values


def _lists(rules: Rules) -> tuple[Array, Array, Array]:
    """Input rows, output rows and the table of tiles."""
    outputs = rules.outputs.numpy()
    table = rules.derived(
        "tiles",
        lambda: tiles.tile_table(outputs, rules.bounds.numpy(), -(-rules.n_out // tiles.TILE)),
    )
    return rules.inputs.numpy(), outputs, table
