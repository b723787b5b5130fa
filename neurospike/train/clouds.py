"""Point clouds as a recipe wants them: transformed, joined, voxelised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurospike import datasets
from neurospike.datasets import transforms
from neurospike.encoders import Voxelizer
from neurospike.train.samples import Batch, Key, Sample, Source
from neurospike.train.sections import AugmentPart, EverySamplePart, VoxelPart

BATCHED = ("points", "normals", "batch", "label")


class CloudSamples:
    """Clouds under the transforms of a recipe.

    Keys are (epoch, index): what a cloud undergoes follows from the seed and its key alone, so a
    resumed run and any number of workers see the same clouds.
    """

    late_share = 0.0
    given = 0

    def __init__(
        self, source: Source, every: EverySamplePart, augment: AugmentPart | None, *, seed: int
    ) -> None:
        self.source = source
        self.every = every
        self.augment = augment
        self.seed = seed

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        rng = transforms.sample_rng(self.seed, epoch, index)
        sample = apply_every(self.source[index], self.every, rng)
        return sample if self.augment is None else apply_augment(sample, self.augment, rng)


class VoxelInput:
    """A batch of points into the tensor that a network takes.

    Shape
    -----
    in:  points (P, 3), normals (P, 3) where asked for, batch (P,), label (B,)
    out: VoxelTensor, features (N, 3) or (N, 6)
    """

    def __init__(self, part: VoxelPart) -> None:
        self.normals = part.normals
        self.voxelizer = Voxelizer(part.size, reduce=part.reduce)

    def __call__(self, batch: Batch) -> Any:
        features = batch["normals"] if self.normals else None
        voxels, _ = self.voxelizer(
            batch["points"], features, batch["batch"], batch_size=len(batch["label"])
        )
        return voxels


def collate_clouds(samples: Sequence[Sample]) -> Batch:
    """Join clouds of any length: points (P, 3), batch (P,), label (B,), as tensors.

    Shape
    -----
    normals (P, 3) are joined where every sample has them.
    """
    joined = datasets.collate_points(samples)
    return {k: torch.as_tensor(v) for k, v in joined.items() if k in BATCHED}


def apply_every(sample: Sample, part: EverySamplePart, rng: np.random.Generator) -> Sample:
    """Apply what belongs to the task: test samples undergo it too."""
    if part.normalise:
        sample = {**sample, "points": transforms.normalise(sample["points"])}
    if part.rotate != "none":
        sample = turn(sample, transforms.random_rotation(rng, part.rotate))
    if part.thin_to_voxels:
        sample = {**sample, "points": thin_voxels(sample["points"], part.thin_to_voxels, rng)}
    return sample


def apply_augment(sample: Sample, part: AugmentPart, rng: np.random.Generator) -> Sample:
    """Apply what only training samples undergo."""
    if part.drop_points:
        count = len(sample["points"])
        kept = transforms.thin(count, int(count * (1 - rng.uniform(0, part.drop_points))), rng)
        sample = {**sample, **{k: sample[k][kept] for k in ("points", "normals") if k in sample}}
    if part.rotate != "none":
        sample = turn(sample, transforms.random_rotation(rng, part.rotate))
    points = transforms.random_scale(sample["points"], rng, *part.scale)
    points = transforms.random_shift(points, rng, part.shift)
    if part.jitter:
        points = points + rng.normal(0, part.jitter, points.shape).astype(np.float32)
    return {**sample, "points": points}


def turn(sample: Sample, rotation: NDArray[np.float64]) -> Sample:
    """Rotate points, and normals with them."""
    turned: Sample = {
        key: transforms.rotate(sample[key], rotation)
        for key in ("points", "normals")
        if key in sample
    }
    return {**sample, **turned}


def thin_voxels(
    points: NDArray[np.floating[Any]], count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Centres of the unit voxels that the points occupy, at most ``count`` of them."""
    occupied = np.unique(np.floor(points).astype(np.int64), axis=0)
    return (occupied[transforms.thin(len(occupied), count, rng)] + 0.5).astype(np.float32)
