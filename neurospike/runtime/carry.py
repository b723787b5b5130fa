"""Carrying a state of voxels from one scan to the next, whose voxels are others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neurospike.errors import StateError
from neurospike.nn.stateful import State


@dataclass(frozen=True)
class Places:
    """Which voxels a state has rows for; holds no kernel maps, so a stream stays small."""

    keys: Tensor
    shape: tuple[int, ...]

    @classmethod
    def of(cls, voxels: Any) -> Places:
        """Of a VoxelTensor: int64 keys (N,), ascending."""
        return cls(voxels.active.keys, (voxels.batch_size, *voxels.spatial_shape))


def carry_by_voxel(state: State, rest: State, before: Places, after: Places) -> State:
    """Rows of voxels that are in both scans; new voxels start from rest, others are forgotten.

    Parameters
    ----------
    state, rest
        Tensors (N_before, ...) and (N_after, ...).

    Raises
    ------
    StateError
        A tensor with another number of rows, or scans on different grids.

    Examples
    --------
    >>> before = Places(torch.tensor([2, 5]), (1, 2, 2, 2))
    >>> after = Places(torch.tensor([3, 5]), (1, 2, 2, 2))
    >>> carry_by_voxel((torch.tensor([0.2, 0.5]),), (torch.zeros(2),), before, after)
    (tensor([0.0000, 0.5000]),)
    """
    if before.shape != after.shape:
        raise StateError(
            f"ScanSession: the state is of a grid {before.shape}, the scan of {after.shape}; give "
            "the Voxelizer a point_range, so that every scan has the same grid."
        )
    for name, tensors, rows in (("state", state, before), ("scan", rest, after)):
        for tensor in tensors:
            if tensor.ndim == 0 or len(tensor) != len(rows.keys):
                raise StateError(
                    "ScanSession.state_per_voxel: every tensor of the state must have a row a "
                    f"voxel of the input; the {name} has {len(rows.keys)} voxels, got a tensor of "
                    f"{tuple(tensor.shape)}. Behind strides states are of other voxels: densify "
                    "(nn.ToDense) before the first neuron, and leave state_per_voxel out."
                )
    if not len(before.keys):
        return rest
    places = torch.searchsorted(before.keys, after.keys).clamp(max=len(before.keys) - 1)
    known = before.keys[places] == after.keys
    carried = []
    for old, new in zip(state, rest, strict=True):
        # Chosen, not written through a mask: a GPU would have to say how many there are.
        mask = known.reshape(-1, *[1] * (new.ndim - 1))
        carried.append(torch.where(mask, old[places].to(new.dtype), new))
    return tuple(carried)
