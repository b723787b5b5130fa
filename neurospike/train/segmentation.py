"""Segmentation of LiDAR scans: a class for every point, learnt and scored."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike.metrics import ConfusionMatrix
from neurospike.nn.together import is_together, weighted_mean
from neurospike.train.augment_labels import Mix
from neurospike.train.augment_scan import Move, augment_scan
from neurospike.train.labelling import point_classes, point_scores, voxel_labels
from neurospike.train.lovasz import lovasz_softmax
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Batch, Sample, Samples, Source
from neurospike.train.scan_sections import AugmentScanPart, ScanPart, SegmentPart
from neurospike.train.scans import ScanInput, ScanSamples, Transform, collate_scans, in_features
from neurospike.train.tasks import Meter

WEIGHED_SCANS = 64
"""Training scans, evenly spaced, in which the shares of the classes are counted."""

LEAST_SHARE = 1e-5
"""A class that is rarer weighs no more than one of this share: about 11.5."""


class SegmentTask:
    """Labelled scans into VoxelTensors; losses on voxels, scores on points.

    A voxel's label is that of most of its points, the lower class in a tie; points that are
    ignored have no say. The loss is cross entropy, weighted by -ln of a class's share of the
    training points where the recipe says so, as released, and so much of Lovasz-softmax.

    Attributes
    ----------
    names
        Classes of the samples that were asked for last.
    """

    score = "mIoU"

    def __init__(self, recipe: Recipe, scan: ScanPart, part: SegmentPart) -> None:
        self.recipe = recipe
        self.scan = scan
        self.part = part
        self.encode = ScanInput(scan)
        self.collate = collate_scans
        self.counting: dict[str, Any] = {}
        self.names: tuple[str, ...] = ()
        self._weights: Tensor | None = None

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        self.names = self.classes(source)
        if not augmented:
            return ScanSamples(source, (_labelled,), seed=seed)
        if self.part.weighted:
            self._weights = class_weights(class_shares(source))
        part = self.recipe.augment_scan
        mix = [Mix(source, part.mix)] if part.mix else []
        steps: list[Transform] = [_labelled, *mix, partial(_augmented, part=part)]
        return ScanSamples(source, steps, limited=True, seed=seed)

    def classes(self, source: Source) -> tuple[str, ...]:
        return tuple(source.classes)

    def model_arguments(self, source: Source) -> dict[str, Any]:
        return {"num_classes": len(source.classes), "in_features": in_features(self.scan)}

    def loss(
        self, _model: nn.Module, outputs: Tensor, batch: Batch, *, training: bool
    ) -> dict[str, Tensor]:
        label = voxel_labels(batch["label"], batch["point_to_voxel"], *outputs.shape)
        known = label >= 0
        if not (known.any() or is_together()):
            return {"loss": outputs.sum() * 0.0}
        entropy = self._entropy(outputs, label, training=training)
        parts = {"loss": entropy, "cross_entropy": entropy.detach()}
        if self.part.lovasz:
            lovasz = lovasz_softmax(outputs, label)
            parts["lovasz"] = lovasz.detach()
            parts["loss"] = entropy + self.part.lovasz * lovasz
        right = outputs.detach().argmax(1) == label
        accuracy = right[known].float().sum() / known.sum().clamp(min=1)
        return {**parts, "voxel_accuracy": weighted_mean(accuracy, known.sum())}

    def _entropy(self, outputs: Tensor, label: Tensor, *, training: bool) -> Tensor:
        """Cross entropy of the voxels with a label, on several processes of those of all."""
        weights = None if self._weights is None else self._weights.to(outputs)
        smoothing = self.recipe.training.label_smoothing if training else 0.0
        entropy = F.cross_entropy(
            outputs, label, weights, ignore_index=-1, label_smoothing=smoothing
        )
        if not is_together():
            return entropy
        seen = label[label >= 0]
        weight = torch.ones_like(seen) if weights is None else weights[seen]
        # A mean over no voxels is not a number; this process then counts for nothing.
        return weighted_mean(entropy if len(seen) else outputs.sum() * 0.0, weight.sum())

    def meter(self) -> Meter:
        return PointMeter(self)


class PointMeter:
    """IoU of each class, and their mean, over all labelled points of a split.

    Every labelled point is scored, those outside the voxels' range too: see ``point_classes``.
    The mean is over the classes that the split has labels of. With rotations, the softmax of the
    network is averaged for each point over turns of the scan about the sensor.
    """

    def __init__(self, task: SegmentTask) -> None:
        self.task = task
        self.confusion = ConfusionMatrix(len(task.names))

    def update(self, model: nn.Module, outputs: Tensor, batch: Batch) -> None:
        scores = point_scores(outputs, batch["point_to_voxel"])
        for turn in range(1, self.task.part.rotations):
            scores = scores + self._turned(model, batch, turn / self.task.part.rotations)
        self.confusion.update(point_classes(scores, batch), batch["label"])

    def result(self) -> dict[str, float]:
        found = {"mIoU": self.confusion.mean_iou(), "accuracy": self.confusion.accuracy()}
        by_class = zip(self.task.names, self.confusion.iou().tolist(), strict=True)
        found |= {f"IoU {name}": share for name, share in by_class}
        # Without labels there is nothing to be right about, and JSON has no NaN.
        known = {name: share for name, share in found.items() if not math.isnan(share)}
        return {"mIoU": 0.0, "accuracy": 0.0, **known}

    def kept(self) -> dict[str, Any]:
        counts, unpredicted = self.confusion.counts, self.confusion.unpredicted
        return {
            "classes": list(self.task.names),
            "confusion": counts.tolist(),
            "unpredicted": unpredicted.tolist(),
        }

    def seen(self) -> ConfusionMatrix:
        return self.confusion

    def merge(self, seen: ConfusionMatrix) -> None:
        self.confusion.counts += seen.counts
        self.confusion.unpredicted += seen.unpredicted

    def _turned(self, model: nn.Module, batch: Batch, share: float) -> Tensor:
        """Scores of the points after a share of a whole turn."""
        move = Move(2 * math.pi * share)
        points = torch.from_numpy(move.points(batch["points"].cpu().numpy()))
        turned = {**batch, "points": points.to(batch["points"].device)}
        return point_scores(model(self.task.encode(turned)), turned["point_to_voxel"])


def class_shares(source: Source) -> NDArray[np.float64]:
    """Share of each class in the labelled points: published ones, or those of some scans.

    Published ones are the source's ``shares``; else evenly spaced scans are counted.
    """
    published: NDArray[np.float64] | None = getattr(source, "shares", None)
    if published is not None:
        return published
    places = np.linspace(0, len(source) - 1, min(WEIGHED_SCANS, len(source))).round().astype(int)
    counts = np.zeros(len(source.classes), np.int64)
    for place in places:
        label = source[int(place)]["label"]
        counts += np.bincount(label[label >= 0], minlength=len(counts))
    shares: NDArray[np.float64] = counts / max(counts.sum(), 1)
    return shares


def class_weights(shares: NDArray[np.float64]) -> Tensor:
    """Weights of the cross entropy: -ln of the shares."""
    return torch.from_numpy(-np.log(np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE))).float()


def _labelled(sample: Sample, _rng: np.random.Generator) -> Sample:
    """What this task reads of a sample."""
    return {key: sample[key] for key in ("points", "label", "name") if key in sample}


def _augmented(sample: Sample, rng: np.random.Generator, *, part: AugmentScanPart) -> Sample:
    return augment_scan(sample, part, rng)
