"""Who is compared: runs of one recipe are one contestant, whatever their seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurospike.errors import ArgumentError, DataError
from neurospike.train.callbacks import BEST
from neurospike.train.recipe import Recipe, parse_recipe
from neurospike.train.sweeping.fronts import half_width, wilson


@dataclass(frozen=True)
class Run:
    """What a finished run left.

    Attributes
    ----------
    result
        ``result.json``: accuracies, parameters, seconds.
    labels
        Of the test samples, in their order; empty where a task has no single label a sample.
    """

    folder: Path
    recipe: Recipe
    result: dict[str, Any]
    labels: tuple[int, ...]

    @property
    def seed(self) -> int:
        return int(self.result["seed"])

    @property
    def checkpoint(self) -> Path:
        return self.folder / BEST


@dataclass(frozen=True)
class Contestant:
    """Runs of one recipe with different seeds.

    Attributes
    ----------
    accuracy, low, high
        Mean over seeds of the test accuracy, and its 95 % interval: Student's t over two seeds or
        more, Wilson's over the test samples of one.
    """

    name: str
    runs: tuple[Run, ...]
    accuracy: float
    low: float
    high: float

    @property
    def recipe(self) -> Recipe:
        return self.runs[0].recipe

    @property
    def parameters(self) -> int:
        return int(self.runs[0].result["parameters"])


def read_contestants(folders: Sequence[str | Path]) -> list[Contestant]:
    """Runs by folder, those of one recipe joined; all must have been tested on one split.

    Raises
    ------
    ArgumentError
        A run given twice, two of one recipe and seed, or runs that were tested on different data.
    DataError
        A folder that holds no finished run.
    """
    runs = [read_run(folder) for folder in folders]
    _check_split(runs)
    grouped: dict[str, list[Run]] = {}
    first: dict[str, Run] = {}
    for run in runs:
        other = first.setdefault(run.recipe.name, run)
        grouped.setdefault(_name(run.recipe, other.recipe), []).append(run)
    return [_joined(name, own) for name, own in grouped.items()]


def read_run(folder: str | Path) -> Run:
    """One run.

    Raises
    ------
    DataError
        A folder without ``result.json`` and the rest, or a damaged one.
    """
    folder = Path(folder)
    contents = {}
    for name in ("recipe", "result", "predictions"):
        path = folder / f"{name}.json"
        try:
            contents[name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
            raise DataError(
                f"{path}: {reason}; give the folder of a run that has ended, or end it with "
                "--resume."
            ) from error
    recipe = parse_recipe(contents["recipe"], origin=str(folder / "recipe.json"))
    labels = contents["predictions"].get("labels", ())
    return Run(folder, recipe, contents["result"], tuple(labels))


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


def _check_split(runs: Sequence[Run]) -> None:
    """All runs tested on one data set; those with one seed on the very same samples."""
    first = runs[0]
    for run in runs[1:]:
        if run.recipe.data != first.recipe.data or run.result["score"] != first.result["score"]:
            raise ArgumentError(
                f"compare: {run.folder} was tested on {_said(run)}, {first.folder} on "
                f"{_said(first)}; only runs on the same split can be compared."
            )
    by_seed: dict[int, Run] = {}
    for run in runs:
        # Generated data follows the seed; data from files does not, and is checked all the same.
        other = by_seed.setdefault(run.seed, run)
        same = run.labels == other.labels
        if not same or run.result["test_samples"] != other.result["test_samples"]:
            raise ArgumentError(
                f"compare: {run.folder} and {other.folder} have other test samples, though of the "
                "same data set and seed; train one of them again."
            )


def _said(run: Run) -> str:
    data = run.recipe.data
    arguments = json.dumps(data.arguments, sort_keys=True)
    return f"{data.name} {arguments} ({data.protocol}, {run.result['score']})"
