"""From maps to boxes: the best anchors, decoded, one per object."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neurospike.models.detection.anchors import YAWS, AnchorGrid
from neurospike.models.detection.coding import decode, with_direction
from neurospike.models.detection.maps import WITH_OVERLAP, Maps

CANDIDATES = 1000
"""Anchors of a scan that are decoded at most, the best ones."""

LONGEST_M = 50.0
"""No object is longer: what an untrained network says beyond it is left out."""


@dataclass(frozen=True)
class Detections:
    """Boxes found in one scan, best first.

    Attributes
    ----------
    boxes
        float32 (M, 7) LiDAR boxes: x, y, z of the centre, length, width, height, yaw.
    scores
        float32 (M,), 0 to 1.
    labels
        int64 (M,) classes.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def detections(
    grid: AnchorGrid,
    maps: Maps,
    *,
    score: float,
    nms: float,
    limit: int,
    candidates: int = CANDIDATES,
) -> list[Detections]:
    """Boxes of every scan, without those that overlap a better one of their class.

    Parameters
    ----------
    score
        Least score of a box; where the maps hold overlaps, the root of score times overlap.
    nms
        Overlap seen from above, of rotated boxes, from which on the worse one goes.
    limit
        Most boxes of a scan.
    candidates
        Anchors of a scan that are decoded at most, the best ones.
    """
    found = []
    for one in best_anchors(grid, maps, score=score, candidates=candidates):
        kept = suppressed(one.boxes, one.scores, one.labels, nms)[:limit]
        found.append(Detections(one.boxes[kept], one.scores[kept], one.labels[kept]))
    return found


def best_anchors(
    grid: AnchorGrid, maps: Maps, *, score: float, candidates: int = CANDIDATES
) -> list[Detections]:
    """The boxes of every scan's best anchors, of a least score, whether they overlap or not."""
    table = maps.rows().detach()
    sure = table[..., 0].sigmoid()
    if maps.each == WITH_OVERLAP:
        sure = (sure * table[..., 10].sigmoid()).sqrt()
    found = []
    for scan, sureness in zip(table, sure, strict=True):
        scores, rows = _best(sureness, score, candidates)
        best = scan[rows]
        boxes = decode(best[:, 1:8], grid.boxes(rows, maps.shape))
        boxes[:, 6] = with_direction(boxes[:, 6], best[:, 8:10].argmax(1))
        found.append(Detections(boxes, scores, rows % grid.per_cell // len(YAWS)))
    return found


def _best(scores: Tensor, least: float, most: int) -> tuple[Tensor, Tensor]:
    rows = (scores >= least).nonzero()[:, 0]
    top = torch.topk(scores[rows], min(most, len(rows)))
    return top.values, rows[top.indices]


def suppressed(boxes: Tensor, scores: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """Rows of the boxes that stay, best first: each class is judged by itself.

    Rows that are no boxes, not finite or endless, go.
    """
    from neurospike.kernels.boxes import select

    sane = boxes.isfinite().all(1) & (boxes[:, 3:6] < LONGEST_M).all(1)
    kept = []
    for kind in sorted(set(labels.tolist())):
        mine = ((labels == kind) & sane).nonzero()[:, 0]
        numbers = select.nms(
            boxes[mine].double().cpu().numpy(), scores[mine].double().cpu().numpy(), threshold
        )
        kept.append(mine[torch.as_tensor(numbers, device=mine.device)])
    if not kept:
        return labels.new_empty(0)
    rows = torch.cat(kept)
    return rows[torch.argsort(scores[rows], descending=True, stable=True)]
