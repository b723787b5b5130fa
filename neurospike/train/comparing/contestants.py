"""Who is compared: runs of one recipe are one contestant, whatever their seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurospike.errors import ArgumentError
from neurospike.train.comparing.finished import Run, read_run
from neurospike.train.comparing.splits import check_seeds, check_split
from neurospike.train.recipe import Recipe
from neurospike.train.sweeping.fronts import half_width, wilson

SHARE = "accuracy"
"""The score that is a share of samples: how many of them are right is binomial."""


@dataclass(frozen=True)
class Contestant:
    """Runs of one recipe with different seeds.

    Attributes
    ----------
    accuracy, low, high
        Mean over seeds of the test's score, and its 95 % interval: Student's t over two seeds or
        more, Wilson's over the test samples of one. None where one seed's score is no share of
        samples that are right, as average precision and mIoU are not: no law tells its spread.
    """

    name: str
    runs: tuple[Run, ...]
    accuracy: float
    low: float | None
    high: float | None

    @property
    def recipe(self) -> Recipe:
        return self.runs[0].recipe

    @property
    def parameters(self) -> int:
        return int(self.runs[0].result["parameters"])

    @property
    def notes(self) -> tuple[str, ...]:
        """Why an interval is missing, where it is."""
        if self.low is not None:
            return ()
        score = self.runs[0].score
        return (
            f"{self.name}: no interval ({score} is no share of samples that are right, so that "
            "one seed says nothing of its spread; train two or more)",
        )


def read_contestants(folders: Sequence[str | Path]) -> list[Contestant]:
    """Runs by folder, those of one recipe joined; all must have been tested on one split.

    Raises
    ------
    ArgumentError
        A run given twice, two of one recipe and seed, or runs that were tested on different data
        or on other samples of it.
    DataError
        A folder that holds no finished run, or a damaged one.
    """
    runs = [read_run(folder) for folder in folders]
    check_split(runs)
    grouped: dict[str, list[Run]] = {}
    first: dict[str, Run] = {}
    for run in runs:
        other = first.setdefault(run.recipe.name, run)
        grouped.setdefault(_name(run.recipe, other.recipe), []).append(run)
    joined = [_joined(name, own) for name, own in grouped.items()]
    check_seeds(grouped)
    return joined


def _joined(name: str, runs: list[Run]) -> Contestant:
    ordered = sorted(runs, key=lambda run: run.seed)
    seeds = [run.seed for run in ordered]
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        raise ArgumentError(f"compare: {name} with seed {twice} is given twice; leave one out.")
    first = ordered[0]
    scores = [float(run.result["test_accuracy"]) for run in ordered]
    mean = sum(scores) / len(scores)
    if len(scores) > 1:
        half = half_width(scores)
        return Contestant(name, tuple(ordered), mean, max(0.0, mean - half), min(1.0, mean + half))
    if first.score != SHARE:
        return Contestant(name, tuple(ordered), mean, None, None)
    count = int(first.result["test_samples"])
    return Contestant(name, tuple(ordered), mean, *wilson(round(mean * count), count))


def _name(recipe: Recipe, other: Recipe) -> str:
    """The recipe's name, and what it has other than the first of that name, as --set has it."""
    own, theirs = (dict(_flat(one.model_dump(mode="json"))) for one in (recipe, other))
    changed = [
        f"{key}={json.dumps(own.get(key))}"
        for key in {**theirs, **own}
        if own.get(key) != theirs.get(key)
    ]
    return " ".join([recipe.name, *changed])


def _flat(content: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
