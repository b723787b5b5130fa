"""From a wiring to pairs of sites: for dense grids by arithmetic, for voxels by kernel maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Projection, Space
from neurospike.hw.sites import site_count
from neurospike.hw.wiring import (
    Edges,
    Pairs,
    Pointwise,
    Pooled,
    Submanifold,
    Taps,
    Transposed,
    Whole,
    Window,
    Wiring,
)
from neurospike.sparse import ActiveSet
from neurospike.sparse.kernel_map import KernelMap, strided_map, submanifold_map

Ints = NDArray[Any]


def pairs_of(
    projection: Projection, network: Network, sets: list[ActiveSet] | None = None
) -> Pairs:
    """Find which site meets which, at which tap, for the voxels of one sample.

    Parameters
    ----------
    projection
        One of the network's.
    sets
        The occupied voxels of every level, from ``active_sets``; not needed without voxels.

    Raises
    ------
    ArgumentError
        A wiring that does not fit the two populations, or voxels without ``sets``.

    Cost
    ----
    O(sites * taps) at the first call, then a look-up: pairs of voxels stay on the source's set.
    """
    source = network.population(projection.source).space
    target = network.population(projection.target).space
    sets = [] if sets is None else sets
    for space in (source, target):
        if space.level is not None and space.level >= len(sets):
            raise ArgumentError(
                f"hw.pairs_of.sets: {projection.name} needs the voxels of level {space.level}; "
                f"got {len(sets)} sets. Find them with active_sets(network, x)."
            )
    if source.level is None:
        if target.level is not None:
            raise _misfit(projection.wiring, source, target)
        return _dense_pairs(projection.wiring, source.shape, target.shape)
    active = sets[source.level]
    # Keyed by shape: levels of equal shape that this set leads to by one wiring are one level.
    key = ("pairs", projection.wiring, target.shape, target.level is None)
    return active.cached(key, lambda: _voxel_pairs(projection.wiring, source, target, sets))


@lru_cache(maxsize=64)
def _dense_pairs(wiring: Wiring, source: Edges, target: Edges) -> Pairs:
    sites = np.indices(source).reshape(len(source), math.prod(source)).T
    return _arithmetic(wiring, sites, source, target)


def _voxel_pairs(wiring: Wiring, source: Space, target: Space, sets: list[ActiveSet]) -> Pairs:
    active = sets[source.level or 0]
    sites = active.coords[:, 1:].numpy().astype(np.int64)
    if target.level is None:
        return _arithmetic(wiring, sites, source.shape, target.shape)
    if isinstance(wiring, (Pointwise, Taps)):
        if source.level != target.level:
            raise _misfit(wiring, source, target)
        return _onto_itself(len(active), wiring.count if isinstance(wiring, Taps) else 1)
    found, window = _kernel_map(wiring, source, target, sets)
    visited = _visited(wiring if isinstance(wiring, Transposed) else window, sites, target.shape)
    return _from_map(found, site_count(target, sets), visited)


def _kernel_map(
    wiring: Wiring, source: Space, target: Space, sets: list[ActiveSet]
) -> tuple[KernelMap, Window]:
    """The map between two levels, and the window behind it."""
    active, reached = sets[source.level or 0], sets[target.level or 0]
    if isinstance(wiring, Submanifold) and source.level == target.level:
        window = _centred(wiring)
        return submanifold_map(active, _three(wiring.kernel), _three(wiring.dilation)), window
    window = wiring.window if isinstance(wiring, Transposed) else wiring  # type: ignore[assignment]
    if isinstance(window, Window):
        finer = reached if isinstance(wiring, Transposed) else active
        geometry = (window.kernel, window.stride, window.padding, window.dilation)
        found = strided_map(finer, *(_three(edges) for edges in geometry))
        coarser = active if isinstance(wiring, Transposed) else reached
        if found.out_active.same_voxels(coarser):
            return (found.transposed() if isinstance(wiring, Transposed) else found), window
    raise _misfit(wiring, source, target)


def _from_map(found: KernelMap, targets: int, visited: Ints) -> Pairs:
    """Sort the pairs of a map by source; within a source they stay in the order of the taps."""
    rules = found.rules
    inputs, outputs = rules.inputs.numpy(), rules.outputs.numpy()
    tap = np.repeat(np.arange(rules.volume, dtype=np.int32), np.diff(rules.bounds.numpy()))
    # A stable sort merges one ascending run a tap.
    order = np.argsort(inputs, kind="stable")
    counts = np.bincount(inputs, minlength=rules.n_in)
    return _pairs(counts, tap[order], outputs[order], rules.volume, targets, visited)


def _arithmetic(wiring: Wiring, sites: Ints, source: Edges, target: Edges) -> Pairs:
    """Pairs onto a dense grid, from any sites: coordinates (N, axes) on a grid of ``source``."""
    n, targets = len(sites), math.prod(target)
    if isinstance(wiring, Pooled):
        return _pooled(wiring, sites, source, target)
    if isinstance(wiring, Whole):
        if targets != 1:
            raise _misfit(wiring, source, target)
        tap = _linear(sites, source)
        return _pairs(np.ones(n, np.int64), tap, np.zeros(n), math.prod(source), 1)
    if isinstance(wiring, (Pointwise, Taps)):
        if source != target:
            raise _misfit(wiring, source, target)
        count = wiring.count if isinstance(wiring, Taps) else 1
        tap = np.tile(np.arange(count), n)
        at = np.repeat(_linear(sites, source), count)
        return _pairs(np.full(n, count), tap, at, count, targets)
    window = _centred(wiring) if isinstance(wiring, Submanifold) else wiring
    plain, reach = _reach(window)
    # A window over a whole column ends in one plane, which need not be an axis of the target.
    target = (*target, *(1,) * (len(source) - len(target)))
    if not len(plain.kernel) == len(source) == len(target):
        raise _misfit(wiring, source, target)
    # A window is a product of its axes: (N, taps so far) of targets, axis by axis.
    site: NDArray[Any] = np.zeros((n, 1), np.int64)
    inside: NDArray[Any] = np.ones((n, 1), bool)
    for axis, edge in enumerate(target):
        q, ok = reach(plain, sites[:, axis], axis, edge)
        taps = site.shape[1] * q.shape[1]
        site = (site[:, :, None] * edge + q[:, None, :]).reshape(n, taps)
        inside = (inside[:, :, None] & ok[:, None, :]).reshape(n, taps)
    _, tap = np.nonzero(inside)
    return _pairs(inside.sum(1), tap, site[inside], site.shape[1], targets)


def _pooled(wiring: Pooled, sites: Ints, source: Edges, target: Edges) -> Pairs:
    """Pairs of the coarser grid, for every finer site that lies in one of its windows."""
    if len(wiring.window) != len(source):
        raise _misfit(wiring, source, target)
    window = np.array(wiring.window, np.int64)
    coarse = tuple(edge // w for edge, w in zip(source, wiring.window, strict=True))
    moved = sites // window
    kept = (moved < np.array(coarse, np.int64)).all(1)
    found = _arithmetic(wiring.then, moved[kept], coarse, target)
    counts, visited = np.zeros((2, len(sites)), np.int64)
    counts[kept] = np.diff(found.offsets)
    visited[kept] = found.visited
    return _pairs(counts, found.tap, found.target, found.taps, found.targets, visited)


def _reached(window: Window, column: Ints, axis: int, edge: int) -> tuple[Ints, NDArray[np.bool_]]:
    """(N, k) targets along one axis, and which exist: q = (p + padding - tap * dilation) / s."""
    taps = np.arange(window.kernel[axis]) * window.dilation[axis]
    q, rest = np.divmod(column[:, None] + window.padding[axis] - taps, window.stride[axis])
    return q, (rest == 0) & (q >= 0) & (q < edge)


def _reached_transposed(
    window: Window, column: Ints, axis: int, edge: int
) -> tuple[Ints, NDArray[np.bool_]]:
    """The same with the sides exchanged: q = p * s - padding + tap * dilation."""
    taps = np.arange(window.kernel[axis]) * window.dilation[axis]
    q = column[:, None] * window.stride[axis] - window.padding[axis] + taps
    return q, (q >= 0) & (q < edge)


def _reach(wiring: Window | Transposed) -> tuple[Window, Callable[..., Any]]:
    """The window, and what an axis of it reaches."""
    if isinstance(wiring, Transposed):
        return wiring.window, _reached_transposed
    return wiring, _reached


def _visited(wiring: Window | Transposed, sites: Ints, shape: Edges) -> Ints:
    """Taps inside the target's grid, a site; the product of the axes."""
    window, reach = _reach(wiring)
    counts = np.ones(len(sites), np.int64)
    for axis, edge in enumerate(shape):
        counts *= reach(window, sites[:, axis], axis, edge)[1].sum(1)
    return counts


