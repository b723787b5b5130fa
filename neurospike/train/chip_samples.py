"""One test sample on every chip: placed, emulated, priced, and put beside its opponents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from neurospike import hw
from neurospike.errors import ChipLimitError
from neurospike.hw.network import Network
from neurospike.hw.opponents import contest
from neurospike.hw.placement import Placement
from neurospike.hw.trace import Trace
from neurospike.train.sweeping.measuring import predicted
from neurospike.train.sweeping.subject import Subject
from neurospike.train.tasks import build_task, class_scores

OPPONENTS = ("ann-twin", "quantised-twin")


@dataclass(frozen=True)
class Options:
    """How samples are run.

    Attributes
    ----------
    quantise
        Whether networks are integers of each chip's widths, or stay in real numbers.
    mode, gate, generator
        As in ``hw.emulate``.
    style
        As in ``hw.place``.
    against
        Opponents, of ``OPPONENTS``.
    """

    quantise: bool = False
    mode: Literal["unary", "graded"] = "unary"
    gate: Literal["voxel", "spike"] = "voxel"
    generator: str = "bitmap"
    style: Literal["compact", "static"] = "compact"
    against: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Question:
    """What all samples share; sent once to each process."""

    subject: Subject
    options: Options
    networks: dict[str, Network]
    placements: dict[str, Placement]
    refused: dict[str, str]
    plain: Network


@dataclass(frozen=True, eq=False)
class Answer:
    """One sample: chip -> report or refusal, whether classes were right, and the contest.

    Of a scan, which has no one class, ``right`` is empty.
    """

    reports: dict[str, hw.Report] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    right: dict[str, bool] = field(default_factory=dict)
    saturations: dict[str, int] = field(default_factory=dict)
    traces: dict[str, Trace] = field(default_factory=dict)
    model_right: bool = False
    contest: hw.Contest | None = None


def ask(subject: Subject, options: Options) -> Question:
    """Lower once, and quantise for each chip; place once where sites are no voxels."""
    plain = hw.lower(subject.model, subject.inputs[0])
    networks: dict[str, Network] = {}
    placements: dict[str, Placement] = {}
    refused: dict[str, str] = {}
    for name, chip in subject.chips.items():
        networks[name] = hw.quantise(plain, chip) if options.quantise else plain
        if plain.levels:
            continue
        try:
            placements[name] = hw.place(networks[name], chip)
        except ChipLimitError as error:
            refused[name] = " ".join(str(error).split())
    return Question(subject, options, networks, placements, refused, plain)


def answer_without_traces(question: Question, place: int) -> Answer:
    """One sample; traces are large, and shown of the first alone."""
    return replace(answer_with_traces(question, place), traces={})


def answer_with_traces(question: Question, place: int) -> Answer:
    """One sample on every chip that has not refused the network yet."""
    subject, options = question.subject, question.options
    x = subject.inputs[place]
    label = subject.labels[place] if subject.labels else None
    right = label is not None and _model_class(subject, x) == label
    answer = Answer(refused=dict(question.refused), model_right=right)
    for name, chip in subject.chips.items():
        if name in answer.refused:
            continue
        network = question.networks[name]
        try:
            placement = question.placements.get(name)
            if placement is None:
                placement = hw.place(network, chip, x, style=options.style)
        except ChipLimitError as error:
            answer.refused[name] = " ".join(str(error).split())
            continue
        trace = hw.emulate(
            network, x, placement, options.gate, mode=options.mode, generator=options.generator
        )
        answer.reports[name] = hw.price(trace, chip, subject.convention)
        if label is not None:
            answer.right[name] = predicted(subject, trace) == label
        answer.saturations[name] = trace.total("saturations")
        answer.traces[name] = trace
    if not (options.against and answer.traces):
        return answer
    return replace(answer, contest=_contest(question, x, answer.traces))


def _contest(question: Question, x: Any, traces: Mapping[str, Trace]) -> hw.Contest:
    """The network beside its opponents, whatever the chip: the first trace."""
    subject, options = question.subject, question.options
    trace = next(iter(traces.values()))
    twin = subject.model if "ann-twin" in options.against else None
    counting = build_task(subject.recipe).counting
    return contest(trace, x, model=twin, counting=counting)


def _model_class(subject: Subject, x: Any) -> int:
    with torch.inference_mode():
        return int(class_scores(subject.recipe, subject.model.eval()(x)).argmax(-1).reshape(-1)[0])
