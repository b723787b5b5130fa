"""Targets against a loop over every anchor and object."""

import math

import numpy as np
import pytest
import torch

from neurospike.models.detection.anchors import AnchorGrid
from neurospike.models.detection.assignment import Targets, assign

GRID = AnchorGrid.of_classes(("Car", "Pedestrian", "Cyclist"), (0.0, -8.0), (0.4, 0.4))
SHAPE = (41, 40)


def objects(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    sizes = np.array([[3.9, 1.6, 1.56], [0.8, 0.6, 1.73], [1.76, 0.6, 1.73]])
    labels = rng.integers(0, 3, count)
    boxes = np.column_stack(
        [
            rng.uniform((-1, -9, -2), (17, 9, 0), (count, 3)),
            sizes[labels] * rng.uniform(0.8, 1.2, (count, 3)),
            rng.uniform(-math.pi, math.pi, count),
        ]
    )
    return torch.from_numpy(boxes.reshape(count, 7)), torch.from_numpy(labels)


def overlaps(boxes: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """(objects, anchors) overlaps of rectangles along the axes, of equal classes only."""
    numbers = torch.arange(SHAPE[0] * SHAPE[1] * GRID.per_cell)
    anchors = GRID.boxes(numbers, SHAPE).double().numpy()
    kinds = (numbers % GRID.per_cell // 2).numpy()
    table = np.zeros((len(boxes), len(anchors)))
    for row, (box, label) in enumerate(zip(boxes.numpy(), labels.numpy(), strict=True)):
        along_x = abs(math.cos(box[6])) >= abs(math.sin(box[6]))
        length, width = (box[3], box[4]) if along_x else (box[4], box[3])
        turned = np.abs(np.sin(anchors[:, 6])) > 0.5
        a_length = np.where(turned, anchors[:, 4], anchors[:, 3])
        a_width = np.where(turned, anchors[:, 3], anchors[:, 4])
        x = np.minimum(box[0] + length / 2, anchors[:, 0] + a_length / 2)
        x = x - np.maximum(box[0] - length / 2, anchors[:, 0] - a_length / 2)
        y = np.minimum(box[1] + width / 2, anchors[:, 1] + a_width / 2)
        y = y - np.maximum(box[1] - width / 2, anchors[:, 1] - a_width / 2)
        shared = np.clip(x, 0, None) * np.clip(y, 0, None)
        overlap = shared / (length * width + a_length * a_width - shared)
        table[row] = np.where((kinds == label) | (label < 0), overlap, 0)
    return table


def check(found: Targets, boxes: torch.Tensor, labels: torch.Tensor) -> None:
    table = overlaps(boxes, labels)
    kinds = np.arange(table.shape[1]) % GRID.per_cell // 2
    positive = np.array([a.positive for a in GRID.anchors])[kinds]
    negative = np.array([a.negative for a in GRID.anchors])[kinds]
    stands = found.positive.numpy()
    best = table.max(0, initial=0)
    if len(boxes) == 0:
        assert len(stands) == len(found.ignored) == 0
        return
    sure = np.flatnonzero((best >= positive + 1e-5) & (labels.numpy()[table.argmax(0)] >= 0))
    assert set(sure) <= set(stands)
    for number, row in zip(stands, found.objects.numpy(), strict=True):
        is_best_anchor = table[row, number] >= table[row].max() - 1e-5
        is_best_object = table[row, number] >= best[number] - 1e-5
        assert is_best_anchor or (is_best_object and table[row, number] >= positive[number] - 1e-5)
    for row in range(len(boxes)):
        if labels[row] >= 0 and table[row].max() > 0:
            tops = np.flatnonzero(table[row] >= table[row].max() - 1e-9)
            assert set(tops) <= set(stands)
    ignored = set(found.ignored.numpy())
    assert not ignored & set(stands)
    unsure = set(np.flatnonzero(best >= negative + 1e-5)) - set(stands)
    assert unsure <= ignored
    assert ignored <= set(np.flatnonzero(best >= negative - 1e-5))


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (1, 1), (7, 2), (30, 3)])
def test_targets_are_those_of_a_loop(count: int, seed: int) -> None:
    boxes, labels = objects(count, seed)
    check(assign(GRID, SHAPE, boxes, labels), boxes, labels)


def test_nothing_is_trained_where_a_label_is_below_zero() -> None:
    boxes = torch.tensor([[8.0, 0.2, -1.0, 3.9, 1.6, 1.56, 0.0]], dtype=torch.float64)
    found = assign(GRID, SHAPE, boxes, torch.tensor([-1]))
    assert len(found.positive) == 0
    assert len(found.ignored) > 0
    check(found, boxes, torch.tensor([-1]))


def test_an_object_outside_of_the_range_has_no_anchor() -> None:
    boxes = torch.tensor([[60.0, 0.2, -1.0, 3.9, 1.6, 1.56, 0.0]])
    assert len(assign(GRID, SHAPE, boxes, torch.tensor([0])).positive) == 0


def test_anchor_on_the_object_stands_for_it() -> None:
    number = (20 * SHAPE[1] + 10) * GRID.per_cell + 3  # a pedestrian's along y
    box = GRID.boxes(torch.tensor([number]), SHAPE)
    found = assign(GRID, SHAPE, box, torch.tensor([1]))
    assert number in found.positive.tolist()
