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
from neurospike.models.detection.coding import direction_of, encode
from neurospike.models.detection.maps import Maps

ALPHA, GAMMA = 0.25, 2.0
BETA = 1 / 9
BOX_WEIGHT = 2.0
DIRECTION_WEIGHT = 0.2


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


@dataclass(frozen=True)
class BatchTargets:
    """Targets of a batch; anchors are numbered through all its scans.

    Attributes
    ----------
    positive, ignored
        int64 (P,) and (I,) numbers of anchors.
    share
        (B,) one over the number of positive anchors of each scan, or one.
    residuals, directions
        (P, 7) and int64 (P,), of the positive anchors.
    """

    positive: Tensor
    ignored: Tensor
    share: Tensor
    residuals: Tensor
    directions: Tensor


def anchor_loss(
    grid: AnchorGrid, maps: Maps, boxes: Sequence[Tensor], labels: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Losses of a batch: "loss", and its weighted parts "class", "box" and "direction".

    Each scan's parts are divided by the number of its positive anchors, then averaged over scans.

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
    The focal loss meets every anchor; the other two only those that stand for an object.
    """
    logits, residuals, directions = maps.rows()
    _check(grid, len(logits), boxes, labels)
    targets = batch_targets(grid, maps.shape, boxes, labels)
    anchors = logits.shape[1]
    share = (targets.share / len(logits)).to(logits)
    target = torch.zeros_like(logits).view(-1)
    target[targets.positive] = 1.0
    each = focal(logits.reshape(-1), target).index_fill(0, targets.ignored, 0.0)
    class_loss = (each.view(logits.shape).sum(1) * share).sum()
    mine = share[targets.positive // anchors]
    found = residuals.reshape(-1, 7)[targets.positive]
    box_loss = BOX_WEIGHT * (residual_loss(found, targets.residuals.to(found)) * mine).sum()
    looks = directions.reshape(-1, 2)[targets.positive]
    misled = F.cross_entropy(looks, targets.directions, reduction="none")
    direction_loss = DIRECTION_WEIGHT * (misled * mine).sum()
    return {
        "loss": class_loss + box_loss + direction_loss,
        "class": class_loss,
        "box": box_loss,
        "direction": direction_loss,
    }


def batch_targets(
    grid: AnchorGrid, shape: tuple[int, int], boxes: Sequence[Tensor], labels: Sequence[Tensor]
) -> BatchTargets:
    """Assign every scan's anchors, on the CPU, and give the targets on the boxes' device."""
    anchors = shape[0] * shape[1] * grid.per_cell
    positive, ignored, counts, residuals, yaws = [], [], [], [], []
    for scan, (mine, kinds) in enumerate(zip(boxes, labels, strict=True)):
        found = assign(grid, shape, mine, kinds)
        wanted = mine.detach().float()[found.objects.to(mine.device)]
        residuals.append(encode(wanted, grid.boxes(found.positive, shape).to(wanted)))
        yaws.append(wanted[:, 6])
        positive.append(found.positive + scan * anchors)
        ignored.append(found.ignored + scan * anchors)
        counts.append(max(len(found.positive), 1))
    device = boxes[0].device
    return BatchTargets(
        torch.cat(positive).to(device),
        torch.cat(ignored).to(device),
        1.0 / torch.tensor(counts, device=device),
        torch.cat(residuals),
        direction_of(torch.cat(yaws)),
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
