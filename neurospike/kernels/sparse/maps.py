"""Kernel maps on the CPU: sorted keys with a halo, merged column by column.

A column is one (x, y) tap; its z taps are neighbours in key order, so one linear merge of the
output keys against the input keys finds all of them. No hash, no atomics, and pair lists that
come out sorted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.kernels.buffers import array
from neurospike.kernels.sparse.geometry import Geometry, Triple
from neurospike.kernels.sparse.rules import Rules
from neurospike.kernels.sparse.tiles import JIT
from neurospike.kernels.threads import one_at_a_time

Array = np.ndarray[Any, Any]

_CHUNK = 4096  # output rows of one task; fixed, so that lists do not depend on the threads


def output_coords(coords: Tensor, geometry: Geometry) -> Tensor:
    """int32 (M, 4): every site that at least one input reaches, ascending."""
    if coords.shape[0] == 0:
        return coords.new_empty(0, 4)
    g = geometry
    sites = coords.numpy()
    if g.kernel == g.stride and g.padding == (0, 0, 0) and g.dilation == (1, 1, 1):
        keys = _blocks(sites, g.stride, g.out_shape)
    else:
        keys = _reached(sites, g.kernel, g.stride, g.padding, g.dilation, g.out_shape)
    keys.sort()
    return torch.from_numpy(_unravel_unique(keys, g.out_shape))


def build_rules(coords_in: Tensor, coords_out: Tensor, geometry: Geometry) -> Rules:
    """Find the pairs of every offset by merging sorted keys."""
    g = geometry
    n_in, n_out = coords_in.shape[0], coords_out.shape[0]
    low, grid = _halo(g, int(coords_in[-1, 0]) + 1 if n_in else 1)
    mirrored = g.keeps_sites and coords_in is coords_out
    keys = array((n_in + 1,), np.int64)
    _keys(coords_in.numpy(), (1, 1, 1), low, grid, keys)
    ends = keys
    if not mirrored:
        ends = array((n_out + 1,), np.int64)
        _keys(coords_out.numpy(), g.stride, low, grid, ends)
    found = g.volume // 2 if mirrored else g.volume  # the other half are mirror images
    rows_in, rows_out = array((found, n_out), np.int32), array((found, n_out), np.int32)
    counts = _find(keys, ends[:-1], g.kernel, g.dilation, g.padding, grid, rows_in, rows_out)
    bounds = _bounds(counts, n_out, g.volume, mirrored)
    pairs = int(bounds[-1])
    inputs, outputs = array((pairs,), np.int32), array((pairs,), np.int32)
    _join(rows_in, rows_out, counts, bounds, mirrored, inputs, outputs)
    return Rules(
        torch.from_numpy(inputs),
        torch.from_numpy(outputs),
        torch.from_numpy(bounds),
        n_in=n_in,
        n_out=n_out,
    )


def _halo(g: Geometry, batch: int) -> tuple[Triple, Triple]:
    """How far taps reach before the grid, and the edges of the grid with both halos."""
    edges = []
    cells = batch
    for axis in range(3):
        last = (g.out_shape[axis] - 1) * g.stride[axis] - g.padding[axis]
        last += g.dilation[axis] * (g.kernel[axis] - 1)
        edges.append(g.padding[axis] + max(g.in_shape[axis], last + 1))
        cells *= edges[-1]
    if cells >= 2**63 - 1:
        raise ArgumentError(
            f"SubmanifoldConv3d.kernel_size: {g.kernel} with dilation {g.dilation} on the grid "
            f"{g.in_shape} x batch {batch} exceeds the key range of 2^63 cells; use a smaller "
            "window or batch, or a coarser voxel size."
        )
    return g.padding, (edges[0], edges[1], edges[2])


@njit(**JIT)
def _keys(coords, scale, low, grid, keys):  # type: ignore[no-untyped-def]
    """Keys of ``coords * scale`` in the grid with halos, and a sentinel above all of them."""
    n = coords.shape[0]
    for i in range(n):
        key = np.int64(coords[i, 0]) * grid[0] + np.int64(coords[i, 1]) * scale[0] + low[0]
        key = key * grid[1] + np.int64(coords[i, 2]) * scale[1] + low[1]
        keys[i] = key * grid[2] + np.int64(coords[i, 3]) * scale[2] + low[2]
    keys[n] = np.iinfo(np.int64).max


@one_at_a_time
@njit(parallel=True, **JIT)
def _find(keys, base, kernel, dilation, padding, grid, rows_in, rows_out):  # type: ignore[no-untyped-def]
    """Pairs of the first offsets, a segment for each chunk of output rows; their counts."""
    found, n_out = rows_in.shape
    chunks = max((n_out + _CHUNK - 1) // _CHUNK, 1)
    columns = (found + kernel[2] - 1) // kernel[2]
    counts = np.zeros((found, chunks), np.int64)
    for index in prange(columns * chunks):
        task = np.int64(index)  # prange counts unsigned, which promotes to float
        column = task // chunks
        part = task % chunks
        shift = (column // kernel[1]) * dilation[0] - padding[0]
        shift = shift * grid[1] + (column % kernel[1]) * dilation[1] - padding[1]
        shift = shift * grid[2] - padding[2]
        offset = column * kernel[2]
        taps = min(kernel[2], found - offset)
        first = part * _CHUNK
        last = min(first + _CHUNK, n_out)
        into = (rows_in, rows_out, counts)
        if taps == 3 and dilation[2] == 1:
            _merge_three(keys, base, shift, offset, first, last, part, into)
        else:
            _merge_any(keys, base, shift, offset, taps, dilation[2], first, last, part, into)
    return counts


@njit(**JIT)
def _bounds(counts, n_out, volume, mirrored):  # type: ignore[no-untyped-def]
    """Where each offset's list begins; with ``mirrored``, of the centre and the mirror images."""
    found = counts.shape[0]
    bounds = np.zeros(volume + 1, np.int64)
    for k in range(volume):
        size = n_out
        if k < found:
            size = int(counts[k].sum())
        elif k > volume // 2 or not mirrored:
            size = int(counts[volume - 1 - k].sum())
        bounds[k + 1] = bounds[k] + size
    return bounds


