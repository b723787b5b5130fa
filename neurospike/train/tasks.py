"""The seam between kinds of data and one loop: samples, batches, a network's input and output.

A kind of data is a ``Task``; fitting, evaluating and counting know nothing else of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor
from torch.nn import functional as F

from neurospike import models
from neurospike.errors import ArgumentError
from neurospike.train.clouds import CloudSamples, VoxelInput, collate_clouds
from neurospike.train.frontends import apply_frontend, input_channels
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Batch, Sample, Samples, Source, cache_folder
from neurospike.train.sections import SequencePart, VoxelPart
from neurospike.train.sequences import SequenceSamples, collate_sequences, sequence_input


class Task(Protocol):
    """What a recipe makes of its kind of data."""

    counting: dict[str, Any]
    """Keyword arguments of ``hw.count`` for this kind of input."""

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        """A split as the recipe wants it; only training samples are augmented."""
        ...

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Samples into a batch, with ``label`` (B,)."""
        ...

    def encode(self, batch: Batch) -> Any:
        """A batch into what the network takes."""
        ...

    def model_arguments(self, source: Source) -> dict[str, Any]:
        """What the data says of the network, beside its number of classes."""
        ...


class CloudTask:
    """Point clouds into VoxelTensors."""

    def __init__(self, recipe: Recipe, voxels: VoxelPart) -> None:
        self.recipe = recipe
        self.encode = VoxelInput(voxels)
        self.collate = collate_clouds
        self.counting: dict[str, Any] = {}

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        augment = self.recipe.augment if augmented else None
        return CloudSamples(source, self.recipe.every_sample, augment, seed=seed)

    def model_arguments(self, _source: Source) -> dict[str, Any]:
        return {}


class SequenceTask:
    """Sound and events into sequences (T, B, C)."""

    def __init__(self, recipe: Recipe, part: SequencePart, *, root: str | Path | None) -> None:
        self.recipe = recipe
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
        return {"in_features": input_channels(source, self.part)}


def build_task(recipe: Recipe, *, root: str | Path | None = None) -> Task:
    """The task of a recipe: its sections say which.

    Parameters
    ----------
    root
        Folder of the data, beside which a front end keeps what it has coded.
    """
    if recipe.voxels is not None:
        return CloudTask(recipe, recipe.voxels)
    if recipe.sequence is not None:
        return SequenceTask(recipe, recipe.sequence, root=root)
    raise ArgumentError("recipe: must have a section voxels or a section sequence; got neither.")


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
