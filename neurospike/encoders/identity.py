"""Identity coding: the contents of a voxel as spikes, without any weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.encoders.svc import SvcFile
from neurospike.encoders.voxelizer import Voxelization
from neurospike.errors import ArgumentError, DataError
from neurospike.sparse import VoxelTensor

Floats = NDArray[np.float64]

IDENTITY = "identity"


@dataclass(frozen=True)
class DecodedVoxels:
    """A cloud rebuilt from identity-coded spikes, a point a voxel."""

    points: Tensor
    """float64 (V, 3), metres: the mean point of each voxel, within voxel_size / (2 D)."""
    features: Tensor
    """float64 (V, F): mean features, within (high - low) / (2 D)."""
    counts: Tensor
    """int64 (V,): points of each voxel, within a factor of 2 ** 0.5 up to 2 ** D."""
    batch: Tensor
    """int64 (V,): the sample of each voxel."""


def identity_coding(
    voxelization: Voxelization,
    *,
    max_spikes: int = 4,
    feature_range: tuple[float, float] = (0.0, 1.0),
) -> VoxelTensor:
    """Let each voxel spike what it holds: where its points lie, their features, how many.

    Each channel is a current between 0 and D, coded by one step of an integer neuron from rest:
    s = floor(clip(current, 0, D) + 0.5). The currents are

    * D times the place of the voxel's row between the lower and upper face, along x, y and z;
    * D times the place of each feature within ``feature_range``, clipped to it;
    * log2 of the number of points.

    Parameters
    ----------
    max_spikes
        D, the largest spike.
    feature_range
        Where the features lie, for instance (0, 1) for the intensity of a KITTI scan.

    Shape
    -----
    out: VoxelTensor float32, features (V, 3 + F + 1)

    Raises
    ------
    ArgumentError
        max_spikes below 1, or an empty range.

    Examples
    --------
    >>> import numpy as np
    >>> from neurospike.encoders import Voxelizer
    >>> cloud = np.array([[0.0, 0.25, 0.5], [0.5, 0.25, 1.0]])
    >>> scan = Voxelizer(1.0, (0, 0, 0, 4, 4, 4)).voxelize(cloud[:1], np.array([1.0]))
    >>> identity_coding(scan).features
    tensor([[0., 1., 2., 4., 0.]])
    """
    low, high = _check_range(feature_range)
    if max_spikes < 1:
        raise ArgumentError(f"identity_coding.max_spikes: must be 1 or more; got {max_spikes}.")
    voxels = voxelization.voxels
    rows = voxels.features.cpu().numpy().astype(np.float64)
    size, corner = _corners(voxels, voxelization.voxel_size_m, voxelization.origin)
    current = np.empty((len(rows), rows.shape[1] + 1))
    current[:, :3] = max_spikes * (rows[:, :3] - corner) / size
    current[:, 3:-1] = max_spikes * (rows[:, 3:] - low) / (high - low)
    current[:, -1] = np.log2(voxelization.counts.cpu().numpy())
    spikes = np.floor(current.clip(0, max_spikes) + 0.5).astype(np.float32)
    return voxels.replace(torch.from_numpy(spikes).to(voxels.features.device))


def decode_identity(svc: SvcFile) -> DecodedVoxels:
    """Rebuild the cloud, a point a voxel, from a file of identity-coded spikes.

    Raises
    ------
    DataError
        A file whose spikes came from a network.
    """
    voxels = svc.voxels
    feature_range = svc.meta.get("feature_range")
    if svc.coding != IDENTITY or feature_range is None or voxels.features.shape[-1] < 4:
        raise DataError(
            f"decode_identity.svc: spikes must come from the identity coding; got {svc.coding!r}. "
            "A network's spikes have no inverse."
        )
    low, high = _check_range(feature_range)
    spikes = voxels.features.double().numpy()
    size, corner = _corners(voxels, svc.voxel_size_m, svc.origin_m)
    return DecodedVoxels(
        torch.from_numpy(corner + spikes[:, :3] / svc.max_spikes * size),
        torch.from_numpy(low + spikes[:, 3:-1] / svc.max_spikes * (high - low)),
        torch.from_numpy(np.exp2(spikes[:, -1]).astype(np.int64)),
        voxels.coords[:, 0].long(),
    )


def _corners(
    voxels: VoxelTensor, voxel_size_m: tuple[float, float, float], origin: Tensor
) -> tuple[Floats, Floats]:
    """Edges of a voxel (3,), and the lower corner of each voxel (V, 3), metres."""
    coords = voxels.coords.cpu().numpy()
    size = np.array(voxel_size_m)
    return size, origin.cpu().numpy()[coords[:, 0]] + coords[:, 1:] * size


def _check_range(feature_range: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(limit) for limit in feature_range)
    if not low < high:
        raise ArgumentError(
            f"identity_coding.feature_range: must be (low, high) with low below high; "
            f"got {feature_range}."
        )
    return low, high
