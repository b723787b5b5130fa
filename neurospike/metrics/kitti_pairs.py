"""Which labels and detections overlap, in the image, from above and in space."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.kernels.boxes import select
from neurospike.metrics.kitti_objects import REGION, Table

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Labels and detections of one frame that overlap, by one measure, in the order of labels.

    ``label``, ``row`` and ``share`` (P,) are the label, the detection and the intersection over
    union; ``in_region`` (D,) is the largest share of a detection's own area that one region has.
    """

    label: Ints
    row: Ints
    share: Floats
    in_region: Floats

    def above(self, least: float) -> Pairs:
        """Those that overlap by more."""
        enough = self.share > least
        return Pairs(self.label[enough], self.row[enough], self.share[enough], self.in_region)


def overlapping(labels: Table, detections: Table) -> dict[str, Pairs]:
    """All pairs by measure: "2d", "bev" and "3d"."""
    parts: dict[str, list[tuple[Ints, Ints, Floats]]] = defaultdict(list)
    in_region = np.zeros(len(detections.names))
    regions = labels.names == REGION
    for frame in range(len(labels.starts) - 1):
        ours = slice(*labels.starts[frame : frame + 2])
        theirs = slice(*detections.starts[frame : frame + 2])
        ours_2d, theirs_2d = labels.bbox[ours], detections.bbox[theirs]
        a, b = labels.boxes[ours], detections.boxes[theirs]
        tables = {
            "2d": _in_image(ours_2d, theirs_2d),
            "bev": select.iou(a, b, volume=False),
            "3d": select.iou(a, b, volume=True),
        }
        for measure, table in tables.items():
            label, row = table.nonzero()
            parts[measure].append((label + ours.start, row + theirs.start, table[label, row]))
        shares = _in_image(ours_2d[regions[ours]], theirs_2d, of_detection=True)
        in_region[theirs] = shares.max(axis=0, initial=0.0)
    nowhere = np.zeros_like(in_region)  # regions have no place in space
    pairs = {}
    for measure, part in parts.items():
        label, row, share = (np.concatenate(column) for column in zip(*part, strict=True))
        pairs[measure] = Pairs(label, row, share, in_region if measure == "2d" else nowhere)
    return pairs


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
