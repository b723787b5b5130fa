"""Open what a run has left: measure how good it is, give its network an input."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from torch import nn

from neurospike import models
from neurospike import nn as spiking
from neurospike.errors import ArgumentError, DataError
from neurospike.train.deploying import deployed
from neurospike.train.machine import Machine
from neurospike.train.module import Measured, measure
from neurospike.train.recipe import Recipe, parse_recipe
from neurospike.train.samples import First, Source, build_loader, build_source, prepare
from neurospike.train.tasks import Task, build_task

Mode = Literal["integer", "unary"]


@dataclass(frozen=True)
class EvaluateResult:
    """How good a checkpoint is on a split.

    Attributes
    ----------
    score
        What "accuracy" is here: "accuracy" of classes, "mIoU" or "AP".
    metrics
        All measures, by name, of the network as ``accuracy`` is; shares of 1.
    details
        What the task says beside them, such as the official table of a detector, as plain JSON.
    accuracy
        Of the network as it runs by default: delays rounded, integer spikes as graded packets.
    integer_accuracy, unary_accuracy
        With integer and with binary spikes, of a network with integer neurons; None for others.
    late_share
        Share of the split's events that came after the last step of a sequence.
    """

    checkpoint: str
    split: str
    samples: int
    accuracy: float
    integer_accuracy: float | None
    unary_accuracy: float | None
    late_share: float
    score: str = "accuracy"
    metrics: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


def evaluate(
    checkpoint: str | Path,
    *,
    root: str | Path | None = None,
    dataset: str | None = None,
    split: str = "test",
    modes: tuple[Mode, ...] = ("integer", "unary"),
    accelerator: str = "auto",
) -> EvaluateResult:
    """Measure a checkpoint; integer neurons as graded packets and as binary events.

    Parameters
    ----------
    dataset
        Another data set with the same classes, in ``root``; None is the recipe's own.
    modes
        How integer spikes are sent, each a pass over the split; the first one gives ``accuracy``.
    accelerator
        "cpu", "gpu", or "auto": a GPU where torch finds one.

    Raises
    ------
    ArgumentError
        A GPU that is not there.
    DataError
        A checkpoint that is damaged, was written by another task, or meets other classes.
    """
    device = Machine(accelerator).device
    model, recipe, source = open_run(checkpoint, root=root, dataset=dataset, split=split)
    prepare(source)
    task = build_task(recipe, root=root)
    samples = task.samples(source, augmented=False, seed=_seed(checkpoint))
    loader = build_loader(samples, recipe.training.batch_size, collate=task.collate)
    found: dict[Mode | None, Measured] = {}
    for mode in modes if has_integer_neurons(model) else (None,):
        if mode is not None:
            spiking.spike_mode(model, mode)
        found[mode] = measure(model, task, loader, device=device)
    first = next(iter(found.values()))
    by_mode = {mode: one.metrics[task.score] for mode, one in found.items()}
    return EvaluateResult(
        checkpoint=str(checkpoint),
        split=split,
        samples=len(source),
        accuracy=first.metrics[task.score],
        integer_accuracy=by_mode.get("integer"),
        unary_accuracy=by_mode.get("unary"),
        late_share=samples.late_share,
        score=task.score,
        metrics=first.metrics,
        details={k: v for k, v in first.kept.items() if k not in ("labels", "predicted")},
    )


def has_integer_neurons(model: nn.Module) -> bool:
    """Whether spikes of the network are integers, which may be sent one event at a time."""
    return any(isinstance(module, spiking.ILIF) for module in model.modules())


def open_run(
    checkpoint: str | Path,
    *,
    root: str | Path | None = None,
    dataset: str | None = None,
    split: str = "test",
) -> tuple[nn.Module, Recipe, Source]:
    """A checkpoint's network as it would be deployed, its recipe and one split of its data.

    Parameters
    ----------
    dataset
        Another data set that the recipe is to read, by name, in ``root``: see ``on_dataset``.

    Raises
    ------
    DataError
        A checkpoint that no training run wrote, or data with other classes.
    """
    info = models.read_info(checkpoint)
    if "recipe" not in info.extra:
        raise DataError(
            f"{checkpoint}: holds a network but no recipe, so its data is unknown; "
            "give a checkpoint that `neurospike train` has written."
        )
    recipe = parse_recipe(info.extra["recipe"], origin=str(checkpoint))
    model = deployed(models.load(checkpoint, factory=recipe.model.factory), recipe)
    if dataset is not None and dataset != recipe.data.name:
        recipe = on_dataset(recipe, dataset)
    else:
        root = root if root is not None else info.extra.get("root")
    source = build_source(recipe.data, split, root=root, seed=int(info.extra["seed"]))
    classes = build_task(recipe, root=root).classes(source)
    if list(classes) != list(info.extra["classes"]):
        raise DataError(
            f"{checkpoint}: was trained on {len(info.extra['classes'])} classes, the data at "
            f"{root} has {len(classes)}; give the data that it was trained on."
        )
    return model, recipe, source


def on_dataset(recipe: Recipe, name: str) -> Recipe:
    """A recipe that reads another data set: with the same arguments, or of scans with its own.

    Scans are taken as a data set has them, under the legacy protocol: none of them was trained
    on, so that none needs to be held out.

    Raises
    ------
    ArgumentError
        An unknown data set, or one without the labels of the recipe's task.
    """
    changed = {**recipe.data.model_dump(), "name": name}
    if recipe.scan is not None:
        task = "detect" if recipe.detect is not None else "segment"
        changed |= {"arguments": {"task": task} if name == "streets" else {}, "protocol": "legacy"}
    try:
        return Recipe.model_validate({**recipe.model_dump(), "data": changed})
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        got = "" if problem.endswith(repr(name)) else f"; got {name!r}"
        raise ArgumentError(f"--dataset: {problem}{got}.") from error


def first_batch(task: Task, source: Source, samples: int, *, seed: int = 0) -> Any:
    """The first samples of a split as a network takes them, transformed as in a test."""
    prepared = task.samples(First(source, samples), augmented=False, seed=seed)
    batch = next(iter(build_loader(prepared, samples, collate=task.collate)))
    return task.encode(batch)


def _seed(checkpoint: str | Path) -> int:
    return int(models.read_info(checkpoint).extra["seed"])
