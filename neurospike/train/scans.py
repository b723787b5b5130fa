"""LiDAR scans as a recipe wants them: transformed, joined, voxelised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurospike.datasets.transforms import sample_rng
from neurospike.encoders import scan_voxelizer
from neurospike.train.samples import Batch, Key, Sample, Source
from neurospike.train.scan_sections import ScanPart

Transform = Callable[[Sample, np.random.Generator], Sample]
"""A sample and its own generator to the sample changed; the one given is left as it is."""


class ScanSamples:
    """Scans under the transforms of a recipe.

    Keys are (epoch, index): what a scan undergoes follows from the seed and its key alone, so a
    resumed run and any number of workers see the same scans.

    Parameters
    ----------
    source
        Items with ``points`` (N, 4), x, y, z in metres and intensity.
    transforms
        Applied one after the other.
    limited
        Whether samples say ``draw``, by which their voxels are chosen where a recipe limits them.
    """

    late_share = 0.0
    given = 0

    def __init__(
        self,
        source: Source,
        transforms: Sequence[Transform] = (),
        *,
        limited: bool = False,
        seed: int,
    ) -> None:
        self.source = source
        self.transforms = transforms
        self.limited = limited
        self.seed = seed

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        rng = sample_rng(self.seed, epoch, index)
        sample = self.source[index]
        for transform in self.transforms:
            sample = transform(sample, rng)
        return {**sample, "draw": int(rng.integers(2**31))} if self.limited else sample


def collate_scans(samples: Sequence[Sample]) -> Batch:
    """Join scans of any length.

    Shape
    -----
    points (P, 4) float32 and batch (P,) int64, whose each point is; batch_size; label (P,) int64,
    where samples label points; and whatever else samples have, a list with one entry a sample,
    arrays in it as tensors
    """
    lengths = torch.tensor([len(sample["points"]) for sample in samples])
    batch: Batch = {
        "points": _joined(samples, "points", np.float32),
        "batch": torch.repeat_interleave(torch.arange(len(samples)), lengths),
        "batch_size": len(samples),
    }
    for key in samples[0]:
        if key == "label" and _labels_points(samples):
            batch[key] = _joined(samples, key, np.int64)
        elif key not in batch:
            batch[key] = [_tensor(sample[key]) for sample in samples]
    return batch


class ScanInput:
    """A batch of scans into the tensor that a network takes.

    Called with a batch of ``collate_scans``; the batch then also holds ``point_to_voxel``
    (P,) int64, the row of each point's voxel, -1 where it has none.

    Shape
    -----
    in:  points (P, 4), batch (P,), batch_size
    out: VoxelTensor, features (N, 4), or (N, 7) where they are relative
    """

    def __init__(self, part: ScanPart) -> None:
        self.voxelizer = scan_voxelizer(part.voxel_size, part.point_range, relative=part.relative)
        self.max_voxels = part.max_voxels

    def __call__(self, batch: Batch) -> Any:
        points = batch["points"]
        voxels, point_to_voxel = self._voxelised(batch, slice(None))
        if self.max_voxels and "draw" in batch:
            kept = _drawn(voxels.coords[:, 0], batch["draw"], self.max_voxels)
            # Appended for the points without a voxel, whose row is -1.
            rows = torch.cat([kept, kept.new_zeros(1)])[point_to_voxel]
            voxels, places = self._voxelised(batch, rows)
            point_to_voxel = places.new_full((len(points),), -1).masked_scatter(rows, places)
        batch["point_to_voxel"] = point_to_voxel
        return voxels

    def _voxelised(self, batch: Batch, rows: Any) -> tuple[Any, Tensor]:
        points = batch["points"][rows]
        return self.voxelizer(
            points[:, :3], points[:, 3:], batch["batch"][rows], batch_size=batch["batch_size"]
        )


def _drawn(samples: Tensor, draws: Sequence[int], limit: int) -> Tensor:
    """bool (V,): at most ``limit`` voxels of each sample, chosen by its draw."""
    kept = torch.zeros(len(samples), dtype=torch.bool)
    for index, draw in enumerate(draws):
        own = np.flatnonzero((samples == index).cpu().numpy())
        kept[np.random.default_rng(draw).permutation(own)[:limit]] = True
    return kept.to(samples.device)


def in_features(part: ScanPart) -> int:
    """Features of a voxel of such scans."""
    return 7 if part.relative else 4


def _joined(samples: Sequence[Sample], key: str, dtype: type[np.generic]) -> Tensor:
    joined = np.concatenate([sample[key] for sample in samples])
    return torch.from_numpy(np.ascontiguousarray(joined, dtype))


def _labels_points(samples: Sequence[Sample]) -> bool:
    return all(
        isinstance(sample["label"], np.ndarray) and len(sample["label"]) == len(sample["points"])
        for sample in samples
    )


def _tensor(value: Any) -> Any:
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
