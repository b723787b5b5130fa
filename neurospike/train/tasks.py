"""The seam between kinds of data and one loop: samples, batches, a network's input and output.

A kind of data is a ``Task``; fitting, evaluating and counting know nothing else of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike import models
from neurospike.errors import ArgumentError
from neurospike.train.clouds import CloudSamples, VoxelInput, collate_clouds
from neurospike.train.frontends import apply_frontend, input_channels
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Batch, Sample, Samples, Source, cache_folder
from neurospike.train.sections import SequencePart, VoxelPart
from neurospike.train.sequences import SequenceSamples, collate_sequences, sequence_input


class Meter(Protocol):
    """What a network said of a split so far, and how good that is."""

    def update(self, model: nn.Module, outputs: Any, batch: Batch) -> None:
        """Take a batch's outputs; the network itself may be needed to read them."""
        ...

    def result(self) -> dict[str, float]:
        """Measures of all batches, shares of 1; one is named as the task's ``score``."""
        ...

    def kept(self) -> dict[str, Any]:
        """What a run keeps of a test beside its measures, as plain JSON."""
        ...

    def seen(self) -> Any:
        """What it took, for the meters of other processes."""
        ...

    def merge(self, seen: Any) -> None:
        """Take what another meter has seen."""
        ...


class Task(Protocol):
    """What a recipe makes of its kind of data.

    Attributes
    ----------
    score
        The measure that chooses the best epoch: "accuracy", "mIoU" or "AP".
    counting
        Keyword arguments of ``hw.count`` for this kind of input.
    """

    score: str
    counting: dict[str, Any]

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        """A split as the recipe wants it; only training samples are augmented."""
        ...

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Samples into a batch, with ``label`` (B,) or ``batch_size``."""
        ...

    def encode(self, batch: Batch) -> Any:
        """A batch into what the network takes."""
        ...

    def classes(self, source: Source) -> tuple[str, ...]:
        """Names of the classes that the network tells apart, in its order."""
        ...

    def model_arguments(self, source: Source) -> dict[str, Any]:
        """What the data says of the network."""
        ...

    def loss(
        self, model: nn.Module, outputs: Any, batch: Batch, *, training: bool
    ) -> dict[str, Tensor]:
        """``loss``, which training lowers, and whatever else is worth a column of its history."""
        ...

    def meter(self) -> Meter:
        """A meter that has seen nothing."""
        ...


class AccuracyMeter:
    """Share of samples whose class is predicted, by exact counts."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._predicted: list[int] = []
        self._labels: list[int] = []

    def update(self, _model: nn.Module, outputs: Tensor, batch: Batch) -> None:
        self._predicted += class_scores(self.recipe, outputs).argmax(1).tolist()
        self._labels += batch["label"].tolist()

    def result(self) -> dict[str, float]:
        right = np.array(self._predicted) == np.array(self._labels)
        return {"accuracy": float(right.mean()) if right.size else 0.0}

    def kept(self) -> dict[str, Any]:
        return {"labels": self._labels, "predicted": self._predicted}

    def seen(self) -> tuple[list[int], list[int]]:
        return self._predicted, self._labels

    def merge(self, seen: tuple[list[int], list[int]]) -> None:
        self._predicted += seen[0]
        self._labels += seen[1]


class Classification:
    """What clouds, sequences and images share: one class a sample, cross entropy, accuracy."""

    score = "accuracy"

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def classes(self, source: Source) -> tuple[str, ...]:
        return tuple(source.classes)

    def model_arguments(self, source: Source) -> dict[str, Any]:
        return {"num_classes": len(source.classes)}

    def loss(
        self, _model: nn.Module, outputs: Tensor, batch: Batch, *, training: bool
    ) -> dict[str, Tensor]:
        scores, label = class_scores(self.recipe, outputs), batch["label"]
        return {
            "loss": loss_of(self.recipe, scores, label, training=training),
            "accuracy": (scores.argmax(1) == label).float().mean(),
        }

    def meter(self) -> Meter:
        return AccuracyMeter(self.recipe)


class CloudTask(Classification):
    """Point clouds into VoxelTensors."""

    def __init__(self, recipe: Recipe, voxels: VoxelPart) -> None:
        super().__init__(recipe)
        self.encode = VoxelInput(voxels)
        self.collate = collate_clouds
        self.counting: dict[str, Any] = {}

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        augment = self.recipe.augment if augmented else None
        return CloudSamples(source, self.recipe.every_sample, augment, seed=seed)


class SequenceTask(Classification):
    """Sound and events into sequences (T, B, C)."""

    def __init__(self, recipe: Recipe, part: SequencePart, *, root: str | Path | None) -> None:
        super().__init__(recipe)
        self.part = part
        self.root = root
        self.encode = sequence_input
        self.collate = collate_sequences
        self.counting = {"batch_dim": 1, "inputs_are_spikes": part.frontend != "mel"}

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        coded = apply_frontend(source, self.part, cache_folder(self.root))
        augment = self.recipe.augment_sequence if augmented else None
        return SequenceSamples(coded, self.part, augment, seed=seed)

    def model_arguments(self, source: Source) -> dict[str, Any]:
        channels = input_channels(source, self.part)
        return {**super().model_arguments(source), "in_features": channels}


def build_task(recipe: Recipe, *, root: str | Path | None = None) -> Task:
    """The task of a recipe: its sections say which.

    Parameters
    ----------
    root
        Folder of the data, beside which a front end or a store of objects keeps its work.
    """
    if recipe.image is not None:
        from neurospike.train.images import ImageTask

        own = build_task(recipe.model_copy(update={"image": None}), root=root)
        return ImageTask(recipe, recipe.image, own)
    if recipe.voxels is not None:
        return CloudTask(recipe, recipe.voxels)
    if recipe.sequence is not None:
        return SequenceTask(recipe, recipe.sequence, root=root)
    if recipe.scan is not None and recipe.detect is not None:
        from neurospike.train.detection import DetectTask

        return DetectTask(recipe, recipe.scan, recipe.detect, root=root)
    if recipe.scan is not None and recipe.segment is not None:
        from neurospike.train.segmentation import SegmentTask

        return SegmentTask(recipe, recipe.scan, recipe.segment)
    raise ArgumentError("recipe: must have a section voxels, sequence or scan; got none.")


def class_scores(recipe: Recipe, outputs: Tensor) -> Tensor:
    """Outputs of a network (B, classes) or (T, B, classes) -> scores (B, classes)."""
    if recipe.training.loss == "softmax_sum":
        return models.delay_net_scores(outputs)
    if recipe.training.loss == "membrane_mean":
        return outputs.mean(0)
    return outputs


def loss_of(recipe: Recipe, scores: Tensor, label: Tensor, *, training: bool) -> Tensor:
    """Cross entropy of scores (B, classes); smoothed in training alone."""
    smoothing = recipe.training.label_smoothing if training else 0.0
    return F.cross_entropy(scores, label, label_smoothing=smoothing)
