"""How Triton's convolutions share out a kernel map, worked out on its device and kept with it.

Nothing here waits for the device: no size depends on what the map holds.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from neurospike.kernels.devices import current
from neurospike.kernels.sparse import triton as kernels
from neurospike.kernels.sparse import weights_triton
from neurospike.kernels.sparse.rules import Rules

_BLOCK = 256


class Order(NamedTuple):
    """Output rows in the order in which tiles take them.

    Attributes
    ----------
    rows
        int32 (n_out,), rows with neighbours at the same offsets one after the other.
    near
        int32 (K, n_out), the input row that ``rows[i]`` meets at each offset, or -1.
    """

    rows: Tensor
    near: Tensor


class Taps(NamedTuple):
    """The offsets at which a tile's rows have neighbours.

    Attributes
    ----------
    offsets
        int32 (tiles, K), ascending; what follows the last means nothing.
    counts
        int32 (tiles,), how many there are.
    """

    offsets: Tensor
    counts: Tensor


class Pairs(NamedTuple):
    """The pairs of each offset, in rows that are as long as there could be pairs.

    Attributes
    ----------
    inputs, outputs
        int32 (K, n_out), the pairs first, ascending; what follows them means nothing.
    counts
        int32 (K,), how many there are.
    """

    inputs: Tensor
    outputs: Tensor
    counts: Tensor


class Chunks(NamedTuple):
    """Pairs of all steps cut into pieces, no piece across two offsets.

    Attributes
    ----------
    first
        int32 (K + 1,), the first piece of each offset.
    owner
        int32 (pieces,), the offset of each piece; K of what there could be and is not.
    """

    first: Tensor
    owner: Tensor


def order(rules: Rules) -> Order:
    """Rows sorted by the offsets at which they have neighbours.

    A tile computes every offset that one of its rows needs. On surfaces with 5 neighbours of 27 a
    tile of 64 rows computes 5.0 times what its pairs need as the rows come, 2.7 times when they are
    sorted; a strided 2 x 2 x 2 convolution 4.4 and 1.2 times, its inverse 6.2 times and once.
    Sorting by the bits of the offsets is spconv's and TorchSparse++'s way (arXiv:2311.12862).
    """
    found: Order = rules.derived("order", lambda: _order(rules.table().contiguous()))
    return found


def taps(rules: Rules, rows: int) -> Taps:
    """Offsets of each tile of so many rows."""
    found: Taps = rules.derived(f"taps {rows}", lambda: _taps(order(rules).near, rows))
    return found


def pairs(rules: Rules) -> Pairs:
    """The table's pairs, offset by offset."""
    found: Pairs = rules.derived("padded pairs", lambda: _pairs(rules.table().contiguous()))
    return found


def chunks(rules: Rules, steps: int, size: int) -> Chunks:
    """Cut the pairs of ``steps`` steps into pieces of ``size``."""
    name = f"chunks {steps} {size}"
    found: Chunks = rules.derived(name, lambda: _chunks(rules, steps, size))
    return found


def _order(table: Tensor) -> Order:
    volume, n_out = table.shape
    bits = table.new_empty(n_out, dtype=torch.int64)
    if n_out:
        grid = (-(-n_out // _BLOCK),)
        with current(table.device):
            kernels.neighbour_bits[grid](table, bits, n_out, volume, BLOCK=_BLOCK)
    rows = bits.argsort(stable=True)
    return Order(rows.int(), table.index_select(1, rows))


def _taps(near: Tensor, rows: int) -> Taps:
    volume, n_out = near.shape
    tiles = -(-n_out // rows)
    offsets, counts = near.new_empty(tiles, volume), near.new_empty(tiles)
    if tiles:
        with current(near.device):
            kernels.tile_taps[(tiles,)](near, offsets, counts, n_out, volume, BLOCK_M=rows)
    return Taps(offsets, counts)


def _pairs(table: Tensor) -> Pairs:
    volume, n_out = table.shape
    place = (table >= 0).cumsum(1, dtype=torch.int32)
    inputs, outputs = torch.empty_like(table), torch.empty_like(table)
    if n_out == 0:
        return Pairs(inputs, outputs, table.new_zeros(volume))
    with current(table.device):
        weights_triton.list_pairs[(-(-n_out // _BLOCK), volume)](
            table, place, inputs, outputs, n_out, BLOCK=_BLOCK
        )
    return Pairs(inputs, outputs, place[:, -1].clone())


def _chunks(rules: Rules, steps: int, size: int) -> Chunks:
    counts = pairs(rules).counts.long() * steps
    last = ((counts + (size - 1)) // size).cumsum(0)
    first = torch.cat([last.new_zeros(1), last]).int()
    most = rules.volume + rules.volume * rules.n_out * steps // size
    owner = torch.searchsorted(
        last, torch.arange(most, device=last.device), right=True, out_int32=True
    )
    return Chunks(first, owner)
