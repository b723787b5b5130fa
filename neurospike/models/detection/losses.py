"""Losses of an anchor head: focal, smooth L1 with the sine of the yaw, direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from neurospike.errors import ArgumentError
from neurospike.models.detection.anchors import AnchorGrid
from neurospike.models.detection.assignment import assign
from neurospike.models.detection.coding import decode, direction_of, encode
from neurospike.models.detection.maps import WITH_OVERLAP, Maps

ALPHA, GAMMA = 0.25, 2.0
BETA = 1 / 9
BOX_WEIGHT = 2.0
DIRECTION_WEIGHT = 0.2
OVERLAP_WEIGHT = 1.0


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss of each logit against a target of 0 or 1; alpha 0.25, gamma 2.

    Source
    ------
    Lin et al., ICCV 2017, arXiv:1708.02002.
    """
    missed = torch.sigmoid(torch.where(target > 0, -logits, logits))
    weight = torch.where(target > 0, ALPHA, 1 - ALPHA)
    return (
        weight
        * missed**GAMMA
        * F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    )


def residual_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Smooth L1, beta 1/9, of residuals (N, 7): (N,) sums; the yaw's is of the sine.

    The sine of the difference makes a box and the same box turned by half a circle equal; which
    of the two it is the direction says.

    Source
    ------
    Yan et al., SECOND, Sensors 2018, 18(10), 3337, section 3.3.
    """
    error = found - wanted
    error = torch.cat([error[:, :6], torch.sin(error[:, 6:])], 1)
    return F.smooth_l1_loss(error, torch.zeros_like(error), beta=BETA, reduction="none").sum(1)


def overlap_loss(logits: Tensor, found: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy (N,) of the overlap that an anchor claims and that of its box, in space.

    Shape
    -----
    in:  logits (N,), boxes (N, 7) that were found, which are only measured, and (N, 7) wanted
    out: (N,)

    Source
    ------
    Wu et al., IoU-aware single-stage object detector, arXiv:1912.05992.
    """
    from neurospike.kernels.boxes import select

    boxes = [part.detach().double().cpu().numpy() for part in (found, wanted)]
    measured = torch.from_numpy(select.iou(*boxes, volume=True, paired=True)).to(logits)
    return F.binary_cross_entropy_with_logits(logits, measured, reduction="none")


@dataclass(frozen=True)
class BatchTargets:
    """Targets of a batch; anchors are numbered through all its scans.

    Attributes
    ----------
    positive, ignored
        int64 (P,) and (I,) numbers of anchors.
    share
        (B,) one over the number of positive anchors of each scan, or one.
    anchors, boxes
        (P, 7) boxes of the positive anchors, and of the objects that they stand for.
    """

    positive: Tensor
    ignored: Tensor
    share: Tensor
    anchors: Tensor
    boxes: Tensor


def anchor_loss(
    grid: AnchorGrid, maps: Maps, boxes: Sequence[Tensor], labels: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Losses of a batch: "loss", and its weighted parts "class", "box" and "direction".

    With maps that hold overlaps there is a part "overlap" besides. Each scan's parts are divided
    by the number of its positive anchors, then averaged over scans.

    Shape
    -----
    in:  maps of B scans; B tensors of boxes (M, 7), and B of integer labels (M,)
    out: scalars

    Raises
    ------
    ArgumentError
        Another number of scans, a label beyond the classes, a box without extent.

    Cost
    ----
    The focal loss meets every anchor; the others only those that stand for an object.
    """
    rows = maps.rows()
    _check(grid, len(rows), boxes, labels)
    targets = batch_targets(grid, maps.shape, boxes, labels, device=rows.device)
    at = targets.positive
    logits = rows[..., 0]
    target = torch.zeros_like(logits).view(-1)
    target[at] = 1.0
    each = focal(logits.reshape(-1), target).index_fill(0, targets.ignored, 0.0)
    share = (targets.share / len(rows)).to(rows)
    mine = share[at // rows.shape[1]]
    # Gathered once: the gradient of every slice would be a whole map.
    found = rows.reshape(-1, maps.each)[at]
    anchors = targets.anchors.to(found)
    wanted = encode(targets.boxes.to(found), anchors)
    looks = direction_of(targets.boxes[:, 6])
    misled = F.cross_entropy(found[:, 8:10], looks, reduction="none")
    parts = {
        "class": (each.view(logits.shape).sum(1) * share).sum(),
        "box": BOX_WEIGHT * (residual_loss(found[:, 1:8], wanted) * mine).sum(),
        "direction": DIRECTION_WEIGHT * (misled * mine).sum(),
    }
    if maps.each == WITH_OVERLAP:
        placed = decode(found[:, 1:8].detach(), anchors)
        missed = overlap_loss(found[:, 10], placed, targets.boxes)
        parts["overlap"] = OVERLAP_WEIGHT * (missed * mine).sum()
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def batch_targets(
    grid: AnchorGrid,
    shape: tuple[int, int],
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    *,
    device: torch.device | None = None,
) -> BatchTargets:
    """Assign every scan's anchors, on the CPU, and bring the targets to a device."""
    cells = shape[0] * shape[1] * grid.per_cell
    positive, ignored, counts, anchors, objects = [], [], [], [], []
    for scan, (mine, kinds) in enumerate(zip(boxes, labels, strict=True)):
        found = assign(grid, shape, mine, kinds)
        objects.append(mine.detach().cpu().float()[found.objects])
        anchors.append(grid.boxes(found.positive, shape))
        positive.append(found.positive + scan * cells)
        ignored.append(found.ignored + scan * cells)
        counts.append(max(len(found.positive), 1))
    return BatchTargets(
        torch.cat(positive).to(device),
        torch.cat(ignored).to(device),
        (1.0 / torch.tensor(counts)).to(device),
        torch.cat(anchors).to(device),
        torch.cat(objects).to(device),
    )


def _check(grid: AnchorGrid, scans: int, boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> None:
    if len(boxes) != scans or len(labels) != scans or not scans:
        raise ArgumentError(
            f"anchor_loss.boxes, labels: must hold a tensor for each of {scans} scans, one or "
            f"more; got {len(boxes)} and {len(labels)}."
        )
    for scan, (mine, kinds) in enumerate(zip(boxes, labels, strict=True)):
        if mine.ndim != 2 or mine.shape[1] != 7 or kinds.shape != mine.shape[:1]:
            raise ArgumentError(
                f"anchor_loss.boxes: scan {scan}: must be (M, 7) with labels (M,); got "
                f"{tuple(mine.shape)} and {tuple(kinds.shape)}."
            )
        if bool((kinds >= len(grid.anchors)).any()):
            raise ArgumentError(
                f"anchor_loss.labels: scan {scan}: must be below {len(grid.anchors)} classes; got "
                f"{int(kinds.max())}."
            )
        if not bool((mine[:, 3:6] > 0).all()):
            raise ArgumentError(
                f"anchor_loss.boxes: scan {scan}: length, width and height must be above 0; got "
                f"{mine[:, 3:6].min():g} m. Drop such boxes when the labels are read."
            )
