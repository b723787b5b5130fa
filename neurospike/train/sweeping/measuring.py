"""Measure one setting: what its network gets right, and what that costs on each chip."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from neurospike import hw
from neurospike.errors import ChipLimitError
from neurospike.hw.network import Network
from neurospike.hw.placement import Placement
from neurospike.hw.pricing import Interval, Report
from neurospike.hw.report_mean import mean_report
from neurospike.hw.trace import Trace
from neurospike.train.sweeping.folder import FAILED, MEASURED, UNFIT, Point
from neurospike.train.sweeping.fronts import half_width, wilson
from neurospike.train.sweeping.grid import Job, Setting, point_key
from neurospike.train.sweeping.knobs import with_max_spikes, with_threshold
from neurospike.train.sweeping.subject import Subject
from neurospike.train.sweeping.workers import Failure, attempt
from neurospike.train.tasks import class_scores


def measure(subject: Subject, job: Job) -> list[Point]:
    """Emulate every sample on every chip of a job; one point a chip.

    Accuracy and energy are of the same samples and of one emulation, in the chip's integers where
    the setting has widths, else in real numbers. Where sites are voxels, every sample is placed
    anew. A chip that one of the samples does not fit gives a point that says which limit binds.

    Raises
    ------
    ArgumentError, UnloweredLayerError
        A network that cannot be lowered, quantised or emulated.
    """
    setting = job.setting
    model, inputs = subject.at_steps(setting.steps)
    network = network_at(model, inputs[0], setting)
    points = []
    for name in job.chips:
        began = time.perf_counter()
        found = attempt(_on_chip, (subject, network, inputs), (subject.chips[name], setting))
        point = failed_point(name, setting, found) if isinstance(found, Failure) else found
        seconds = round(time.perf_counter() - began, 3)
        points.append({**blank_point(name, setting), **point, "seconds": seconds})
    return points


def network_at(model: torch.nn.Module, example: Any, setting: Setting) -> Network:
    """The lowered network of a setting; the model makes its number of steps already."""
    network = hw.lower(model, example)
    if setting.max_spikes is not None:
        network = with_max_spikes(network, setting.max_spikes)
    network = with_threshold(network, setting.threshold)
    if setting.weight_bits is None or setting.membrane_bits is None:
        return network
    return hw.quantise(network, (setting.weight_bits, setting.membrane_bits))


def blank_point(chip: str, setting: Setting) -> Point:
    """What every point says of itself, whatever came of it."""
    return {
        "key": point_key(chip, setting),
        "chip": chip,
        "setting": setting.as_dict(),
        "status": "",
        "reason": "",
    }


def failed_point(chip: str, setting: Setting, failure: Failure) -> Point:
    """A point that came to nothing, with the reason why."""
    wrong = {"status": FAILED, "reason": failure.reason, "details": failure.details}
    return {**blank_point(chip, setting), **wrong}


@dataclass
class _Tally:
    correct: int = 0
    spikes: int = 0
    synops: int = 0
    saturations: int = 0
    cores: int = 0
    chips: int = 0
    reports: list[Report] = field(default_factory=list)

    def add(self, trace: Trace, placement: Placement, report: Report) -> None:
        self.spikes += trace.total("spikes")
        self.synops += sum(trace.total(kind) for kind in ("synops", "graded_synops", "macs"))
        self.saturations += trace.total("saturations")
        self.cores = max(self.cores, placement.cores)
        self.chips = max(self.chips, placement.chips)
        self.reports.append(report)


def _on_chip(on: tuple[Subject, Network, Sequence[Any]], at: tuple[hw.Chip, Setting]) -> Point:
    subject, network, inputs = on
    chip, setting = at
    tally = _Tally()
    try:
        _check_widths(chip, setting)
        # Where sites are not voxels, one placement serves all samples.
        placed = None if network.levels else hw.place(network, chip)
        for x, label in zip(inputs, subject.labels, strict=True):
            placement = hw.place(network, chip, x) if placed is None else placed
            trace = hw.emulate(network, x, placement)
            tally.add(trace, placement, hw.price(trace, chip, subject.convention))
            tally.correct += int(predicted(subject, trace) == label)
    except ChipLimitError as error:
        return {"status": UNFIT, "reason": " ".join(str(error).split())}
    return _summary(tally)


def _check_widths(chip: hw.Chip, setting: Setting) -> None:
    for name in ("weight_bits", "membrane_bits"):
        asked, limit = getattr(setting, name), getattr(chip.limits, name)
        if asked is not None and limit is not None and asked > limit.value:
            raise ChipLimitError(
                f"{name}: {chip.name} has {limit.value:.0f} bits; got {asked}. Give fewer."
            )


def predicted(subject: Subject, trace: Trace) -> int:
    """The class that the host reads out of a trace of one sample."""
    output = torch.from_numpy(trace.output[0])
    if subject.recipe.sequence is not None:
        return int(class_scores(subject.recipe, output[:, None]).argmax(1))
    return int(output.reshape(-1, output.shape[-1]).mean(0).argmax())


def _summary(tally: _Tally) -> Point:
    samples = len(tally.reports)
    low, high = wilson(tally.correct, samples)
    mean = mean_report(tally.reports)
    spread = half_width([report.energy_pj.nominal for report in tally.reports])
    return {
        "status": MEASURED,
        "samples": samples,
        "correct": tally.correct,
        "accuracy": tally.correct / samples,
        "accuracy_low": low,
        "accuracy_high": high,
        "energy_pj": {**mean.energy_pj.to_dict(), "ci95": spread},
        "total_pj": _if_known(mean.total_pj),
        "latency_s": _if_known(mean.latency_s),
        "power_w": _if_known(mean.power_w),
        "spikes": tally.spikes / samples,
        "synops": tally.synops / samples,
        "saturations": tally.saturations / samples,
        "cores": tally.cores,
        "chips": tally.chips,
        "sensitive_to": mean.sensitive_to,
        "unpriced": sorted(mean.unpriced),
    }


def _if_known(value: Interval | None) -> dict[str, Any] | None:
    return None if value is None else value.to_dict()
