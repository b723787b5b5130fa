"""Kernel maps on a GPU: tables of neighbours, found without a word to the host."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from neurospike.kernels import devices
from neurospike.kernels.sparse import maps_triton as kernels
from neurospike.kernels.sparse.geometry import Geometry
from neurospike.kernels.sparse.rules import Rules

BLOCK = 128
"""Rows of one program."""


def output_coords(coords: Tensor, geometry: Geometry) -> Tensor:
    """int32 (M, 4): every site that at least one input reaches, ascending.

    The host waits once, for the number of sites.
    """
    coords = coords.contiguous()
    g, n = geometry, coords.shape[0]
    common = [math.gcd(s, d) for s, d in zip(g.stride, g.dilation, strict=True)]
    periods = [s // c for s, c in zip(g.stride, common, strict=True)]
    # Windows that tile the grid have one slot: each voxel reaches one site.
    slots = [-(-k // p) for k, p in zip(g.kernel, periods, strict=True)]
    first = [
        pow(d // c, -1, p) for d, c, p in zip(g.dilation, common, periods, strict=True)
    ]  # fmt: skip
    keys = torch.empty(math.prod(slots) * n + 1, dtype=torch.int64, device=coords.device)
    # One key that is absent for certain: the last of the sorted ones need not be looked at.
    keys[-1:].fill_(kernels.ABSENT.value)
    _launch(
        kernels.reached, n, math.prod(slots), coords, keys, n, *g.kernel, *g.stride, *g.padding,
        *g.dilation, *g.out_shape, *common, *first, SLOTS_Y=slots[1], SLOTS_Z=slots[2],
    )  # fmt: skip
    sites = torch.unique(keys)[:-1]
    found = torch.empty(sites.shape[0], 4, dtype=torch.int32, device=coords.device)
    _launch(kernels.coordinates, found.shape[0], 1, sites, found, found.shape[0], *g.out_shape)
    return found


def build_rules(coords_in: Tensor, coords_out: Tensor, geometry: Geometry) -> Rules:
    """Find the neighbour of every output at every offset; the host waits for nothing."""
    g, n_in, n_out = geometry, coords_in.shape[0], coords_out.shape[0]
    mirrored = g.keeps_sites and coords_in is coords_out
    coords_in, coords_out = coords_in.contiguous(), coords_out.contiguous()
    keys = torch.empty(n_in, dtype=torch.int64, device=coords_in.device)
    _launch(kernels.linear_keys, n_in, 1, coords_in, keys, n_in, *g.in_shape)
    table = torch.empty(g.volume, n_out, dtype=torch.int32, device=coords_in.device)
    searched = g.volume // 2 + 1 if mirrored else g.volume  # the others are mirror images
    table[searched:].fill_(-1)
    _launch(
        kernels.neighbours, n_out, -(-searched // g.kernel[2]), keys, coords_out, table,
        n_in, n_out, n_in.bit_length(), searched, g.volume, g.kernel[1], *g.stride, *g.padding,
        *g.dilation, *g.in_shape,
        KERNEL_Z=g.kernel[2], MIRRORED=mirrored, ADJACENT=g.dilation[2] == 1,
    )  # fmt: skip
    return Rules.from_table(table, n_in=n_in, turn=partial(_turned, n_in=n_in), mirrored=mirrored)


def _turned(table: Tensor, n_in: int) -> Tensor:
    """Any map's table (K, n_in) with its sides exchanged."""
    volume, n_out = table.shape
    turned = table.new_full((volume, n_in), -1)
    _launch(kernels.exchanged, n_out, volume, table, turned, n_out, n_in)
    return turned


def _launch(kernel: Any, rows: int, layers: int, first: Tensor, *args: Any, **named: Any) -> None:
    """Run a kernel whose programs take BLOCK rows each, on the device of its first tensor."""
    with devices.on(first, args):
        if rows:
            kernel[(-(-rows // BLOCK), layers)](first, *args, **named, BLOCK=BLOCK)
