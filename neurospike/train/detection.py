"""Finding objects in scans: boxes to learn, boxes found, and KITTI's average precision."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from neurospike import metrics
from neurospike.datasets.calibration import Calibration
from neurospike.datasets.objects import Objects
from neurospike.errors import ArgumentError
from neurospike.train.augment_scan import augment_scan
from neurospike.train.boxed_points import points_in_boxes
from neurospike.train.object_store import ObjectStore, open_store, paste_objects
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Batch, Sample, Samples, Source, cache_folder
from neurospike.train.scan_sections import AugmentScanPart, DetectPart, ScanPart
from neurospike.train.scans import ScanInput, ScanSamples, Transform, collate_scans, in_features

NEIGHBOURS: Mapping[str, str] = {"Van": "Car", "Person_sitting": "Pedestrian"}
"""Objects that count neither as found nor as missed in the official evaluation, and of which."""

LEVELS = ("easy", "moderate", "hard")

NOT_TRAINED = -1
"""Label of a box around which no anchor is trained."""

MIN_POINTS = 3
"""An object of fewer points is not there to be found: nothing is trained where it stands."""


class DetectTask:
    """Scans with boxes into VoxelTensors and targets; the score is the average precision."""

    score = "AP"

    def __init__(
        self, recipe: Recipe, scan: ScanPart, detect: DetectPart, *, root: str | Path | None = None
    ) -> None:
        if recipe.augment_scan.mix:
            raise ArgumentError(
                "recipe.augment_scan.mix: must be 0 with detect, for half a box has no label; got "
                f"{recipe.augment_scan.mix:g}. Take objects instead."
            )
        self.recipe = recipe
        self.scan = scan
        self.detect = detect
        self.root = root
        self.encode = ScanInput(scan)
        self.collate = collate_scans
        self.counting: dict[str, Any] = {}

    def samples(self, source: Source, *, augmented: bool, seed: int) -> Samples:
        targets = Targets(self.detect.classes, self.scan)
        transforms = [*(self._augment(source, seed) if augmented else ()), targets]
        return ScanSamples(source, transforms, limited=augmented, seed=seed)

    def classes(self, _source: Source) -> tuple[str, ...]:
        return self.detect.classes

    def model_arguments(self, _source: Source) -> dict[str, Any]:
        return {
            "classes": list(self.detect.classes),
            "in_features": in_features(self.scan),
            "voxel_size": list(self.scan.voxel_size),
            "point_range": list(self.scan.point_range),
        }

    def loss(
        self, model: nn.Module, outputs: Any, batch: Batch, *, training: bool
    ) -> dict[str, Tensor]:
        found: dict[str, Tensor] = _detector(model).loss(
            outputs, batch["target_boxes"], batch["target_labels"]
        )
        return found

    def meter(self) -> APMeter:
        return APMeter(self.detect)

    def _augment(self, source: Source, seed: int) -> list[Transform]:
        part = self.recipe.augment_scan
        transforms: list[Transform] = []
        if part.objects:
            unknown = sorted(set(part.objects) - set(self.detect.classes))
            if unknown:
                raise ArgumentError(
                    "recipe.augment_scan.objects: must be classes of the section detect, "
                    f"{', '.join(self.detect.classes)}; got {', '.join(unknown)}."
                )
            key = json.dumps([self.recipe.data.model_dump(mode="json"), seed])
            folder = cache_folder(self.root) / "objects"
            store = open_store(source, self.detect.classes, folder, key=key)
            transforms.append(Paste(store, part.objects, self.scan.point_range))
        transforms.append(Augment(part))
        return transforms


class Augment:
    """Scans turned, scaled, shifted and thinned within the limits of a recipe."""

    def __init__(self, part: AugmentScanPart) -> None:
        self.part = part

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return augment_scan(sample, self.part, rng)


class Paste:
    """Objects of a store, pasted into scans."""

    def __init__(
        self, store: ObjectStore, wanted: Mapping[str, int], point_range: Sequence[float]
    ) -> None:
        self.store = store
        self.wanted = wanted
        self.point_range = point_range

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return paste_objects(sample, self.store, self.wanted, self.point_range, rng)


class Targets:
    """What is learnt of a scan: ``target_boxes`` (M, 7) and ``target_labels`` (M,).

    Labels are places in the classes, or -1 where nothing is trained: objects that resemble a
    class, of which the official evaluation says neither (vans beside cars, sitting persons beside
    pedestrians), and objects of a class with fewer than three points, or with their centre out of
    the range. Trucks, trams and the like are background, as they are false cars in the
    evaluation. Regions without labels have no box in space: what lies there is background too.
    """

    def __init__(self, classes: Sequence[str], scan: ScanPart) -> None:
        self.labels = {name: label for label, name in enumerate(classes)}
        near = {name: NOT_TRAINED for name, of in NEIGHBOURS.items() if of in self.labels}
        self.labels = {**near, **self.labels}
        self.low, self.high = np.array(scan.point_range[:2]), np.array(scan.point_range[3:5])

    def __call__(self, sample: Sample, _rng: np.random.Generator) -> Sample:
        rows = [row for row, name in enumerate(sample["names"]) if name in self.labels]
        boxes = np.asarray(sample["boxes"], np.float64).reshape(-1, 7)[rows]
        labels = np.array([self.labels[sample["names"][row]] for row in rows], np.int64)
        seen = np.array([len(p) for p in points_in_boxes(sample["points"], boxes)], np.int64)
        centres = boxes[:, :2]
        inside = ((centres >= self.low) & (centres < self.high)).all(1)
        labels[~inside | (seen < MIN_POINTS)] = NOT_TRAINED
        return {**sample, "target_boxes": boxes.astype(np.float32), "target_labels": labels}


class APMeter:
    """The official average precision of what a detector finds, in the camera's terms.

    "AP", by which the best epoch is chosen, is that of the first class in space, moderate, over
    40 recall positions: cars at an overlap of 0.7. A scan's labels stop where its image does, so
    what is found outside of it is left out.
    """

    def __init__(self, detect: DetectPart) -> None:
        self.detect = detect
        self._labels: list[Objects] = []
        self._found: list[Objects] = []

    def update(self, model: nn.Module, outputs: Any, batch: Batch) -> None:
        part = self.detect
        found = _detector(model).decode(
            outputs, score=part.least_score, nms=part.nms, limit=part.limit
        )
        for one, calibration in zip(found, batch["calibration"], strict=True):
            self._found.append(objects_found(one, part.classes, calibration))
        self._labels += batch["label"]

    def result(self) -> dict[str, float]:
        """Shares of 1; measures of classes of which no object counts are left out."""
        found = self._ap()
        first = found[self.detect.classes[0], "3d", "moderate", 40] if found else nan
        measures = {"AP": 0.0 if isnan(first) else first / 100}
        for name in self.detect.classes if found else ():
            for measure in ("3d", "bev"):
                for level in LEVELS:
                    value = found[name, measure, level, 40]
                    if not isnan(value):
                        measures[f"{name}_{measure}_{level}"] = value / 100
        return measures

    def kept(self) -> dict[str, Any]:
        """The official table, with everything in it as numbers."""
        found = self._ap()
        return {"table": found.table(), **found.to_dict()} if found else {}

    def seen(self) -> tuple[list[Objects], list[Objects]]:
        return self._labels, self._found

    def merge(self, seen: tuple[list[Objects], list[Objects]]) -> None:
        self._labels += seen[0]
        self._found += seen[1]

    def _ap(self) -> Any:
        if not self._labels:
            return None
        return metrics.kitti_ap(self._labels, self._found, classes=self.detect.classes)


def objects_found(found: Any, classes: Sequence[str], calibration: Calibration) -> Objects:
    """Boxes that a detector gives for one scan as objects of the camera, inside its image.

    Parameters
    ----------
    found
        ``boxes`` (M, 7), ``scores`` (M,) and ``labels`` (M,), tensors.
    """
    boxes = found.boxes.detach().cpu().double().numpy()
    scores = found.scores.detach().cpu().double().numpy()
    names = [classes[label] for label in found.labels.tolist()]
    objects = calibration.objects_of(boxes, names, scores)
    # Where nothing of a box is in the image, its rectangle has no area.
    sides = objects.bbox[:, 2:] - objects.bbox[:, :2]
    return objects.chosen(np.asarray((sides > 0).all(1)))


def _detector(model: nn.Module) -> Any:
    if not (hasattr(model, "loss") and hasattr(model, "decode")):
        raise ArgumentError(
            "recipe.model.factory: a recipe with a section detect needs a network with loss and "
            f"decode, such as e3dsnn_detector; got {type(model).__name__}."
        )
    return model
