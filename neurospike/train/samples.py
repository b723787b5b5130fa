"""Samples of a data set as a recipe wants them, the same in any order and on any worker."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from neurospike import datasets
from neurospike.datasets import transforms
from neurospike.errors import ArgumentError
from neurospike.train.recipe import AugmentPart, DataPart, EverySamplePart

Sample = dict[str, Any]
Key = tuple[int, int]
"""(epoch, index)"""

FAMILIES = {
    "solids": datasets.Solids,
    "modelnet": datasets.ModelNet,
    "occupancy": datasets.OccupancyVoxels,
}
NEEDS_NO_ROOT = {"solids"}


class Source(Protocol):
    """What a data set offers here."""

    @property
    def classes(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def build_source(
    part: DataPart, split: str, *, root: str | Path | None = None, seed: int = 0
) -> Source:
    """One split of the data set that a recipe names.

    Raises
    ------
    ArgumentError
        A root that is missing, or arguments that the data set does not take.
    DataError
        Data that is missing or damaged.
    """
    arguments = {**part.arguments, "split": split, "protocol": part.protocol, "seed": seed}
    if part.name not in NEEDS_NO_ROOT:
        if root is None:
            raise ArgumentError(
                f"--root: the data set {part.name!r} is read from a folder; got none. "
                "docs/data.md says where to get it."
            )
        arguments["root"] = root
        if part.name == "modelnet":
            arguments.setdefault("cache", _cache_folder(Path(root)))
    try:
        source: Source = FAMILIES[part.name](**arguments)
    except TypeError as error:
        raise ArgumentError(f"recipe.data.arguments: {part.name}: {error}.") from error
    return source


def _cache_folder(root: Path) -> Path:
    """Where chosen points are kept: choosing 8,192 of 10,000 takes 0.2 s a shape."""
    beside = os.access(root, os.W_OK)
    return root / ".neurospike" if beside else Path.home() / ".cache" / "neurospike"


class Prepared(Dataset[Sample]):
    """A data set under the transforms of a recipe.

    Keys are (epoch, index): what a sample undergoes follows from the seed and its key alone, so a
    resumed run and any number of workers see the same samples.
    """

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


class EpochSampler(Sampler[Key]):
    """Keys (epoch, index), in an order that follows from seed and epoch.

    Lightning calls ``set_epoch`` before each epoch, after a resume as well.
    """

    def __init__(self, count: int, *, shuffle: bool, seed: int) -> None:
        self.count = count
        self.shuffle = shuffle
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Key]:
        order = np.arange(self.count)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        return ((self.epoch, int(index)) for index in order)


def collate(samples: Sequence[Sample]) -> Sample:
    """Join clouds of any length: points (P, 3), batch (P,), label (B,), as tensors.

    Shape
    -----
    normals (P, 3) are joined where every sample has them.
    """
    joined = datasets.collate_points(samples)
    return {k: torch.as_tensor(v) for k, v in joined.items() if k in BATCHED}


BATCHED = ("points", "normals", "batch", "label")


def build_loader(
    prepared: Prepared, batch_size: int, *, shuffle: bool = False, seed: int = 0, workers: int = 0
) -> DataLoader[Sample]:
    """Batches of a prepared data set.

    Workers are spawned, not forked: a fork after a parallel kernel has run aborts in its first
    parallel region.
    """
    return DataLoader(
        prepared,
        batch_size=batch_size,
        sampler=EpochSampler(len(prepared), shuffle=shuffle, seed=seed),
        collate_fn=collate,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
        # A last batch of one cloud is too few for BatchNorm's statistics.
        drop_last=shuffle and len(prepared) > batch_size,
    )
