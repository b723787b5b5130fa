"""The set of occupied voxels that tensors share, and the cache of kernel maps built on it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from neurospike.errors import ArgumentError

Shape3 = tuple[int, int, int]
Built = TypeVar("Built")

_EDGE_LIMIT = 2**31 - 1  # coordinates are int32
_KEY_LIMIT = 2**62  # keys carry a one-voxel halo; the top bit stays free for offsets


class ActiveSet:
    """Sorted, unique voxel coordinates of a batch, and whatever was derived from them.

    Shared by reference: every tensor on the set meets the same cached kernel maps.

    Attributes
    ----------
    coords
        int32 (N, 4), rows (batch, i, j, k) in ascending order.
    stride
        Edge of one voxel in voxels of the input grid.
    parent
        The finer set that a strided convolution came from, or None.
    """

    __slots__ = (
        "__weakref__",
        "_cache",
        "batch_size",
        "coords",
        "parent",
        "spatial_shape",
        "stride",
    )

    def __init__(
        self,
        coords: Tensor,
        spatial_shape: Shape3,
        batch_size: int,
        *,
        stride: Shape3 = (1, 1, 1),
        parent: ActiveSet | None = None,
    ) -> None:
        self.coords = coords
        self.spatial_shape = spatial_shape
        self.batch_size = batch_size
        self.stride = stride
        self.parent = parent
        self._cache: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return self.coords.shape[0]

    def cached(self, key: Hashable, build: Callable[[], Built]) -> Built:
        """Return what was built under ``key`` on this set, building it at the first call."""
        if key not in self._cache:
            self._cache[key] = build()
        found: Built = self._cache[key]
        return found

    @property
    def keys(self) -> Tensor:
        """int64 (N,) linear keys, ascending."""
        return self.cached("keys", lambda: linear_keys(self.coords, self.spatial_shape))

    @property
    def sample_bounds(self) -> Tensor:
        """int64 (batch_size + 1,): rows ``bounds[b]:bounds[b + 1]`` belong to sample b."""

        def build() -> Tensor:
            samples = torch.arange(self.batch_size + 1, device=self.coords.device)
            return torch.searchsorted(self.coords[:, 0].contiguous().long(), samples)

        return self.cached("sample_bounds", build)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the voxels alone: maps are rebuilt on first use."""
        return _restored, (
            self.coords, self.spatial_shape, self.batch_size, self.stride, self.parent,
        )  # fmt: skip

    def seed(self) -> _Seed:
        """Everything but the parent, to make the same set again, cache and all."""
        return _Seed(self.coords, self.spatial_shape, self.batch_size, self.stride, self._cache)

    @classmethod
    def from_seed(cls, seed: _Seed, *, parent: ActiveSet) -> ActiveSet:
        """The set that ``seed`` was taken from."""
        made = cls(
            seed.coords, seed.spatial_shape, seed.batch_size, stride=seed.stride, parent=parent
        )
        made._cache = seed.cache
        return made

    def same_voxels(self, other: ActiveSet) -> bool:
        """Whether both sets hold the same voxels of the same grid."""
        return self is other or (
            self.spatial_shape == other.spatial_shape
            and self.batch_size == other.batch_size
            and self.stride == other.stride
            and (self.coords is other.coords or torch.equal(self.coords, other.coords))
        )

    def to(self, device: torch.device | str) -> ActiveSet:
        """The same set on another device; maps are rebuilt there on first use."""
        coords = self.coords.to(device)
        if coords is self.coords:
            return self
        parent = None if self.parent is None else self.parent.to(device)
        return ActiveSet(
            coords,
            self.spatial_shape,
            self.batch_size,
            stride=self.stride,
            parent=parent,
        )


class _Seed(NamedTuple):
    coords: Tensor
    spatial_shape: Shape3
    batch_size: int
    stride: Shape3
    cache: dict[Hashable, Any]


def _restored(
    coords: Tensor, shape: Shape3, batch_size: int, stride: Shape3, parent: ActiveSet | None
) -> ActiveSet:
    return ActiveSet(coords, shape, batch_size, stride=stride, parent=parent)


def linear_keys(coords: Tensor, spatial_shape: Shape3) -> Tensor:
    """int64 (N,) row-major keys of (batch, i, j, k); ascending keys are ascending rows."""
    x, y, z = spatial_shape
    c = coords.long()
    return ((c[:, 0] * x + c[:, 1]) * y + c[:, 2]) * z + c[:, 3]


def check_grid(owner: str, coords: Tensor, spatial_shape: Shape3, batch_size: int) -> None:
    """Raise unless coords are integers (N, 4), on a grid whose keys fit in int64."""
    if coords.ndim != 2 or coords.shape[1] != 4 or coords.dtype.is_floating_point:
        raise ArgumentError(
            f"{owner}.coords: must be integers of shape (N, 4) as (batch, i, j, k); "
            f"got {coords.dtype} of shape {tuple(coords.shape)}."
        )
    if len(spatial_shape) != 3 or min(spatial_shape) < 1:
        raise ArgumentError(
            f"{owner}.spatial_shape: must be three positive edges; got {spatial_shape}."
        )
    if batch_size < 0:
        raise ArgumentError(f"{owner}.batch_size: must be 0 or more; got {batch_size}.")
    if max(*spatial_shape, batch_size) > _EDGE_LIMIT:
        raise ArgumentError(
            f"{owner}.spatial_shape: edges and batch must fit int32 coordinates; got "
            f"{spatial_shape} x batch {batch_size}; use a coarser voxel size."
        )
    cells = max(batch_size, 1)
    for edge in spatial_shape:
        cells *= edge + 2
    if cells >= _KEY_LIMIT:
        raise ArgumentError(
            f"{owner}.spatial_shape: {spatial_shape} x batch {batch_size} exceeds the key range "
            "of 2^62 cells; use a coarser voxel size or a smaller batch."
        )


def checked_set(owner: str, coords: Tensor, spatial_shape: Shape3, batch_size: int) -> ActiveSet:
    """The set of rows that ``check_grid`` let pass; raise unless they ascend inside the grid.

    The values are read back once, together: a GPU is waited for once.
    """
    active = ActiveSet(coords.to(torch.int32).contiguous(), spatial_shape, batch_size)
    if len(active) == 0:
        return active
    unordered = (active.keys.diff() <= 0).any()[None]
    low, high, (broken, *_) = (
        torch.cat([coords.amin(0), coords.amax(0), unordered.expand(4)]).view(3, 4).tolist()
    )
    limits = (batch_size, *spatial_shape)
    if min(low) < 0 or any(h >= limit for h, limit in zip(high, limits, strict=True)):
        raise ArgumentError(
            f"{owner}.coords: rows must lie in [0, {limits}); got minimum {tuple(low)} and "
            f"maximum {tuple(high)}. Crop the points, or enlarge spatial_shape or batch_size."
        )
    if broken:
        raise _unordered(owner, active)
    return active


def _unordered(owner: str, active: ActiveSet) -> ArgumentError:
    steps, coords = active.keys.diff(), active.coords
    at = int((steps <= 0).nonzero()[0, 0])
    duplicate = int(steps[at]) == 0
    kind = "duplicate" if duplicate else "unsorted"
    remedy = (
        "merge duplicates, for instance with encoders.Voxelizer"
        if duplicate
        else f"use {owner}.from_unsorted"
    )
    return ArgumentError(
        f"{owner}.coords: rows must be ascending and unique; rows {at} and {at + 1} are {kind}: "
        f"{coords[at].tolist()}, {coords[at + 1].tolist()}; {remedy}."
    )
