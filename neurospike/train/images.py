"""Samples as images, so that conventional networks learn from what the spiking ones see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurospike.encoders.projections import Projection, create_projection
from neurospike.errors import ArgumentError
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Batch, Key, Sample, Samples, Source
from neurospike.train.sections import ImagePart
from neurospike.train.tasks import Classification, Task

_KINDS = {"frames": "sequences", "points": "clouds"}


class ImageSamples:
    """Samples of another task, each projected after it was augmented.

    Parameters
    ----------
    samples
        With ``points`` and perhaps ``normals``, or with ``x`` (steps, channels).
    normals
        Whether normals follow the points' coordinates.
    """

    def __init__(self, samples: Samples, projection: Projection, *, normals: bool = False) -> None:
        self.samples = samples
        self.projection = projection
        self.normals = normals

    @property
    def given(self) -> int:
        return self.samples.given

    @property
    def late_share(self) -> float:
        return self.samples.late_share

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: Key) -> Sample:
        sample = self.samples[key]
        image = self.projection(self._read(sample))
        return {"image": image, "label": sample["label"]}

    def _read(self, sample: Sample) -> dict[str, Any]:
        if self.projection.reads == "frames":
            return {"frames": sample["x"]}
        parts = [sample["points"], *([sample["normals"]] if self.normals else [])]
        return {"points": np.concatenate(parts, axis=1)}


def collate_images(samples: Sequence[Sample]) -> Batch:
    """Stack images (B, C, H, W) float32, or points (B, N, C), and labels (B,)."""
    images = torch.from_numpy(np.stack([sample["image"] for sample in samples]))
    return {"image": images, "label": torch.tensor([int(s["label"]) for s in samples])}


def image_input(batch: Batch) -> Tensor:
    """What a conventional network takes."""
    image: Tensor = batch["image"]
    return image


class ImageTask(Classification):
    """Clouds or sequences as images, by the task that would else make voxels or spikes of them.

    Raises
    ------
    ArgumentError
        An unknown projection, or one of clouds for sequences, or the other way round.
    """

    def __init__(self, recipe: Recipe, part: ImagePart, own: Task) -> None:
        super().__init__(recipe)
        self.own = own
        self.projection = create_projection(part.projection, size=part.size, **part.options)
        given = "frames" if recipe.sequence is not None else "points"
        if self.projection.reads != given:
            raise ArgumentError(
                f"recipe.image.projection: {part.projection} takes "
                f"{_KINDS[self.projection.reads]}; {recipe.name} has {_KINDS[given]}."
            )
        self.encode = image_input
        self.collate = collate_images
        self.counting: dict[str, Any] = {}

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        own = self.own.samples(source, augmented=augmented, seed=seed)
        voxels = self.recipe.voxels
        return ImageSamples(own, self.projection, normals=voxels is not None and voxels.normals)

    def model_arguments(self, source: Source) -> dict[str, Any]:
        return {
            **super().model_arguments(source),
            "in_channels": self.projection.channels,
            "image_size": list(self.projection.size),
        }
