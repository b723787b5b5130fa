"""The second stage at work: proposals refined, and what it is trained for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from neurospike.models.detection.anchors import AnchorGrid
from neurospike.models.detection.losses import residual_loss
from neurospike.models.detection.maps import Maps
from neurospike.models.detection.proposals import (
    FOREGROUND,
    TEST_NMS,
    TESTED,
    Proposals,
    propose,
    sample,
)
from neurospike.models.detection.roi_coding import corners, decode_in, encode_in
from neurospike.models.detection.roi_head import RoIHead
from neurospike.nn.together import counted, is_together, weighted_mean

COPIES = 8
"""Misplaced copies of each object that are proposed in training."""

CORNER_BETA_M = 1.0
"""Corners farther off than this pull with a constant force."""


def refine(head: RoIHead, grid: AnchorGrid, maps: Maps) -> Proposals:
    """The best 100 proposals of each scan, moved and scored by the second stage.

    A score is the second stage's alone; the class is the first stage's.
    """
    first = propose(grid, maps, nms=TEST_NMS, limit=TESTED)
    numbers = head(maps.stages, first.boxes, first.scan).detach()
    boxes = decode_in(numbers[:, 1:], first.boxes)
    return Proposals(boxes, numbers[:, 0].sigmoid(), first.labels, first.scan, first.scans)


def refinement_loss(
    head: RoIHead, grid: AnchorGrid, maps: Maps, boxes: Sequence[Tensor], labels: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Parts "confidence", "refined" and "corners" of a batch, on sampled proposals.

    The confidence is trained for min(1, max(0, 2 overlap - 0.5)), averaged over proposals;
    residuals and corners where the overlap is 0.55 or more, averaged over those. Truth that was
    checked already.

    Source
    ------
    Deng et al., Voxel R-CNN, AAAI 2021, arXiv:2012.15712, equations 2 to 5; corners after Qi et
    al., Frustum PointNets, CVPR 2018, as in the authors' code. Departure: the sine of the yaw.
    """
    chosen = sample(grid, maps, boxes, labels, copies=COPIES if head.training else 0)
    count = len(chosen.rois)
    if counted(count, device=chosen.rois.device) < 2:  # a norm over one row has no variance
        nothing = maps.numbers.sum() * 0.0
        # Processes that train together wait for a gradient of every parameter.
        nothing = nothing + sum(p.sum() * 0.0 for p in head.parameters() if is_together())
        return {"confidence": nothing, "refined": nothing, "corners": nothing}
    numbers = head(maps.stages, chosen.rois, chosen.scan)
    placed = (2.0 * chosen.overlap - 0.5).clamp(0.0, 1.0)
    on = (chosen.overlap >= FOREGROUND).nonzero()[:, 0]
    rois, objects, residuals = chosen.rois[on], chosen.objects[on], numbers[on, 1:]
    share = 1.0 / max(len(on), 1)
    confidence = F.binary_cross_entropy_with_logits(numbers[:, 0], placed, reduction="sum")
    refined = residual_loss(residuals, encode_in(objects, rois)).sum() * share
    corners = corner_loss(decode_in(residuals, rois), objects).sum() * share
    return {
        "confidence": weighted_mean(confidence / max(count, 1), count),
        "refined": weighted_mean(refined, len(on)),
        "corners": weighted_mean(corners, len(on)),
    }


def corner_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Smooth L1 (N,) of how far, in metres, the corners of boxes (N, 7) are off, on average.

    The wanted box may look either way.
    """
    half_turn = torch.zeros_like(wanted)
    half_turn[:, 6] = torch.pi
    mine = corners(found)
    off = [(mine - corners(box)).square().sum(-1) for box in (wanted, wanted + half_turn)]
    nearest = torch.minimum(off[0].mean(1), off[1].mean(1)) == off[0].mean(1)
    # The root's gradient at zero is infinite.
    far = torch.where(nearest[:, None], off[0], off[1]).clamp_min(1e-12).sqrt()
    return F.smooth_l1_loss(far, torch.zeros_like(far), beta=CORNER_BETA_M, reduction="none").mean(
        1
    )