@one_at_a_time
@njit(parallel=True, **JIT)
def _join(rows_in, rows_out, counts, bounds, mirrored, inputs, outputs):  # type: ignore[no-untyped-def]
    """Close the gaps between segments; with ``mirrored``, add the centre and the mirror images."""
    found, n_out = rows_in.shape
    volume = bounds.shape[0] - 1
    for index in prange(volume):
        tap = np.int64(index)
        at = bounds[tap]
        if mirrored and tap == found:
            for i in range(n_out):
                inputs[at + i] = i
                outputs[at + i] = i
            continue
        source = tap if tap < found else volume - 1 - tap
        ahead = rows_in if tap < found else rows_out
        behind = rows_out if tap < found else rows_in
        for part in range(counts.shape[1]):
            low = part * _CHUNK
            length = counts[source, part]
            inputs[at : at + length] = ahead[source, low : low + length]
            outputs[at : at + length] = behind[source, low : low + length]
            at += length


@njit(**JIT)
def _first_at_least(keys, wanted):  # type: ignore[no-untyped-def]
    low = 0
    high = keys.shape[0] - 1
    while low < high:
        mid = (low + high) // 2
        if keys[mid] < wanted:
            low = mid + 1
        else:
            high = mid
    return low


@njit(**JIT)
def _merge_three(  # type: ignore[no-untyped-def]
    keys, base, shift, offset, first, last, part, into
):
    """Three adjacent z taps in one pass, without a branch on what was found."""
    if first >= last:
        return
    rows_in, rows_out, counts = into
    j = _first_at_least(keys, base[first] + shift)
    a = b = c = first
    n = keys.shape[0] - 1
    for i in range(first, last):
        wanted = base[i] + shift
        while keys[j] < wanted:
            j += 1
        hit = np.int64(keys[j] == wanted)
        rows_in[offset, a] = j
        rows_out[offset, a] = i
        a += hit
        at = min(j + hit, n)
        hit = np.int64(keys[at] == wanted + 1)
        rows_in[offset + 1, b] = at
        rows_out[offset + 1, b] = i
        b += hit
        at = min(at + hit, n)
        hit = np.int64(keys[at] == wanted + 2)
        rows_in[offset + 2, c] = at
        rows_out[offset + 2, c] = i
        c += hit
    counts[offset, part] = a - first
    counts[offset + 1, part] = b - first
    counts[offset + 2, part] = c - first


