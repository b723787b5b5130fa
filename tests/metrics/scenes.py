"""Objects in rows, so far apart that none meets another, for evaluations by hand."""

from dataclasses import replace
from typing import Any

import numpy as np

from neurospike.datasets.objects import Objects

SIZES = {"Car": (1.5, 2.0, 4.0), "Pedestrian": (1.8, 0.6, 0.8), "Cyclist": (1.7, 0.6, 1.8)}


def row(count: int, name: str = "Car", *, lane: float = 20.0, top: float = 100.0) -> Objects:
    """Visible objects side by side, 60 pixels tall, each with a lane of its own."""
    place = np.arange(count)
    left = 100.0 * place
    return Objects(
        names=(name,) * count,
        truncated=np.zeros(count),
        occluded=np.zeros(count, np.int64),
        alpha=np.zeros(count),
        bbox=np.column_stack([left, np.full(count, top), left + 80, np.full(count, top + 60)]),
        dimensions=np.tile(SIZES.get(name, (1.5, 2.0, 4.0)), (count, 1)),
        location=np.column_stack([10.0 * place, np.full(count, 1.6), np.full(count, lane)]),
        rotation_y=np.full(count, -np.pi / 2),  # length along z, the direction of view
    )


def regions(*boxes: tuple[float, float, float, float]) -> Objects:
    """Places of the image that nobody labelled."""
    count = len(boxes)
    return Objects(
        names=("DontCare",) * count,
        truncated=-np.ones(count),
        occluded=-np.ones(count, np.int64),
        alpha=np.full(count, -10.0),
        bbox=np.array(boxes, float).reshape(count, 4),
        dimensions=-np.ones((count, 3)),
        location=np.full((count, 3), -1000.0),
        rotation_y=np.full(count, -10.0),
    )


def scored(objects: Objects, scores: Any = None) -> Objects:
    """The same as detections, by default each a little less sure than the one before."""
    falling = np.linspace(0.9, 0.5, len(objects)) if scores is None else np.asarray(scores, float)
    return replace(objects, score=falling)


def moved(objects: Objects, **shifts: Any) -> Objects:
    """Add to fields, such as ``location=(0, 0, 0.5)``."""
    return replace(objects, **{name: getattr(objects, name) + by for name, by in shifts.items()})


def both(*parts: Objects) -> Objects:
    """One frame of several."""
    fields = ("truncated", "occluded", "alpha", "bbox", "dimensions", "location", "rotation_y")
    scores = [part.score for part in parts if part.score is not None]
    return Objects(
        tuple(name for part in parts for name in part.names),
        **{field: np.concatenate([getattr(part, field) for part in parts]) for field in fields},
        score=np.concatenate(scores) if scores else None,
    )
