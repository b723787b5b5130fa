"""A scan into an ``.svc`` file, with what it took."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from neurospike.encoders._voxel_inputs import Points
from neurospike.encoders.identity import IDENTITY, identity_coding
from neurospike.encoders.spike_voxel_coding import SpikeVoxelCoding
from neurospike.encoders.svc import save_svc
from neurospike.encoders.voxelizer import Voxelization, Voxelizer
from neurospike.errors import DataError
from neurospike.nn.evaluating import evaluating
from neurospike.nn.unary import collapse
from neurospike.sparse import VoxelTensor

CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class EncodeReport:
    """What a scan became: sizes in bytes, times in milliseconds of wall clock.

    Loading the compiled kernels, once a process, is not part of the times.
    """

    path: str
    coding: str
    points: int
    cropped: int
    rejected: int
    voxels: int
    channels: int
    steps: int
    max_spikes: int
    spikes: int
    """Sum of all spike values: events on a binary chip."""
    density: float
    """Share of (step, voxel, channel) places that spike; 0 without voxels."""
    raw_bytes: int
    svc_bytes: int
    voxelise_ms: float
    code_ms: float
    write_ms: float

    @property
    def ratio(self) -> float:
        """Raw bytes to one byte of the file."""
        return self.raw_bytes / self.svc_bytes


def encode_points(
    points: Points,
    features: Points | None = None,
    *,
    voxel_size: float | Sequence[float],
    out: str | os.PathLike[str],
    point_range: Sequence[float] | None = None,
    stem: SpikeVoxelCoding | None = None,
    max_spikes: int = 4,
    feature_range: tuple[float, float] = (0.0, 1.0),
    raw_bytes: int | None = None,
    allow_empty: bool = True,
    name: str = "encode_points.points",
) -> EncodeReport:
    """Voxelise a scan, code it in spikes and write them to a file.

    Parameters
    ----------
    points, features
        (N, 3) x, y, z in metres, and (N, F) or (N,), for instance the intensity.
    voxel_size, point_range
        As of ``Voxelizer``, in metres.
    out
        The ``.svc`` file to write.
    stem
        A trained stem for 3 + F channels, used in evaluation mode; without one the identity
        coding is used, to which ``max_spikes`` and ``feature_range`` belong.
    raw_bytes
        Size of the scan as it came, for the report; the size of the arrays unless given.
    allow_empty
        Whether a scan without a point in range makes a file of no voxels, or a DataError before
        anything is written.
    name
        What to call the scan in that error, for instance its file.

    Raises
    ------
    ArgumentError
        As of ``Voxelizer``, ``identity_coding`` and the stem.
    DataError
        A place that cannot be written, or no voxels where ``allow_empty`` is off; nothing is left
        behind.
    """
    voxelizer = Voxelizer(voxel_size, point_range)
    _load_kernels(voxelizer, points, features, stem)
    began = time.perf_counter()
    scan = voxelizer.voxelize(points, features)
    voxelised = time.perf_counter()
    if not allow_empty and len(scan.counts) == 0:
        raise DataError(
            f"{name}: none of the {len(scan.point_to_voxel)} points is finite and within the "
            f"range ({scan.rejected} not finite, {scan.cropped} cropped); check the scan, and "
            "the range, in metres."
        )
    meta: dict[str, Any] = {}
    if stem is None:
        coded = identity_coding(scan, max_spikes=max_spikes, feature_range=feature_range)
        meta["feature_range"] = [float(limit) for limit in feature_range]
    else:
        coded = _through_stem(scan, stem)
        max_spikes = stem.max_spikes
    done = time.perf_counter()
    coding = IDENTITY if stem is None else CHECKPOINT
    size = save_svc(
        out,
        coded,
        max_spikes=max_spikes,
        voxel_size_m=scan.voxel_size_m,
        origin=scan.origin,
        coding=coding,
        meta=meta,
    )
    written = time.perf_counter()
    spikes = coded.features
    return EncodeReport(
        path=os.fspath(out),
        coding=coding,
        points=len(scan.point_to_voxel),
        cropped=scan.cropped,
        rejected=scan.rejected,
        voxels=len(coded.coords),
        channels=spikes.shape[-1],
        steps=1 if spikes.ndim == 2 else spikes.shape[0],
        max_spikes=max_spikes,
        spikes=int(spikes.double().sum()),
        density=int(spikes.count_nonzero()) / max(spikes.numel(), 1),
        raw_bytes=_bytes(points) + _bytes(features) if raw_bytes is None else raw_bytes,
        svc_bytes=size,
        voxelise_ms=1e3 * (voxelised - began),
        code_ms=1e3 * (done - voxelised),
        write_ms=1e3 * (written - done),
    )


def _load_kernels(
    voxelizer: Voxelizer, points: Points, features: Points | None, stem: SpikeVoxelCoding | None
) -> None:
    """Run one point at the origin through it all, so that no first call is timed."""

    def one(values: Points) -> Points:
        if isinstance(values, torch.Tensor):
            return torch.zeros_like(values[:1])
        return np.zeros_like(np.atleast_1d(values)[:1])

    scan = voxelizer.voxelize(one(points), None if features is None else one(features))
    if stem is None:
        identity_coding(scan)
    else:
        _through_stem(scan, stem)


def _through_stem(scan: Voxelization, stem: SpikeVoxelCoding) -> VoxelTensor:
    """Integer spikes of a stem, which is left in the mode that it was in."""
    weight = next(stem.parameters())
    with evaluating(stem):
        return collapse(stem(scan.voxels.to(weight.device, weight.dtype)))


def _bytes(values: Points | None) -> int:
    if values is None:
        return 0
    if isinstance(values, torch.Tensor):
        return values.numel() * values.element_size()
    return int(np.asarray(values).nbytes)
