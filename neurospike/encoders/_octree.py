"""Voxel coordinates as bytes: occupancy octrees, deflated.

A node of a level holds the next bit of each axis that still has one, so it has up to eight
children, and one byte says which of them are occupied. Levels follow one another from the root,
the samples of a batch are the roots. A scan takes 5 to 7 bits a voxel, where sorted keys, delta
coded and deflated, take 7 to 9.

Source: geometry octrees as in Schnabel and Klein, "Octree-based Point-Cloud Compression", SPBG
2006, without the prediction of planes.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import DataError

Ints = NDArray[np.int64]
Shape3 = tuple[int, int, int]

_TREE_BITS = 62  # wider grids, unheard of in practice, are stored as deflated key deltas
_DEFLATE_LEVEL = 6


def pack_coords(coords: Ints, shape: Shape3, batch_size: int) -> tuple[str, bytes]:
    """Name of the coding and the bytes of ascending rows (batch, i, j, k)."""
    axis_bits = _axis_bits(shape)
    sample_bits = max(batch_size - 1, 0).bit_length()
    if sum(axis_bits) + sample_bits > _TREE_BITS:
        keys = _linear_keys(coords, shape)
        return "deltas", _deflate(np.diff(keys, prepend=0).astype("<i8").tobytes())
    nodes = np.sort(_interleave(coords, axis_bits))
    levels = []
    for width in reversed(_widths(axis_bits)):
        parents = nodes >> width
        first = np.flatnonzero(np.diff(parents, prepend=-1))
        child = np.left_shift(1, nodes & ((1 << width) - 1))
        if len(nodes):
            levels.append(np.bitwise_or.reduceat(child, first).astype(np.uint8).tobytes())
        nodes = parents[first]
    roots = np.zeros(batch_size, np.uint8)
    roots[nodes] = 1
    levels.append(np.packbits(roots).tobytes())
    return "octree", _deflate(b"".join(reversed(levels)))


def unpack_coords(
    coding: str, content: bytes, shape: Shape3, batch_size: int, voxels: int
) -> NDArray[np.int32]:
    """Ascending rows (batch, i, j, k) again.

    Raises
    ------
    DataError
        Bytes that do not decode to ``voxels`` rows.
    """
    axis_bits = _axis_bits(shape)
    if coding == "deltas":
        deltas = np.frombuffer(_inflate(content, 8 * voxels), "<i8")
        keys = np.cumsum(deltas, dtype=np.int64)
        coords = np.stack(np.unravel_index(keys, (max(batch_size, 1), *shape)), axis=1)
        return _checked(coords, voxels).astype(np.int32)
    if coding != "octree":
        raise DataError(f"svc.coords: the coding must be 'octree' or 'deltas'; got {coding!r}.")
    root_bytes = -(-batch_size // 8)
    longest = root_bytes + voxels * len(_widths(axis_bits))
    data = np.frombuffer(_inflate(content, longest), np.uint8)
    if len(data) < root_bytes:
        raise DataError("svc.coords: the octree has too few roots; the file is damaged.")
    nodes = np.flatnonzero(np.unpackbits(data[:root_bytes], count=batch_size)).astype(np.int64)
    at = root_bytes
    for width in _widths(axis_bits):
        occupied = data[at : at + len(nodes)]
        at += len(nodes)
        if len(occupied) < len(nodes):
            raise DataError("svc.coords: the octree ends too early; the file is damaged.")
        children = np.unpackbits(occupied[:, None], axis=1, bitorder="little")[:, : 1 << width]
        parent, child = np.nonzero(children)
        nodes = (nodes[parent] << width) | child
    coords = _checked(_separate(nodes, axis_bits), voxels)
    if (coords[:, 1:] >= np.array(shape)).any():
        raise DataError("svc.coords: a voxel lies outside the grid; the file is damaged.")
    return coords[np.argsort(_linear_keys(coords, shape))].astype(np.int32)


def _axis_bits(shape: Shape3) -> Shape3:
    x, y, z = ((edge - 1).bit_length() for edge in shape)
    return x, y, z


def _widths(axis_bits: Shape3) -> list[int]:
    """Axes that each level splits, from the root down: flat grids split z only near the leaves."""
    levels = range(max(axis_bits) - 1, -1, -1)
    return [sum(bits > level for bits in axis_bits) for level in levels]


def _interleave(coords: Ints, axis_bits: Shape3) -> Ints:
    nodes = coords[:, 0].copy()
    for level in range(max(axis_bits) - 1, -1, -1):
        for axis in range(3):
            if axis_bits[axis] > level:
                nodes = (nodes << 1) | ((coords[:, axis + 1] >> level) & 1)
    return nodes


def _separate(nodes: Ints, axis_bits: Shape3) -> Ints:
    coords = np.zeros((len(nodes), 4), np.int64)
    for level in range(max(axis_bits)):
        for axis in (2, 1, 0):
            if axis_bits[axis] > level:
                coords[:, axis + 1] |= (nodes & 1) << level
                nodes = nodes >> 1
    coords[:, 0] = nodes
    return coords


def _linear_keys(coords: Ints, shape: Shape3) -> Ints:
    x, y, z = shape
    return ((coords[:, 0] * x + coords[:, 1]) * y + coords[:, 2]) * z + coords[:, 3]


def _checked(coords: Ints, voxels: int) -> Ints:
    if len(coords) != voxels:
        raise DataError(
            f"svc.coords: {voxels} voxels were announced and {len(coords)} are there; "
            "the file is damaged."
        )
    return coords


def _deflate(content: bytes) -> bytes:
    return zlib.compress(content, _DEFLATE_LEVEL)


def _inflate(content: bytes, longest: int) -> bytes:
    """Inflate at most ``longest`` bytes, so that a hostile file cannot fill the memory."""
    machine: Any = zlib.decompressobj()
    try:
        plain: bytes = machine.decompress(content, longest + 1)
    except zlib.error as error:
        raise DataError(f"svc.coords: {error}; the file is damaged.") from error
    if len(plain) > longest or not machine.eof:
        raise DataError("svc.coords: longer than announced; the file is damaged.")
    return plain
