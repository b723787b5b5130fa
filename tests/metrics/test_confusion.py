"""Confusion, mean IoU and accuracy against counts made one by one."""

from math import isnan

import numpy as np
import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.metrics import ConfusionMatrix, accuracy, mean_iou


def shares_by_hand(predicted: np.ndarray, label: np.ndarray, classes: int) -> list[float]:
    found = []
    for name in range(classes):
        here, there = label == name, (predicted == name) & (label != -1)
        union = int((here | there).sum())
        found.append(int((here & there).sum()) / union if here.any() else float("nan"))
    return found


@pytest.mark.parametrize("points", [0, 1, 2, 63, 5000])
@pytest.mark.parametrize("classes", [1, 2, 19])
def test_shares_match_sets_of_points(points: int, classes: int) -> None:
    rng = np.random.default_rng(points + classes)
    label, predicted = rng.integers(-1, classes, (2, points))
    confusion = ConfusionMatrix(classes)
    for part in range(3):  # in three updates
        confusion.update(predicted[part::3], label[part::3])
    by_hand = shares_by_hand(predicted, label, classes)
    np.testing.assert_allclose(confusion.iou(), by_hand, rtol=1e-15)
    counted = label != -1
    assert confusion.counts.sum() + confusion.unpredicted.sum() == counted.sum()
    if counted.any():
        assert confusion.mean_iou() == pytest.approx(np.nanmean(by_hand))
        assert confusion.mean_iou("all") == pytest.approx(np.nansum(by_hand) / classes)
        expected = (predicted == label)[counted].mean()
        assert confusion.accuracy() == accuracy(predicted, label) == pytest.approx(expected)
        assert mean_iou(predicted, label, classes) == confusion.mean_iou()
    else:
        assert isnan(confusion.mean_iou()) and isnan(confusion.accuracy())
        assert isnan(accuracy(predicted, label))


def test_known_counts() -> None:
    confusion = ConfusionMatrix(3)
    confusion.update([[0, 0, 1], [1, 2, -1]], [[0, 0, 0], [1, 1, 1]])
    assert confusion.counts.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert confusion.unpredicted.tolist() == [0, 1, 0]
    # Class 1: found once, taken once too often, missed twice. Class 2 has no label.
    np.testing.assert_array_equal(confusion.iou(), [2 / 3, 1 / 4, np.nan])
    assert confusion.mean_iou() == pytest.approx((2 / 3 + 1 / 4) / 2)
    assert confusion.mean_iou("all") == pytest.approx((2 / 3 + 1 / 4) / 3)
    assert confusion.accuracy() == 0.5
    lines = confusion.table(["car", "road", "pole"]).splitlines()
    assert [line.split() for line in lines] == [
        ["class", "IoU", "points"],
        ["car", "66.67", "3"],
        ["road", "25.00", "3"],
        ["pole", "-", "0"],
        ["mean", "45.83", "6"],
    ]


def test_truth_is_perfect() -> None:
    label = np.random.default_rng(0).integers(0, 19, 4000)
    assert mean_iou(label, label, 19) == mean_iou(label, label, 19, over="all") == 1.0
    assert accuracy(label, label) == 1.0


def test_an_ignored_class_among_the_classes_is_no_class() -> None:
    confusion = ConfusionMatrix(3, ignore=0)
    confusion.update([0, 1, 1, 2], [0, 1, 2, 2])
    assert confusion.counts.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert confusion.mean_iou("all") == confusion.mean_iou() == 0.5
    confusion.update([0], [1])  # no class was predicted: missed
    assert confusion.unpredicted.tolist() == [0, 1, 0]
    assert accuracy([0, 1], [0, 2], ignore=0) == 0.0
    assert mean_iou([0, 1, 2, 255], [0, 1, 255, 2], 3, ignore=255, over="all") == 2 / 3


def test_tensors_are_taken() -> None:
    label = torch.tensor([[0, 1], [2, -1]])
    assert mean_iou(label, label, 3) == 1.0
    assert accuracy(label.to(torch.int32), label) == 1.0


def test_bad_input_is_named() -> None:
    confusion = ConfusionMatrix(3)
    for predicted, label, message in [
        ([0, 1], [0], r"predicted: must have the shape of label, \(1,\); got \(2,\)"),
        ([3], [0], r"predicted: must lie within 0\.\.2 or be -1; got 3"),
        ([0], [-2], r"label: must lie within 0\.\.2 or be -1; got -2"),
        ([0.5], [0], r"predicted: must be whole numbers; got dtype float64"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            confusion.update(predicted, label)
    assert confusion.counts.sum() == 0
    with pytest.raises(ArgumentError, match="num_classes: must be 1 or more; got 0"):
        ConfusionMatrix(0)
    with pytest.raises(ArgumentError, match=r"over: must be among present, all; got 'some'"):
        confusion.mean_iou("some")
    with pytest.raises(ArgumentError, match="names: must be 3, one a class; got 1"):
        confusion.table(["car"])
    with pytest.raises(ArgumentError, match=r"accuracy\.label: must be whole numbers"):
        accuracy([1], [0.0])
