"""Open a checkpoint for a sweep: its network as deployed, and samples of its test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from neurospike import models
from neurospike import nn as spiking
from neurospike.errors import ArgumentError, DataError
from neurospike.hw import Chip
from neurospike.hw.sites import samples_of
from neurospike.train.evaluation import open_run
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Some, Source
from neurospike.train.sweeping.grid import Trained
from neurospike.train.sweeping.subject import Subject
from neurospike.train.tasks import build_task


@dataclass(frozen=True)
class Opened:
    """A checkpoint, and the test split that its samples come from."""

    model: nn.Module
    recipe: Recipe
    source: Source
    info: models.CheckpointInfo
    trained: Trained
    root: str | Path | None


def open_checkpoint(checkpoint: str | Path, *, root: str | Path | None = None) -> Opened:
    """Read a checkpoint; no sample is read yet.

    Raises
    ------
    DataError
        As ``open_run``; integer neurons with different D.
    """
    model, recipe, source = open_run(checkpoint, root=root)
    info = models.read_info(checkpoint)
    spikes = {m.max_spikes for m in model.modules() if isinstance(m, spiking.ILIF)}
    if len(spikes) > 1:
        raise DataError(
            f"{checkpoint}: integer neurons must share one D to be swept; got {sorted(spikes)}."
        )
    steps = recipe.sequence.steps if recipe.sequence is not None else info.arguments.get("steps")
    trained = Trained(steps, spikes.pop() if spikes else None)
    root = root if root is not None else info.extra.get("root")
    return Opened(model, recipe, source, info, trained, root)


def read_subject(
    opened: Opened, chips: Mapping[str, Chip], *, samples: int, steps: int, convention: str
) -> Subject:
    """Read samples spread evenly over the test split.

    Parameters
    ----------
    steps
        The longest T to come: sequences are read that long, or as long as in training.

    Raises
    ------
    ArgumentError
        No samples.
    """
    if samples < 1:
        raise ArgumentError(f"sweep.samples: must be 1 or more; got {samples}.")
    recipe, source = opened.recipe, opened.source
    keys = places = spread(samples, len(source))
    if recipe.sequence is not None:
        longer = recipe.sequence.model_copy(update={"steps": max(steps, recipe.sequence.steps)})
        recipe = recipe.model_copy(update={"sequence": longer})
        # A front end codes a whole split at once, but then no more than what is asked for.
        source, keys = Some(source, places), range(len(places))
    task = build_task(recipe, root=opened.root)
    prepared = task.samples(source, augmented=False, seed=int(opened.info.extra["seed"]))
    # In one batch, so that all samples come on one grid, as the network is lowered for it.
    batch = task.collate([prepared[(0, key)] for key in keys])
    return Subject(
        model=opened.model,
        arguments=dict(opened.info.arguments),
        recipe=opened.recipe,
        inputs=_taken_apart(task.encode(batch), task.counting.get("batch_dim", 0)),
        labels=() if recipe.scan is not None else tuple(batch["label"].tolist()),
        chips=dict(chips),
        convention=convention,
    )


def _taken_apart(batch: Any, dim: int) -> tuple[Any, ...]:
    """Batches of one sample each."""
    if isinstance(batch, Tensor):
        return tuple(batch.narrow(dim, index, 1) for index in range(batch.shape[dim]))
    return tuple(samples_of(batch))


def spread(count: int, of: int) -> Sequence[int]:
    """``count`` places spread evenly over ``of``: data sets often lie in the order of classes.

    Examples
    --------
    >>> spread(3, 10), spread(5, 2)
    ([0, 3, 6], [0, 1])
    """
    kept = min(count, of)
    return [index * of // kept for index in range(kept)]
