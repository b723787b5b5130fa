"""All scans of one street, as plain arrays that can be kept, sent and stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.calibration import Calibration
from neurospike.datasets.streets_world.annotate import annotate
from neurospike.datasets.streets_world.world import Scan, World

Record = dict[str, NDArray[Any]]

_FIELD_DEG = 84.0  # the image is 81.5 degrees wide


@dataclass(frozen=True)
class Job:
    """A street to be made: ``scans`` of its ``scans_per_world``."""

    key: tuple[int, int, int]
    scans_per_world: int
    scans: int
    interval_s: float
    task: str
    calibration: Calibration

    @property
    def world(self) -> int:
        return self.key[-1]


def render(job: Job) -> list[Record]:
    """Its scans, in order."""
    world = World(job.key, job.scans_per_world, job.interval_s)
    if job.task == "segment":
        scans = [world.scan(number) for number in range(job.scans)]
        start = np.linalg.inv(world.pose(0))
        return [_segmented(scan, start) for scan in scans]
    scans = [world.scan(number, _FIELD_DEG) for number in range(job.scans)]
    return [_detected(scan, job.calibration) for scan in scans]


def _segmented(scan: Scan, start: NDArray[Any]) -> Record:
    return {
        "points": scan.points,
        "label": scan.label.astype(np.int8),
        "instance": scan.instance.astype(np.int16),
        "pose": start @ scan.pose,
    }


def _detected(scan: Scan, calibration: Calibration) -> Record:
    inside = calibration.in_image(scan.points)
    points_of = np.bincount(scan.instance[inside], minlength=scan.actors + 1)
    boxes, names, level, regions = annotate(scan, points_of, calibration)
    return {
        "points": scan.points[inside],
        "boxes": boxes,
        "names": np.array(names, dtype="U16"),
        "occluded": level,
        "regions": regions,
    }
