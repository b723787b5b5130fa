"""Points of real checkpoints against torch: accuracy, T, D, thresholds; and what does not fit."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from neurospike import hw
from neurospike import nn as spiking
from neurospike.train.sweeping.folder import FAILED, MEASURED, UNFIT
from neurospike.train.sweeping.grid import Job, Setting, Trained
from neurospike.train.sweeping.measuring import measure, network_at
from neurospike.train.sweeping.opening import open_checkpoint, read_subject
from neurospike.train.sweeping.subject import Subject
from neurospike.train.tasks import class_scores

from .checkpoints import clouds, tones

CHIPS = {name: hw.load_chip(name) for name in ("loihi1_sanafe", "speck2f")}
SAMPLES = 3


def opened_subject(path: Path, *, steps: int = 0) -> tuple[Subject, Trained]:
    opened = open_checkpoint(path)
    subject = read_subject(opened, CHIPS, samples=SAMPLES, steps=steps, convention="per_activity")
    return subject, opened.trained


@pytest.fixture(scope="module")
def solids(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Trained]:
    return opened_subject(clouds(tmp_path_factory.mktemp("solids") / "best.safetensors"))


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Trained]:
    path = tones(tmp_path_factory.mktemp("words") / "best.safetensors")
    return opened_subject(path, steps=40)


def turned(model: torch.nn.Module, setting: Setting) -> torch.nn.Module:
    """The torch model with the same knobs turned: a spike of an ILIF takes that much membrane."""
    model = copy.deepcopy(model)

    def divide(_module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0].replace(args[0].features / setting.threshold),)

    for module in model.modules():
        if isinstance(module, spiking.ILIF):
            module.max_spikes = setting.max_spikes or 0
            module.register_forward_pre_hook(divide)
        if isinstance(module, spiking.LIF):
            module.rule = replace(module.rule, threshold=setting.threshold * module.threshold)
    return model


@pytest.mark.parametrize(("steps", "spikes", "factor"), [(1, 4, 1.0), (1, 2, 1.25), (2, 3, 0.8)])
def test_knobs_of_integer_neurons_are_those_of_torch(
    solids: tuple[Subject, Trained], steps: int, spikes: int, factor: float
) -> None:
    subject, trained = solids
    assert trained == Trained(1, 4)
    setting = Setting(steps, spikes, None, None, factor)
    model, inputs = subject.at_steps(steps)
    network = network_at(model, inputs[0], setting)
    reference = turned(model, setting)
    fired = 0
    for x in inputs:
        trace = hw.emulate(network, x)
        fired += trace.total("fired")
        with torch.no_grad():
            expected = reference(x)[0]
        found = torch.from_numpy(trace.output[0]).reshape(-1, len(expected)).mean(0)
        torch.testing.assert_close(found.float(), expected, rtol=1e-4, atol=1e-5)
    assert fired > 100


@pytest.mark.parametrize(("steps", "factor"), [(30, 1.0), (20, 1.2), (40, 0.9)])
def test_knobs_of_sequences_are_those_of_torch(
    words: tuple[Subject, Trained], steps: int, factor: float
) -> None:
    subject, trained = words
    assert trained == Trained(30, None)
    setting = Setting(steps, None, None, None, factor)
    model, inputs = subject.at_steps(steps)
    assert {len(x) for x in inputs} == {steps}
    network = network_at(model, inputs[0], setting)
    reference = turned(model, setting)
    for x in inputs:
        trace = hw.emulate(network, x)
        with torch.no_grad():
            expected = reference(x)[:, 0]
        found = torch.from_numpy(trace.output[0]).float()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert trace.total("fired") > 10


def test_more_steps_to_come_change_neither_the_samples_nor_their_fingerprint(
    words: tuple[Subject, Trained], tmp_path: Path
) -> None:
    subject, _ = words
    other, _ = opened_subject(tones(tmp_path / "best.safetensors"))
    assert other.labels == subject.labels
    assert other.fingerprint() == subject.fingerprint()
    for x, y in zip(other.inputs, subject.inputs, strict=True):
        assert torch.equal(x, y[:30])
    changed = replace(other, labels=(*other.labels[:-1], 99))
    assert changed.fingerprint() != other.fingerprint()


def test_a_point_holds_accuracy_and_energy_of_the_same_samples(
    words: tuple[Subject, Trained],
) -> None:
    subject, _ = words
    float_point, speck = measure(subject, Job(Setting(30, None, None, None, 1.0), tuple(CHIPS)))
    assert float_point["status"] == MEASURED
    assert float_point["samples"] == SAMPLES
    model, inputs = subject.at_steps(30)
    with torch.no_grad():
        scores = [class_scores(subject.recipe, model(x)) for x in inputs]
    right = sum(int(s.argmax(1)) == label for s, label in zip(scores, subject.labels, strict=True))
    assert float_point["correct"] == right
    network = hw.lower(model, inputs[0])
    chip = CHIPS["loihi1_sanafe"]
    placement = hw.place(network, chip)
    reports = [hw.price(hw.emulate(network, x, placement), chip) for x in inputs]
    mean = sum(report.energy_pj.nominal for report in reports) / SAMPLES
    assert float_point["energy_pj"]["nominal"] == pytest.approx(mean, rel=1e-12)
    assert float_point["energy_pj"]["ci95"] > 0
    assert float_point["cores"] == placement.cores
    assert speck["status"] == UNFIT
    assert "delay" in speck["reason"] or "limit" in speck["reason"]


def test_widths_beyond_the_chip_do_not_fit_and_a_bad_convention_fails(
    words: tuple[Subject, Trained],
) -> None:
    subject, _ = words
    (wide,) = measure(subject, Job(Setting(30, None, 16, 24, 1.0), ("loihi1_sanafe",)))
    assert wide["status"] == UNFIT
    assert wide["reason"] == "weight_bits: loihi1_sanafe has 8 bits; got 16. Give fewer."
    wrong = replace(subject, convention="by_hand")
    (failed,) = measure(wrong, Job(Setting(30, None, 8, 24, 1.0), ("loihi1_sanafe",)))
    assert failed["status"] == FAILED
    assert "by_hand" in failed["reason"]
    assert not failed["details"]


def test_fewer_bits_are_other_integers(solids: tuple[Subject, Trained]) -> None:
    subject, _ = solids
    points = [
        measure(subject, Job(Setting(1, 4, bits, 24, 1.0), ("loihi1_sanafe",)))[0]
        for bits in (8, 2)
    ]
    assert [point["status"] for point in points] == [MEASURED, MEASURED]
    assert points[0]["spikes"] != points[1]["spikes"]
    assert points[0]["unpriced"]
