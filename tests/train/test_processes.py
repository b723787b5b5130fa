"""Runs on several processes: each sees its share, and measures are of all that they saw."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from neurospike.datasets.calibration import Calibration
from neurospike.train import load_recipe
from neurospike.train.detection import APMeter
from neurospike.train.module import of_all_processes
from neurospike.train.samples import EpochSampler
from neurospike.train.scan_sections import DetectPart
from neurospike.train.segmentation import PointMeter
from neurospike.train.tasks import AccuracyMeter
from tests.train.stand_ins import be_process


def test_processes_take_turns_at_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    for rank in range(3):
        be_process(monkeypatch, rank, 3)
        share = EpochSampler(7, shuffle=False, seed=0, shared=True)
        assert len(share) == len(list(share))
        seen += list(share)
        assert len(EpochSampler(7, shuffle=False, seed=0)) == 7
    assert sorted(seen) == [(0, index) for index in range(7)]


def test_in_training_each_has_as_many_and_the_epoch_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []
    for rank in range(3):
        be_process(monkeypatch, rank, 3)
        share = EpochSampler(7, shuffle=True, seed=0, shared=True)
        share.set_epoch(4)
        assert len(share) == 2
        seen += list(share)
    assert len(set(seen)) == 6
    assert {epoch for epoch, _ in seen} == {4}


def accuracy_meters() -> list[AccuracyMeter]:
    recipe = load_recipe("solids")
    meters = [AccuracyMeter(recipe) for _ in range(3)]
    scores = torch.eye(4)
    for meter, rows in zip(meters, ([0], [1, 2, 3], [0, 1, 2, 3]), strict=True):
        meter.update(torch.nn.Identity(), scores[rows], {"label": torch.tensor(rows) % 2})
    return meters


def detect_meters() -> list[APMeter]:
    calibration = Calibration.typical()
    boxes = torch.tensor([[10.0 + 5 * row, 1, -1, 4, 2, 1.5, 0.3] for row in range(4)])

    class Found(torch.nn.Module):
        loss = None

        def decode(self, rows: Any, **_limits: float) -> Any:
            count = len(rows)
            scores = torch.linspace(0.9, 0.5, count)
            labels = torch.zeros(count, dtype=torch.int64)
            return [SimpleNamespace(boxes=boxes[rows], scores=scores, labels=labels)]

    meters = [APMeter(DetectPart(classes=("Car",))) for _ in range(3)]
    everything = [(list(range(4)), [0]), ([0, 1], [0, 1, 2, 3])]
    for meter, scans in zip(meters, (everything[:1], everything[1:], everything), strict=True):
        for true, found in scans:
            label = calibration.objects_of(boxes[true].double().numpy(), ["Car"] * len(true))
            meter.update(Found(), found, {"calibration": [calibration], "label": [label]})
    return meters


def point_meters() -> list[PointMeter]:
    task: Any = SimpleNamespace(names=("ground", "car", "pole"))
    meters = [PointMeter(task) for _ in range(3)]
    rng = np.random.default_rng(0)
    halves = [rng.integers(-1, 3, (2, 50)) for _ in range(2)]
    for meter, parts in zip(meters, (halves[:1], halves[1:], halves), strict=True):
        for predicted, label in parts:
            meter.confusion.update(predicted, label)
    return meters


@pytest.mark.parametrize("made", [accuracy_meters, detect_meters, point_meters])
def test_measures_are_of_all_samples_not_means_of_processes(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, whole = made()
    assert of_all_processes(one, SimpleNamespace()) is one  # type: ignore[arg-type]

    def gather(parts: list[Any], mine: Any) -> None:
        parts[:] = [mine, other.seen()]

    empty: Any = {
        AccuracyMeter: lambda: AccuracyMeter(one.recipe),
        APMeter: lambda: APMeter(one.detect),
        PointMeter: lambda: PointMeter(one.task),
    }[type(one)]
    be_process(monkeypatch, 0, 2, all_gather_object=gather)
    together = of_all_processes(one, SimpleNamespace(meter=empty))  # type: ignore[arg-type]
    assert together.result() == whole.result()
    assert together.kept() == whole.kept()
    name = next(iter(whole.result()))
    apart = [meter.result()[name] for meter in (one, other)]
    assert together.result()[name] != pytest.approx(sum(apart) / 2)
