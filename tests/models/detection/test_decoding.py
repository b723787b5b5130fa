"""Which boxes of many stay."""

import torch

from neurospike.models.detection.decoding import suppressed

BOX = [10.0, 0.0, -1.0, 4.0, 2.0, 1.5, 0.3]


def moved(x: float, length: float = 4.0) -> list[float]:
    return [x, *BOX[1:3], length, *BOX[4:]]


def test_the_best_of_those_that_overlap_stays_in_each_class() -> None:
    boxes = torch.tensor([moved(10), moved(10.1), moved(30), moved(10)])
    scores = torch.tensor([0.5, 0.9, 0.3, 0.7])
    assert suppressed(boxes, scores, torch.tensor([0, 0, 0, 0]), 0.1).tolist() == [1, 2]
    assert suppressed(boxes, scores, torch.tensor([0, 0, 0, 2]), 0.1).tolist() == [1, 3, 2]


def test_what_is_no_box_goes() -> None:
    boxes = torch.tensor([moved(10, 400), moved(torch.nan), moved(10, torch.inf), moved(30)])
    kept = suppressed(boxes, torch.rand(4), torch.zeros(4, dtype=torch.int64), 0.1)
    assert kept.tolist() == [3]
    assert len(suppressed(boxes[:3], torch.rand(3), torch.zeros(3, dtype=torch.int64), 0.1)) == 0
