"""Average precision of detections, by the rules of KITTI's object benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.kernels.boxes import select
from neurospike.metrics.kitti_objects import REGION, KittiObjects, Table, tabulate
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
    Some 1 s for 500 frames of 15 labels and 50 detections, and little memory.

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
    known, found = (
        tabulate("labels", labels, scored=False),
        tabulate("detections", detections, scored=True),
    )
    pairs = _Pairs.of(known, found)
    directed = not (found.alpha[found.names != REGION] == UNKNOWN_ALPHA).any()
    objects: dict[tuple[str, str], int] = {}
    precision: dict[tuple[str, str, str], Floats] = {}
    for name, least in wanted.items():
        for level, difficulty in enumerate(DIFFICULTIES):
            roles = (
                label_roles(known, name.casefold(), level),
                detection_roles(found, name.casefold(), level),
            )
            count = int((roles[0] == 0).sum())
            objects[name, difficulty] = count
            if not count:
                continue
            for measure in pairs.overlap:
                hits, likeness = _curves(pairs, measure, roles, count, least)
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


@dataclass(frozen=True)
class _Pairs:
    """All overlaps of labels with detections of their frame, flat, frame after frame."""

    labels: Table
    detections: Table
    starts: NDArray[np.int64]
    overlap: dict[str, Floats]
    in_region: dict[str, Floats]

    @classmethod
    def of(cls, labels: Table, detections: Table) -> _Pairs:
        overlap: dict[str, list[Floats]] = {"2d": [], "bev": [], "3d": []}
        in_region = np.zeros(len(detections.names))
        regions = labels.names == REGION
        for frame in range(len(labels.starts) - 1):
            ours = slice(*labels.starts[frame : frame + 2])
            theirs = slice(*detections.starts[frame : frame + 2])
            pictures, found = labels.bbox[ours], detections.bbox[theirs]
            a, b = labels.boxes[ours], detections.boxes[theirs]
            overlap["2d"].append(_in_image(pictures, found).ravel())
            overlap["bev"].append(select.iou(a, b, volume=False).ravel())
            overlap["3d"].append(select.iou(a, b, volume=True).ravel())
            shares = _in_image(pictures[regions[ours]], found, of_detection=True)
            in_region[theirs] = shares.max(axis=0, initial=0.0)
        sizes = np.diff(labels.starts) * np.diff(detections.starts)
        nowhere = np.zeros_like(in_region)  # regions have no place in space
        return cls(
            labels,
            detections,
            np.cumsum([0, *sizes], dtype=np.int64),
            {name: np.concatenate(parts) for name, parts in overlap.items()},
            {"2d": in_region, "bev": nowhere, "3d": nowhere},
        )


def _in_image(labels: Floats, detections: Floats, *, of_detection: bool = False) -> Floats:
    """(M, 4), (N, 4) -> (M, N) shares of the union, or of the detection's area."""
    a, b = labels[:, None], detections[None]
    edges = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.where((edges > 0).all(-1), edges.prod(-1), 0.0)
    whole = np.broadcast_to((b[..., 2:] - b[..., :2]).prod(-1), shared.shape)
    if not of_detection:
        whole = whole + (a[..., 2:] - a[..., :2]).prod(-1) - shared
    shares: Floats = np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0)
    return shares


def _curves(
    pairs: _Pairs, measure: str, roles: tuple[Roles, Roles], objects: int, least: float
) -> tuple[Floats, Floats]:
    """(41,) precision and likeness of directions at rising recall, each the best from there on."""
    from neurospike.kernels.boxes import assignment_numba as kernel

    labels, detections = pairs.labels, pairs.detections
    setting = (
        labels.starts,
        detections.starts,
        pairs.starts,
        pairs.overlap[measure],
        *roles,
        detections.score,
        least,
    )
    thresholds = recall_thresholds(kernel.found_scores(*setting).tolist(), objects)
    hits, alarms, _, likeness = kernel.tally(
        *setting,
        np.array(thresholds, np.float64),
        pairs.in_region[measure],
        labels.alpha,
        detections.alpha,
    ).T
    curves = np.zeros((2, RECALLS))
    taken = hits + alarms
    for curve, good in zip(curves, (hits, likeness), strict=True):
        np.divide(good, taken, out=curve[: len(taken)], where=taken > 0)
    best: Floats = np.maximum.accumulate(curves[:, ::-1], axis=1)[:, ::-1]
    return best[0], best[1]