def _onto_itself(sites: int, count: int) -> Pairs:
    counts = np.full(sites, count, np.int64)
    tap = np.tile(np.arange(count), sites)
    return _pairs(counts, tap, np.repeat(np.arange(sites), count), count, sites)


def _pairs(
    counts: NDArray[Any],
    tap: NDArray[Any],
    target: NDArray[Any],
    taps: int,
    targets: int,
    visited: Ints | None = None,
) -> Pairs:
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return Pairs(
        offsets,
        np.ascontiguousarray(tap, dtype=np.int32),
        np.ascontiguousarray(target, dtype=np.int32),
        taps,
        targets,
        counts.astype(np.int64) if visited is None else visited,
    )


def _centred(wiring: Submanifold) -> Window:
    padding = tuple(d * (k - 1) // 2 for d, k in zip(wiring.dilation, wiring.kernel, strict=True))
    return Window(wiring.kernel, (1,) * len(padding), padding, wiring.dilation)


def _linear(sites: Ints, shape: Edges) -> Ints:
    """(N,) row-major numbers of coordinates (N, axes)."""
    at = np.zeros(len(sites), np.int64)
    for axis, edge in enumerate(shape):
        at = at * edge + sites[:, axis]
    return at


def _three(edges: Edges) -> tuple[int, int, int]:
    x, y, z = edges
    return x, y, z


def _misfit(wiring: Wiring, source: object, target: object) -> ArgumentError:
    return ArgumentError(
        f"Projection.wiring: must fit both populations; got {wiring} from {source} to {target}."
    )
