"""Average precision of detections, by the rules of KITTI's object benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.kernels.boxes.assignment_reference import COUNTS
from neurospike.metrics.kitti_objects import REGION, KittiObjects, Table, tabulate
from neurospike.metrics.kitti_pairs import Pairs, overlapping
from neurospike.metrics.kitti_result import KittiAP
from neurospike.metrics.kitti_rules import (
    DIFFICULTIES,
    MIN_OVERLAP,
    RECALLS,
    Roles,
    detection_roles,
    label_roles,
    recall_thresholds,
)

Floats = NDArray[np.float64]

UNKNOWN_ALPHA = -10.0


def kitti_ap(
    labels: Sequence[KittiObjects],
    detections: Sequence[KittiObjects],
    *,
    classes: Sequence[str] = ("Car", "Pedestrian", "Cyclist"),
    overlaps: Mapping[str, float] | None = None,
) -> KittiAP:
    """Compare detections with labels, frame by frame, as KITTI's development kit does.

    Average precision in the image ("2d"), from above ("bev") and in space ("3d"), and the
    likeness of directions ("aos", of hits in the image), at three difficulties, over 11 and over
    40 recall positions.

    Parameters
    ----------
    labels, detections
        As many of one as of the other; a frame each, in the camera's frame, as
        ``datasets.Objects`` or anything with its attributes. Detections have scores; regions
        among them are no detections.
    classes
        Case does not matter in the frames. Vans are ignored for cars, sitting persons for
        pedestrians.
    overlaps
        The least overlap that makes a hit, in every measure, for some of the classes; the
        official ones are Car 0.7, Pedestrian 0.5, Cyclist 0.5. A class beyond these three needs
        one.

    Notes
    -----
    Labels count that are taller than 40 / 25 / 25 pixels, occluded at most 0 / 1 / 2, truncated at
    most 0.15 / 0.3 / 0.5. Detections of less height are ignored. A detection in the image that
    finds nothing is no false alarm where a DontCare region has more than the overlap of its own
    area; in "bev" and "3d" regions play no part, since they have no place in space. Recall is
    sampled at the scores that come closest to 0, 1/40, ..., 1, so a class with fewer than 41
    objects cannot reach 100: the table says so.

    Raises
    ------
    ArgumentError
        Unequal numbers of frames or none, a detection without score, rows of unequal number,
        values that are not finite, negative sizes, an unknown class without an overlap, or an
        overlap outside 0..1.

    Cost
    ----
    Some 0.6 s for 500 frames of 15 labels and 60 detections; one thread.

    Source
    ------
    Geiger, Lenz and Urtasun, CVPR 2012; 40 recall positions: Simonelli et al., ICCV 2019,
    arXiv:1905.12365. Departures: where nothing counts the result is NaN instead of 0.

    Examples
    --------
    >>> from neurospike.datasets.objects import Objects
    >>> import numpy as np
    >>> place = np.column_stack([np.arange(50) * 8.0, np.full(50, 1.6), np.full(50, 20.0)])
    >>> cars = Objects(("Car",) * 50, np.zeros(50), np.zeros(50, int), np.zeros(50),
    ...     np.tile([600.0, 150, 700, 220], (50, 1)) + np.arange(50)[:, None] * [120, 0, 120, 0],
    ...     np.tile([1.5, 1.7, 4.0], (50, 1)), place, np.zeros(50), np.linspace(1, 0.5, 50))
    >>> result = kitti_ap([cars], [cars], classes=["Car"])
    >>> result["Car", "3d", "moderate", 40], result["Car", "aos", "easy", 11]
    (100.0, 100.0)
    """
    wanted = _least_overlaps(classes, overlaps)
    if len(labels) != len(detections) or not len(labels):
        raise ArgumentError(
            "kitti_ap.detections: must be as many frames as labels, and at least one; got "
            f"{len(detections)} for {len(labels)}."
        )
    known = tabulate("labels", labels, scored=False)
    found = tabulate("detections", detections, scored=True)
    pairs = overlapping(known, found)
    directed = not (found.alpha[found.names != REGION] == UNKNOWN_ALPHA).any()
    objects: dict[tuple[str, str], int] = {}
    precision: dict[tuple[str, str, str], Floats] = {}
    for name, (level, difficulty) in product(wanted, enumerate(DIFFICULTIES)):
        ours = label_roles(known, name.casefold(), level)
        roles = ours, detection_roles(found, name.casefold(), level)
        objects[name, difficulty] = int((ours == COUNTS).sum())
        if not objects[name, difficulty]:
            continue
        for measure, all_pairs in pairs.items():
            hits, likeness = _curves(all_pairs, known, found, roles=roles, least=wanted[name])
            precision[name, measure, difficulty] = hits
            if measure == "2d" and directed:
                precision[name, "aos", difficulty] = likeness
    return KittiAP(tuple(wanted), wanted, objects, precision, len(labels))


def _least_overlaps(
    classes: Sequence[str], overlaps: Mapping[str, float] | None
) -> dict[str, float]:
    given = {**MIN_OVERLAP, **(overlaps or {})}
    if isinstance(classes, str) or not classes:
        raise ArgumentError(
            f"kitti_ap.classes: must be a list of class names; got {classes!r}. Take ('Car',)."
        )
    for name in {**dict.fromkeys(classes), **(overlaps or {})}:
        if name not in given:
            raise ArgumentError(
                f"kitti_ap.classes: must be among {', '.join(given)}; got {name!r}. Give its "
                "least overlap in overlaps to evaluate it."
            )
        if not 0.0 <= given[name] <= 1.0:
            raise ArgumentError(
                f"kitti_ap.overlaps: must lie within 0..1; got {given[name]!r} for {name!r}."
            )
    return {name: float(given[name]) for name in classes}


def _curves(
    pairs: Pairs, labels: Table, detections: Table, *, roles: tuple[Roles, Roles], least: float
) -> tuple[Floats, Floats]:
    """(41,) precision and likeness of directions at rising recall, each the best from there on."""
    from neurospike.kernels.boxes import assignment_numba as kernel

    close = pairs.above(least)
    setting = (
        np.searchsorted(close.label, np.arange(len(labels.names) + 1)),
        close.row,
        *roles,
        detections.score,
    )
    objects = int((roles[0] == COUNTS).sum())
    thresholds = recall_thresholds(kernel.found_scores(*setting).tolist(), objects)
    hits, alarms, _, likeness = kernel.tally(
        *setting,
        close.share,
        np.array(thresholds, np.float64),
        pairs.in_region > least,
        labels.alpha,
        detections.alpha,
    ).T
    curves = np.zeros((2, RECALLS))
    taken = hits + alarms
    for curve, good in zip(curves, (hits, likeness), strict=True):
        np.divide(good, taken, out=curve[: len(taken)], where=taken > 0)
    best: Floats = np.maximum.accumulate(curves[:, ::-1], axis=1)[:, ::-1]
    return best[0], best[1]
