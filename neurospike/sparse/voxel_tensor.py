"""Features on the occupied voxels of a batch of grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.sparse.active_set import ActiveSet, Shape3, check_grid, checked_set, linear_keys


class VoxelTensor:
    """Features on the occupied voxels of ``batch_size`` grids.

    Parameters
    ----------
    coords
        int32 (N, 4), rows (batch, i, j, k), ascending and unique; (i, j, k) = (x, y, z) unless
        a data set says otherwise.
    features
        (N, C), one time step, or (T, N, C), one active set for all T steps.
    spatial_shape
        Edges (X, Y, Z) of the grid, in voxels.
    batch_size
        Samples in the batch; a sample without voxels is legal.

    Raises
    ------
    ArgumentError
        Rows that are duplicate, unsorted or out of range, or features that do not match.

    Cost
    ----
    O(N) to check; ``from_unsorted`` sorts first. A GPU is waited for once.

    Examples
    --------
    >>> import torch
    >>> coords = torch.tensor([[0, 0, 0, 1], [0, 2, 1, 0]], dtype=torch.int32)
    >>> VoxelTensor(coords, torch.ones(2, 3), (4, 4, 4), batch_size=1)
    VoxelTensor(voxels=2, features=(2, 3), spatial_shape=(4, 4, 4), batch_size=1)
    """

    __slots__ = ("active", "features", "one_step", "virtual_steps")

    active: ActiveSet
    features: Tensor
    virtual_steps: int
    """Unary events per integer step along T: D where spikes are expanded, else 1."""
    one_step: bool
    """Whether unary events came from features (N, C) and collapse to that shape again."""

    def __init__(
        self, coords: Tensor, features: Tensor, spatial_shape: Sequence[int], batch_size: int
    ) -> None:
        shape = _shape3(spatial_shape)
        check_grid("VoxelTensor", coords, shape, batch_size)
        self.active = checked_set("VoxelTensor", coords, shape, batch_size)
        self.virtual_steps = 1
        self.one_step = False
        self.features = _check_features(features, len(self.active))

    @classmethod
    def from_unsorted(
        cls, coords: Tensor, features: Tensor, spatial_shape: Sequence[int], batch_size: int
    ) -> VoxelTensor:
        """Sort the rows, features with them, then build; duplicates still raise."""
        shape = _shape3(spatial_shape)
        check_grid("VoxelTensor", coords, shape, batch_size)
        _check_features(features, coords.shape[0])
        order = torch.argsort(linear_keys(coords, shape))
        return cls(coords[order], features.index_select(-2, order), shape, batch_size)

    @classmethod
    def on(
        cls,
        active: ActiveSet,
        features: Tensor,
        *,
        virtual_steps: int = 1,
        one_step: bool = False,
    ) -> VoxelTensor:
        """Features on a set that is already known to be valid; nothing is sorted or searched."""
        tensor = cls.__new__(cls)
        tensor.active = active
        tensor.features = _check_features(features, len(active))
        tensor.virtual_steps = virtual_steps
        tensor.one_step = one_step
        return tensor

    def replace(self, features: Tensor) -> VoxelTensor:
        """Other features on the same active set, and with it the same kernel maps."""
        return VoxelTensor.on(
            self.active, features, virtual_steps=self.virtual_steps, one_step=self.one_step
        )

    @property
    def coords(self) -> Tensor:
        """int32 (N, 4) rows (batch, i, j, k)."""
        return self.active.coords

    @property
    def spatial_shape(self) -> Shape3:
        """Edges (X, Y, Z) of the grid, in voxels."""
        return self.active.spatial_shape

    @property
    def batch_size(self) -> int:
        """Samples in the batch, empty ones included."""
        return self.active.batch_size

    @property
    def stride(self) -> Shape3:
        """Edge of one voxel in voxels of the input grid."""
        return self.active.stride

    def dense(self) -> Tensor:
        """([T,] B, C, X, Y, Z), zero where no voxel is."""
        x, y, z = self.spatial_shape
        flat = self.features.new_zeros(
            *self.features.shape[:-2], self.batch_size * x * y * z, self.features.shape[-1]
        )
        flat = flat.index_copy(-2, self.active.keys, self.features)
        grid = flat.reshape(*flat.shape[:-2], self.batch_size, x, y, z, flat.shape[-1])
        return grid.movedim(-1, -4)

    def to(self, *args: Any, **kwargs: Any) -> VoxelTensor:
        """The same tensor on another device, or with features of another dtype.

        Takes what ``torch.Tensor.to`` takes: a device, a dtype, or both; coordinates stay int32.
        """
        features = self.features.to(*args, **kwargs)
        return VoxelTensor.on(
            self.active.to(features.device),
            features,
            virtual_steps=self.virtual_steps,
            one_step=self.one_step,
        )

    def __add__(self, other: VoxelTensor) -> VoxelTensor:
        _check_same_set("VoxelTensor.__add__", self, other)
        if self.features.shape != other.features.shape:
            raise ArgumentError(
                "VoxelTensor.__add__: both features must have one shape; got "
                f"{tuple(self.features.shape)} and {tuple(other.features.shape)}."
            )
        return self.replace(self.features + other.features)

    def __repr__(self) -> str:
        return (
            f"VoxelTensor(voxels={len(self.active)}, features={tuple(self.features.shape)}, "
            f"spatial_shape={self.spatial_shape}, batch_size={self.batch_size})"
        )


def cat(tensors: Sequence[VoxelTensor]) -> VoxelTensor:
    """Join the channels of tensors on one active set.

    Raises
    ------
    ArgumentError
        An empty list, or tensors on different sets of voxels.
    """
    if not tensors:
        raise ArgumentError("sparse.cat.tensors: at least one tensor is needed; got none.")
    for other in tensors[1:]:
        _check_same_set("sparse.cat", tensors[0], other)
        if tensors[0].features.shape[:-1] != other.features.shape[:-1]:
            raise ArgumentError(
                "sparse.cat: features must have the same time steps; got "
                f"{tuple(tensors[0].features.shape)} and {tuple(other.features.shape)}."
            )
    return tensors[0].replace(torch.cat([t.features for t in tensors], dim=-1))


def _shape3(shape: Sequence[int]) -> Shape3:
    edges = tuple(int(edge) for edge in shape)
    if len(edges) != 3:
        raise ArgumentError(f"VoxelTensor.spatial_shape: must be three edges; got {edges}.")
    return edges


def _check_features(features: Tensor, rows: int) -> Tensor:
    if features.ndim not in (2, 3) or features.shape[-2] != rows:
        raise ArgumentError(
            f"VoxelTensor.features: must be ({rows}, C) or (T, {rows}, C), a row a voxel; "
            f"got {tuple(features.shape)}."
        )
    return features


def _check_same_set(owner: str, a: VoxelTensor, b: VoxelTensor) -> None:
    if not a.active.same_voxels(b.active):
        raise ArgumentError(
            f"{owner}: both tensors must lie on one active set; got {a!r} and {b!r}. "
            "Bring them to one set with a convolution of equal stride."
        )
    if a.virtual_steps != b.virtual_steps:
        raise ArgumentError(
            f"{owner}: unary and integer spikes cannot be mixed; got {a.virtual_steps} and "
            f"{b.virtual_steps} virtual steps. Collapse them through a synaptic layer first."
        )
