"""Whether runs were tested on the same samples, as far as what they left tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from neurospike.errors import ArgumentError
from neurospike.train.comparing.finished import Run
from neurospike.train.recipe import Recipe
from neurospike.train.sections import EverySamplePart

_BY_SEED = {"solids", "spoken-tones", "streets", "occupancy"}
"""Data sets whose test samples are made, or chosen, by the seed."""


def check_split(runs: Sequence[Run]) -> None:
    """All runs were tested on one task, and wherever they can be told apart on the same samples.

    Networks may differ in what they take of a sample: its voxels, front end and projection are
    theirs. What the sample itself is, and how it is scored, may not.

    Raises
    ------
    ArgumentError
        Runs that were tested on different data, or on other samples of it.
    """
    first = runs[0]
    for run in runs[1:]:
        if _task(run) != _task(first):
            raise ArgumentError(
                f"compare: {run.folder} was tested on {_task(run)}, {first.folder} on "
                f"{_task(first)}; only runs on the same split can be compared."
            )
    follows = follows_seed(first.recipe)
    alike: dict[int | None, Run] = {}
    for run in runs:
        other = alike.setdefault(run.seed if follows else None, run)
        if not _same_samples(run, other):
            raise _other_samples(run, other)
        if _count(run) != _count(first):
            raise _other_samples(run, first)


def check_seeds(contestants: Mapping[str, Sequence[Run]]) -> None:
    """Where test samples follow the seed, all contestants, by name, were tested with the same ones.

    Raises
    ------
    ArgumentError
        A contestant with other seeds.
    """
    (name, first), *others = contestants.items()
    if not follows_seed(first[0].recipe):
        return
    for other, runs in others:
        if _seeds(runs) != _seeds(first):
            raise ArgumentError(
                f"compare: {other} was tested with {_said(runs)}, {name} with {_said(first)}, and "
                f"test samples of {first[0].recipe.data.name} follow the seed here; give runs of "
                "the same seeds."
            )


def follows_seed(recipe: Recipe) -> bool:
    """Whether another seed gives other test samples."""
    data, every = recipe.data, recipe.every_sample
    if every.rotate != "none" or every.thin_to_voxels:
        return True  # turns and voxels are drawn
    if data.name == "modelnet":
        # The shapes stay, but points are drawn on meshes, and chosen among those of a file.
        whole = data.arguments.get("form") in ("text", "hdf5")
        return not whole or data.arguments.get("points") is not None
    return data.name in _BY_SEED


def _other_samples(run: Run, other: Run) -> ArgumentError:
    return ArgumentError(
        f"compare: {run.folder} and {other.folder} have other test samples, though of the same "
        "data set; train one of them again."
    )


def _task(run: Run) -> str:
    """What samples are and how they are scored; of equal tasks the same words."""
    data, detect = run.recipe.data, run.recipe.detect
    # What is held out of training changes no test sample.
    chosen = {name: value for name, value in data.arguments.items() if name != "validation"}
    arguments = json.dumps(chosen, sort_keys=True)
    # The average precision is of the first class.
    score = run.score if detect is None else f"{run.score} of {detect.classes[0]}"
    return f"{data.name} {arguments} ({data.protocol}{_every(run.recipe)}, {score})"


def _every(recipe: Recipe) -> str:
    usual = EverySamplePart()
    return "".join(
        f", every_sample.{name}={json.dumps(value)}"
        for name, value in recipe.every_sample
        if value != getattr(usual, name)
    )


def _same_samples(run: Run, other: Run) -> bool:
    """Detectors may know different classes: objects of those that both know are compared."""
    if not (run.truth and other.truth):
        return True
    known = run.truth.keys() & other.truth.keys()
    return bool(known) and all(run.truth[name] == other.truth[name] for name in known)


def _count(run: Run) -> int:
    return int(run.result["test_samples"])


def _seeds(runs: Sequence[Run]) -> list[int]:
    return sorted(run.seed for run in runs)


def _said(runs: Sequence[Run]) -> str:
    seeds = _seeds(runs)
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
