"""The rules of KITTI's object benchmark: what counts, what is ignored, where recall is sampled.

Source
------
Geiger, Lenz and Urtasun, CVPR 2012, and the benchmark's page and development kit (the evaluation
in 2D, bird's eye view and 3D of 2017, 40 recall positions since October 2019 after Simonelli et
al., ICCV 2019, arXiv:1905.12365).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from neurospike.kernels.boxes.assignment_reference import COUNTS, IGNORED, OTHER
from neurospike.metrics.kitti_objects import REGION, Table

DIFFICULTIES = ("easy", "moderate", "hard")
MIN_HEIGHT_PX = (40, 25, 25)
MAX_OCCLUDED = (0, 1, 2)
MAX_TRUNCATED = (0.15, 0.3, 0.5)

MIN_OVERLAP = MappingProxyType({"Car": 0.7, "Pedestrian": 0.5, "Cyclist": 0.5})
NEIGHBOURS = MappingProxyType({"car": "van", "pedestrian": "person_sitting"})

RECALLS = 41
"""Recall 0, 1/40, ..., 1."""

Roles = NDArray[np.int8]


def label_roles(labels: Table, name: str, level: int) -> Roles:
    """COUNTS, IGNORED or OTHER for every label, for a class (case folded) and a difficulty."""
    # The development kit takes the least height itself for too small, of labels only.
    hard = (
        (labels.occluded > MAX_OCCLUDED[level])
        | (labels.truncated > MAX_TRUNCATED[level])
        | (labels.height_px <= MIN_HEIGHT_PX[level])
    )
    own, near = labels.names == name, labels.names == NEIGHBOURS.get(name, "")
    roles = np.full(len(own), OTHER, np.int8)
    roles[near | (own & hard)] = IGNORED
    roles[own & ~hard] = COUNTS
    return roles


def detection_roles(detections: Table, name: str, level: int) -> Roles:
    """COUNTS, IGNORED or OTHER for every detection.

    A detection that is too small is ignored whatever its class, as in the development kit: it may
    then be taken by a label that finds no other.
    """
    roles = np.where(detections.names == name, COUNTS, OTHER).astype(np.int8)
    roles[np.abs(detections.height_px) < MIN_HEIGHT_PX[level]] = IGNORED
    roles[detections.names == REGION] = OTHER
    return roles


def recall_thresholds(scores: Sequence[float], objects: int) -> list[float]:
    """The scores at which recall comes closest to 0, 1/40, ..., 1.

    One score serves one position at most, so fewer than 41 objects fill fewer than 41 positions,
    and the rest count as precision 0 even where everything was found.
    """
    ordered = sorted(scores, reverse=True)
    thresholds: list[float] = []
    wanted = 0.0
    for at, score in enumerate(ordered):
        here, last = (at + 1) / objects, at == len(ordered) - 1
        after = here if last else (at + 2) / objects
        if not last and after - wanted < wanted - here:
            continue
        thresholds.append(score)
        wanted += 1.0 / (RECALLS - 1.0)
    return thresholds
