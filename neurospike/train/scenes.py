"""What a trained network makes of scans, beside what is there: scenes to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurospike import models, viz
from neurospike.errors import ArgumentError
from neurospike.train.evaluation import open_run
from neurospike.train.labelling import point_classes, point_scores
from neurospike.train.samples import Sample, Some, build_loader
from neurospike.train.scan_sections import DetectPart, ScanPart
from neurospike.train.tasks import build_task


def run_scenes(
    checkpoint: str | Path,
    *,
    root: str | Path | None = None,
    dataset: str | None = None,
    split: str = "test",
    count: int = 3,
    score: float = 0.3,
) -> list[viz.Scene]:
    """Scans of a split, evenly spaced, with what a checkpoint finds in them.

    A detector gives one scene a scan, its boxes beside the labels in its range; a segmenter two,
    with the classes it predicts and with the true ones. A run on other data gives none.

    Parameters
    ----------
    count
        Scans; fewer where the split has fewer.
    score
        Least score of a box that is drawn.

    Raises
    ------
    ArgumentError
        A count below 1.
    DataError
        A checkpoint that is damaged, or data with other classes.
    """
    if count < 1:
        raise ArgumentError(f"run_scenes.count: must be 1 or more; got {count}.")
    if not is_on_scans(checkpoint):
        return []
    model, recipe, source = open_run(checkpoint, root=root, dataset=dataset, split=split)
    if recipe.scan is None:
        return []
    places = np.unique(np.linspace(0, len(source) - 1, min(count, len(source))).round())
    chosen = Some(source, [int(place) for place in places])
    task = build_task(recipe, root=root)
    samples = task.samples(chosen, augmented=False, seed=0)
    scenes: list[viz.Scene] = []
    for place, batch in enumerate(build_loader(samples, 1, collate=task.collate)):
        with torch.no_grad():
            outputs = model(task.encode(batch))
        if recipe.detect is not None:
            found = model.decode(outputs, score=score)[0]  # type: ignore[operator]
            scenes.append(_detected(chosen[place], found, recipe.detect, recipe.scan))
        else:
            predicted = point_classes(point_scores(outputs, batch["point_to_voxel"]), batch)
            scenes += _segmented(chosen[place], predicted.numpy(), task.classes(chosen))
    return scenes


def is_on_scans(checkpoint: str | Path) -> bool:
    """Whether a run on LiDAR scans wrote a checkpoint; its data is not opened."""
    recipe = models.read_info(checkpoint).extra.get("recipe")
    return isinstance(recipe, dict) and recipe.get("scan") is not None


def draw_scenes(checkpoint: Path, *, root: str | Path | None = None) -> list[Path]:
    """Draw the first test scan of a run on scans beside its checkpoint: ``scene_0.png``, ..."""
    return [
        viz.scene_picture(shown, checkpoint.parent / f"scene_{number}.png")
        for number, shown in enumerate(run_scenes(checkpoint, root=root, count=1))
    ]


def _detected(sample: Sample, found: Any, part: DetectPart, scan: ScanPart) -> viz.Scene:
    boxes = found.boxes.double().numpy()
    names = [part.classes[label] for label in found.labels.tolist()]
    true = np.asarray(sample["boxes"], np.float64).reshape(-1, 7)
    low, high = scan.point_range[:2], scan.point_range[3:5]
    inside = ((true[:, :2] >= low) & (true[:, :2] < high)).all(axis=1)
    known = np.array([name in part.classes for name in sample["names"]], dtype=bool)
    rows = np.flatnonzero(inside & known)
    return viz.scan_scene(
        sample["points"],
        detected=viz.scene_boxes(boxes, names, found.scores.double().numpy()),
        labelled=viz.scene_boxes(true[rows], [sample["names"][row] for row in rows]),
        title=str(sample["name"]),
    )


def _segmented(sample: Sample, predicted: Any, classes: tuple[str, ...]) -> list[viz.Scene]:
    true = np.asarray(sample["label"])
    known = true >= 0
    right = float((predicted == true)[known].mean()) if known.any() else 0.0
    views = ((predicted, f"predicted, {100 * right:.1f} % of points right"), (true, "true"))
    return [
        viz.scan_scene(
            sample["points"],
            point_labels=labels,
            classes=classes,
            title=f"{sample['name']}: {text}",
        )
        for labels, text in views
    ]
