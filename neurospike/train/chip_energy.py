"""What a checkpoint takes on chips: its test samples lowered, placed, emulated and priced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurospike import hw
from neurospike.errors import ArgumentError, ChipLimitError
from neurospike.hw.contests import mean_contest
from neurospike.hw.report_mean import mean_report
from neurospike.hw.report_page import OnChip
from neurospike.hw.verification import Verification
from neurospike.hw.verifying import verify
from neurospike.train.chip_samples import (
    OPPONENTS,
    Answer,
    Options,
    Question,
    answer_with_traces,
    answer_without_traces,
    ask,
)
from neurospike.train.evaluation import on_dataset
from neurospike.train.samples import build_source
from neurospike.train.sweeping.fronts import half_width, wilson
from neurospike.train.sweeping.opening import Opened, open_checkpoint, read_subject
from neurospike.train.sweeping.running import load_chips
from neurospike.train.sweeping.workers import Failure, run_on_cores


@dataclass(frozen=True, eq=False)
class ChipEnergy:
    """What came of all samples.

    Attributes
    ----------
    recipe, samples
        Name of the recipe, and how many test samples ran.
    options, convention
        How.
    chips
        One a chip: the mean report with the first sample's trace, or why the network does not fit.
    ci95_pj
        Chip -> half of the 95 % confidence interval of the mean energy over samples, in pJ.
    accuracy
        Rows: the torch model, and each chip's emulation, on these samples; none of scans.
    contest
        Opponents, or None.
    verification
        Emulation against torch, or None.
    """

    recipe: str
    samples: int
    options: Options
    convention: str
    chips: tuple[OnChip, ...]
    ci95_pj: dict[str, float]
    accuracy: list[dict[str, Any]]
    contest: hw.Contest | None = None
    verification: Verification | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return {
            "recipe": self.recipe,
            "samples": self.samples,
            "convention": self.convention,
            "quantised": self.options.quantise,
            "mode": self.options.mode,
            "gate": self.options.gate,
            "generator": self.options.generator,
            "placement": self.options.style,
            "chips": [self._chip(one) for one in self.chips],
            "accuracy": self.accuracy,
            "against": None if self.contest is None else self.contest.to_dict(),
            "verification": None if self.verification is None else self.verification.to_dict(),
        }

    def _chip(self, one: OnChip) -> dict[str, Any]:
        if one.report is None:
            return {"chip": one.chip.name, "chip_title": one.chip.title, "refused": one.refused}
        placement = None if one.trace is None else one.trace.placement
        found = {
            **one.report.to_dict(),
            "refused": "",
            "energy_ci95_pj": self.ci95_pj[one.chip.name],
        }
        if placement is not None:
            found["placement"] = {
                "cores": placement.cores,
                "lower_bound": placement.lower_bound,
                "binding": placement.binding,
                "chips": placement.chips,
            }
        return found


def energy_on_chips(
    checkpoint: str | Path,
    chips: Sequence[str | Path],
    *,
    root: str | Path | None = None,
    dataset: str | None = None,
    samples: int = 16,
    convention: str = "per_activity",
    options: Options | None = None,
    verified: bool = False,
    workers: int = 1,
    tick: Callable[[int, int], None] | None = None,
) -> ChipEnergy:
    """Run test samples of a checkpoint on chips, and average what they took.

    Samples are spread evenly over the test split. Where sites are voxels, each sample is placed
    anew. A chip that a sample does not fit says which limit binds, and the others go on.

    Parameters
    ----------
    checkpoint, root
        As in ``open_run``.
    chips
        Names or files.
    dataset
        Another data set with the same classes; None is the recipe's own.
    samples, convention
        How many, and how counts become energy: see ``hw.price``.
    verified
        Also hold the emulation against torch, on the same samples.
    workers
        Processes, spawned; 1 works in this one. The first sample always does.
    tick
        Called with the samples that are done and all samples.

    Raises
    ------
    ArgumentError
        Options that do not exist, or what the network, the data or the chips refuse.
    DataError
        A checkpoint, chip or data that is damaged.
    ChipLimitError
        No chip fits.

    Cost
    ----
    An emulation a sample and chip.
    """
    options = options or Options()
    _check(options, workers)
    loaded = load_chips(chips)
    opened = open_on(checkpoint, root, dataset)
    subject = read_subject(opened, loaded, samples=samples, steps=0, convention=convention)
    question = ask(subject, options)
    count = len(subject.inputs)
    tick = tick or (lambda _known, _all: None)
    answers = {0: answer_with_traces(question, 0)}
    tick(1, count)
    if not answers[0].reports:
        raise ChipLimitError(" ".join(answers[0].refused.values()))
    question = replace(question, refused=answers[0].refused)
    for place, answer in _rest(question, count, workers):
        answers[place] = answer
        tick(len(answers), count)
    ordered = [answers[place] for place in sorted(answers)]
    found = tuple(_on_chip(chip, ordered) for chip in loaded.values())
    if not any(one.report is not None for one in found):
        raise ChipLimitError(" ".join(one.refused for one in found))
    return ChipEnergy(
        recipe=opened.recipe.name,
        samples=count,
        options=options,
        convention=convention,
        chips=found,
        ci95_pj={
            one.chip.name: half_width([a.reports[one.chip.name].energy_pj.nominal for a in ordered])
            for one in found
            if one.report is not None
        },
        accuracy=_accuracy(found, ordered, options),
        contest=mean_contest([a.contest for a in ordered if a.contest])
        if options.against
        else None,
        verification=_verification(question, found) if verified else None,
    )


def verify_run(
    checkpoint: str | Path,
    *,
    root: str | Path | None = None,
    dataset: str | None = None,
    samples: int = 4,
) -> Verification:
    """Hold the emulation of a checkpoint's test samples against torch: see ``hw.verify``."""
    opened = open_on(checkpoint, root, dataset)
    subject = read_subject(opened, {}, samples=samples, steps=0, convention="")
    network = hw.lower(subject.model, subject.inputs[0])
    return verify(subject.model, network, list(subject.inputs))