@njit(**JIT)
def _merge_any(  # type: ignore[no-untyped-def]
    keys, base, shift, offset, taps, step, first, last, part, into
):
    """Any number of z taps, ``step`` keys apart."""
    if first >= last:
        return
    rows_in, rows_out, counts = into
    j = _first_at_least(keys, base[first] + shift)
    n = keys.shape[0] - 1
    span = (taps - 1) * step
    for i in range(first, last):
        wanted = base[i] + shift
        while keys[j] < wanted:
            j += 1
        q = j
        while q < n and keys[q] - wanted <= span:
            distance = keys[q] - wanted
            tap = distance // step
            if tap * step == distance:
                k = offset + tap
                m = first + counts[k, part]
                rows_in[k, m] = q
                rows_out[k, m] = i
                counts[k, part] += 1
            q += 1


@njit(**JIT)
def _blocks(coords, stride, shape):  # type: ignore[no-untyped-def]
    """Key of the one site that each input reaches, where windows tile the grid."""
    n = coords.shape[0]
    keys = np.empty(n, np.int64)
    m = 0
    for i in range(n):
        x = coords[i, 1] // stride[0]
        y = coords[i, 2] // stride[1]
        z = coords[i, 3] // stride[2]
        if x < shape[0] and y < shape[1] and z < shape[2]:
            key = np.int64(coords[i, 0]) * shape[0] + x
            key = (key * shape[1] + y) * shape[2] + z
            if m == 0 or keys[m - 1] != key:
                keys[m] = key
                m += 1
    return keys[:m]


@njit(**JIT)
def _reached(coords, kernel, stride, padding, dilation, shape):  # type: ignore[no-untyped-def]
    """Keys of every site that an input reaches, with repetitions."""
    n = coords.shape[0]
    most = 1
    for axis in range(3):
        most *= min(kernel[axis], (dilation[axis] * (kernel[axis] - 1)) // stride[axis] + 1)
    keys = np.empty(n * most, np.int64)
    sites = np.empty((3, max(kernel)), np.int64)
    counts = np.empty(3, np.int64)
    m = 0
    for i in range(n):
        for axis in range(3):
            counts[axis] = 0
            for tap in range(kernel[axis]):
                reach = coords[i, axis + 1] + padding[axis] - tap * dilation[axis]
                site = reach // stride[axis]
                if site * stride[axis] == reach and 0 <= site < shape[axis]:
                    sites[axis, counts[axis]] = site
                    counts[axis] += 1
        for a in range(counts[0]):
            row = np.int64(coords[i, 0]) * shape[0] + sites[0, a]
            for b in range(counts[1]):
                line = row * shape[1] + sites[1, b]
                for c in range(counts[2]):
                    keys[m] = line * shape[2] + sites[2, c]
                    m += 1
    return keys[:m]


@njit(**JIT)
def _unravel_unique(keys, shape):  # type: ignore[no-untyped-def]
    """Rows (batch, i, j, k) of the distinct keys of an ascending list."""
    coords = np.empty((keys.shape[0], 4), np.int32)
    m = 0
    for i in range(keys.shape[0]):
        key = keys[i]
        if i == 0 or key != keys[i - 1]:
            rest = key // shape[2]
            coords[m, 3] = key - rest * shape[2]
            key = rest // shape[1]
            coords[m, 2] = rest - key * shape[1]
            rest = key // shape[0]
            coords[m, 1] = key - rest * shape[0]
            coords[m, 0] = rest
            m += 1
    return coords[:m].copy()
