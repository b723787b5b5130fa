"""Losses worked out by hand, and what they are blind to."""

import math

import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.models.detection.anchors import AnchorGrid
from neurospike.models.detection.coding import encode
from neurospike.models.detection.losses import (
    anchor_loss,
    batch_targets,
    focal,
    overlap_loss,
    residual_loss,
)
from neurospike.models.detection.maps import Maps

GRID = AnchorGrid.of_classes(("Car",), (0.0, -4.0), (0.8, 0.8))
BOX = torch.tensor([[4.4, 0.4, -1.0, 3.9, 1.6, 1.56, 0.0]], dtype=torch.float64)
LABEL = torch.tensor([0])


def maps(scans: int = 1) -> Maps:
    """Maps of a net that says 0 everywhere: the anchors themselves, at even odds."""
    return Maps(torch.zeros(scans, 20, 10, 10, requires_grad=True))


def test_focal_loss_at_even_odds() -> None:
    values = focal(torch.zeros(2), torch.tensor([1.0, 0.0]))
    expected = [0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)]
    torch.testing.assert_close(values, torch.tensor(expected))


def test_residual_loss_is_blind_to_half_a_turn() -> None:
    wanted = torch.zeros(1, 7)
    found = wanted.clone()
    found[:, 6] = math.pi
    assert residual_loss(found, wanted).item() == pytest.approx(0.0, abs=1e-9)


def test_residual_loss_of_one_number() -> None:
    found = torch.zeros(1, 7)
    found[0, 0] = 1.0
    # Beyond beta: |error| - beta / 2.
    assert residual_loss(found, torch.zeros(1, 7)).item() == pytest.approx(1 - 1 / 18)


def test_parts_of_a_car_that_is_its_anchor() -> None:
    losses = anchor_loss(GRID, maps(), [BOX], [LABEL])
    assert losses["direction"].item() == pytest.approx(0.2 * math.log(2))
    assert losses["loss"].item() == pytest.approx(
        sum(losses[name].item() for name in ("class", "box", "direction"))
    )
    # 200 anchors; those that overlap by 0.45 to 0.6 say nothing.
    assert 0 < losses["class"].item() <= 0.25 * math.log(2) * 0.75 * 200


def test_a_perfect_net_loses_nothing_on_boxes() -> None:
    targets = batch_targets(GRID, (10, 10), [BOX], [LABEL])
    numbers = torch.zeros(200, 10)
    numbers[targets.positive, 1:8] = encode(targets.boxes, targets.anchors)
    numbers[:, 7] += math.pi  # known up to half a turn
    said = Maps(numbers.reshape(10, 10, 20).permute(2, 0, 1)[None])
    assert anchor_loss(GRID, said, [BOX], [LABEL])["box"].item() == pytest.approx(0, abs=1e-9)
    assert anchor_loss(GRID, maps(), [BOX], [LABEL])["box"].item() > 0.05


def test_overlap_is_that_of_the_box_as_it_was_found() -> None:
    numbers = torch.zeros(1, 22, 10, 10)
    targets = batch_targets(GRID, (10, 10), [BOX], [LABEL])
    losses = anchor_loss(GRID, Maps(numbers, 11), [BOX], [LABEL])
    # At even odds the cross entropy is ln 2 whatever the overlap; the mean of all anchors is too.
    assert losses["overlap"].item() == pytest.approx(math.log(2))
    off = targets.anchors.clone()
    off[:, 0] += off[:, 3] / 2  # half of the anchor: one third of the union
    loss = overlap_loss(torch.full((len(off),), 0.5), off, targets.anchors)
    wanted = math.log(1 + math.exp(0.5)) - 0.5 / 3
    along_x = targets.anchors[:, 6] == 0
    torch.testing.assert_close(loss[along_x], torch.full_like(loss[along_x], wanted))


def test_a_batch_is_the_mean_of_its_scans() -> None:
    other = BOX.clone()
    other[0, 0] += 0.2
    one = anchor_loss(GRID, maps(), [BOX], [LABEL])["loss"].item()
    two = anchor_loss(GRID, maps(), [other], [LABEL])["loss"].item()
    both = anchor_loss(GRID, maps(2), [BOX, other], [LABEL, LABEL])["loss"].item()
    assert both == pytest.approx((one + two) / 2)


@pytest.mark.parametrize(
    ("boxes", "labels", "message"),
    [
        ([], [], "a tensor for each of 1 scans"),
        ([BOX[:, :6]], [LABEL], r"must be \(M, 7\)"),
        ([BOX], [torch.tensor([1])], "must be below 1 classes; got 1"),
        ([BOX * torch.tensor([1, 1, 1, -1, 1, 1, 1])], [LABEL], "must be above 0; got -3.9 m"),
    ],
)
def test_refusals(boxes: list[torch.Tensor], labels: list[torch.Tensor], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        anchor_loss(GRID, maps(), boxes, labels)