def _check(options: Options, workers: int) -> None:
    for name in options.against:
        if name not in OPPONENTS:
            raise ArgumentError(f"--against: must be one of {', '.join(OPPONENTS)}; got {name!r}.")
    if workers < 1:
        raise ArgumentError(f"--workers: must be 1 or more; got {workers}.")


def open_on(checkpoint: str | Path, root: str | Path | None, dataset: str | None) -> Opened:
    """A checkpoint and its test split, or that of another data set with the same classes."""
    opened = open_checkpoint(checkpoint, root=root)
    if dataset is None or dataset == opened.recipe.data.name:
        return opened
    recipe = on_dataset(opened.recipe, dataset)
    seed = int(opened.info.extra["seed"])
    source = build_source(recipe.data, "test", root=opened.root, seed=seed)
    if recipe.detect is None and list(source.classes) != list(opened.source.classes):
        raise ArgumentError(
            f"--dataset: must have the classes that the network was trained on, "
            f"{len(opened.source.classes)}; got {len(source.classes)} in {dataset!r}."
        )
    return replace(opened, source=source, recipe=recipe)


def _rest(question: Question, count: int, workers: int) -> Any:
    for place, result in run_on_cores(
        answer_without_traces, question, range(1, count), workers=workers
    ):
        if isinstance(result, Failure):
            raise ArgumentError(f"sample {place}: {result.reason}")
        yield place, result


def _on_chip(chip: hw.Chip, answers: Sequence[Answer]) -> OnChip:
    for answer in answers:
        if chip.name in answer.refused:
            return OnChip(chip, refused=answer.refused[chip.name])
    report = mean_report([answer.reports[chip.name] for answer in answers])
    return OnChip(chip, report, answers[0].traces[chip.name])


def _accuracy(
    chips: Sequence[OnChip], answers: Sequence[Answer], options: Options
) -> list[dict[str, Any]]:
    if not any(answer.right for answer in answers):
        return []
    rows = [_share("torch, real numbers", [answer.model_right for answer in answers], 0)]
    for one in chips:
        if one.report is None or one.trace is None:
            continue
        name = one.chip.name
        widths = one.trace.network.quantised
        numbers = (
            "real numbers"
            if widths is None
            else f"{widths.weight_bits}-bit weights, {widths.membrane_bits}-bit membranes"
        )
        right = [answer.right[name] for answer in answers]
        rows.append(_share(f"{name}, {numbers}", right, sum(a.saturations[name] for a in answers)))
    return rows


def _share(name: str, right: Sequence[bool], saturations: int) -> dict[str, Any]:
    low, high = wilson(sum(right), len(right))
    return {
        "network": name,
        "accuracy": sum(right) / len(right),
        "low": low,
        "high": high,
        "samples": len(right),
        "saturations": saturations,
    }


def _verification(question: Question, found: Sequence[OnChip]) -> Verification:
    """In the widths of the first chip that fits."""
    chip = next(one.chip for one in found if one.report is not None)
    inputs = list(question.subject.inputs)
    return verify(question.subject.model, question.plain, inputs, bits=chip)
