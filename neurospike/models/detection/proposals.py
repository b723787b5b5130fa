"""Proposals: boxes of the first stage, those that the second stage looks at, and for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from neurospike.models.detection.anchors import AnchorGrid
from neurospike.models.detection.decoding import Detections, best_anchors, detections, suppressed
from neurospike.models.detection.maps import Maps
from neurospike.models.detection.roi_coding import decode_in

TESTED, TEST_NMS = 100, 0.7
"""Proposals of a scan that are refined, and the overlap from which on one of two goes."""

TRAINED, TRAIN_NMS = 128, 0.8
"""Proposals of a scan that are trained at most; and how much those beside objects may overlap."""

LEAST_BESIDE = 16
"""Proposals beside objects that are trained in a scan without objects."""

MISPLACED = 0.08
"""Deviation of the residuals that copies of objects are misplaced by."""

FOREGROUND = 0.55
"""Overlap in space with an object, from which on a proposal's box is trained."""

CANDIDATES = 400
"""Anchors of a scan, the best ones, that proposals are taken from."""


@dataclass(frozen=True, eq=False)
class Proposals:
    """Boxes of a batch.

    Attributes
    ----------
    boxes
        float32 (R, 7) LiDAR boxes.
    scores, labels
        (R,) scores, 0 to 1, and classes.
    scan
        int64 (R,) scan of each, ascending.
    scans
        Scans in the batch, those without boxes included.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    scan: Tensor
    scans: int

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, found: Sequence[Detections]) -> Proposals:
        """All boxes of a batch in one table."""
        scan = [torch.full_like(one.labels, row) for row, one in enumerate(found)]
        return cls(
            torch.cat([one.boxes for one in found]),
            torch.cat([one.scores for one in found]),
            torch.cat([one.labels for one in found]),
            torch.cat(scan),
            len(found),
        )

    def detections(self, *, score: float, nms: float, limit: int) -> list[Detections]:
        """Boxes of every scan of a least score, best first, one an object."""
        found = []
        for scan in range(self.scans):
            mine = ((self.scan == scan) & (self.scores >= score)).nonzero()[:, 0]
            boxes, scores, labels = self.boxes[mine], self.scores[mine], self.labels[mine]
            kept = suppressed(boxes, scores, labels, nms)[:limit]
            found.append(Detections(boxes[kept], scores[kept], labels[kept]))
        return found


@dataclass(frozen=True, eq=False)
class Sampled:
    """Proposals that are trained.

    Attributes
    ----------
    rois
        (S, 7) their boxes.
    scan
        int64 (S,) scan of each.
    overlap
        (S,) of each with the object of its class that it overlaps most, in space.
    objects
        (S, 7) that object, or the proposal itself where it overlaps none.
    """

    rois: Tensor
    scan: Tensor
    overlap: Tensor
    objects: Tensor


def propose(grid: AnchorGrid, maps: Maps, *, nms: float, limit: int) -> Proposals:
    """The first stage's best boxes, whatever their scores, without gradients."""
    found = detections(grid, maps, score=0.0, nms=nms, limit=limit, candidates=CANDIDATES)
    return Proposals.of(found)


def sample(
    grid: AnchorGrid,
    maps: Maps,
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    *,
    copies: int = 0,
) -> Sampled:
    """Up to 128 proposals a scan: half of them on objects, as many beside them, 16 at the least.

    The best-scored ones come first, so that what stands beside an object is what the first stage
    takes for one. Proposals on objects may resemble each other, those beside them overlap by 0.8
    at most. What overlaps a region without training (a label below 0) more than an object of its
    class is left out.

    Parameters
    ----------
    boxes, labels
        (M, 7) LiDAR boxes and integer labels (M,) of each scan.
    copies
        Proposals made of each object besides, misplaced at random: a first stage that has learnt
        little yet, or whose anchors stand far apart, proposes too few to learn from.
    """
    parts = []
    found = best_anchors(grid, maps, score=0.0, candidates=CANDIDATES)
    for one, mine, kinds in zip(found, boxes, labels, strict=True):
        truth, wanted = mine.detach().to(one.boxes), kinds.to(one.labels)
        parts.append(_matched(_with_copies(one, truth, wanted, copies), truth, wanted))
    rois, overlap, objects = (torch.cat(column) for column in zip(*parts, strict=True))
    counts = torch.tensor([len(part[0]) for part in parts])
    scan = torch.arange(len(parts)).repeat_interleave(counts).to(rois.device)
    return Sampled(rois, scan, overlap, objects)


def _with_copies(found: Detections, truth: Tensor, wanted: Tensor, copies: int) -> Detections:
    """The proposals, and behind them copies of the objects that are trained, misplaced."""
    objects = (wanted >= 0).nonzero()[:, 0].repeat(copies)
    made = decode_in(torch.randn_like(truth[objects]) * MISPLACED, truth[objects])
    return Detections(
        torch.cat([found.boxes, made]),
        torch.cat([found.scores, found.scores.new_zeros(len(made))]),
        torch.cat([found.labels, wanted[objects]]),
    )


def _matched(found: Detections, truth: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (S, 7) of a scan to train on, their overlaps (S,) and objects (S, 7)."""
    from neurospike.kernels.boxes import select

    kinds = found.labels
    measured = select.iou(
        found.boxes.double().cpu().numpy(), truth.double().cpu().numpy(), volume=True
    )
    # A column of zeros stands for no object, so that a scan may have none.
    table = F.pad(torch.from_numpy(measured).to(found.boxes), (0, 1))
    wanted = F.pad(wanted, (0, 1))
    own = table.masked_fill(kinds[:, None] != wanted, 0.0).max(1)
    untrained = table.masked_fill(wanted >= 0, 0.0).amax(1)
    trained = own.values >= untrained
    on = (trained & (own.values >= FOREGROUND)).nonzero()[: TRAINED // 2, 0]
    beside = (trained & (own.values < FOREGROUND)).nonzero()[:, 0]
    apart = suppressed(found.boxes[beside], found.scores[beside], kinds[beside], TRAIN_NMS)
    beside = beside[apart[: max(len(on), LEAST_BESIDE)]]
    rows = torch.cat([on, beside])
    rois, overlap = found.boxes[rows], own.values[rows]
    objects = torch.cat([truth, truth.new_ones(1, 7)])[own.indices[rows]]
    return rois, overlap, torch.where(overlap[:, None] > 0, objects, rois)
