"""What a run measures beside training: splits without augmentation, and its test at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning

from neurospike import models
from neurospike.errors import ArgumentError
from neurospike.files import write_atomically
from neurospike.train.callbacks import BEST, LAST
from neurospike.train.deploying import deployed
from neurospike.train.module import from_all_processes, measure
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Samples, Source, build_loader
from neurospike.train.tasks import Task


def check_shares(processes: int, **sources: Source | None) -> None:
    """Raise where a process would have no samples: the others would wait for it for ever."""
    for name, source in sources.items():
        if source is not None and 0 < len(source) < processes:
            raise ArgumentError(
                f"recipe.data: {processes} processes need as many samples for {name}; got "
                f"{len(source)}. Start fewer processes."
            )


def plain_loader(
    recipe: Recipe, task: Task, source: Source, processes: int, *, seed: int
) -> tuple[Any, Samples]:
    """Each process's run of a split, and the samples that it is made of."""
    samples = task.samples(source, augmented=False, seed=seed)
    size = recipe.training.batch_size
    loader = build_loader(samples, size, collate=task.collate, shared=True, processes=processes)
    return loader, samples


def test_run(
    recipe: Recipe, task: Task, test: Source, out: Path, trainer: lightning.Trainer, *, seed: int
) -> dict[str, Any]:
    """Test the best and the last weights; keep what they said of every sample."""
    loader, samples = plain_loader(recipe, task, test, trainer.world_size, seed=seed)
    device = trainer.strategy.root_device
    best, last = (
        measure(deployed(models.load(out / name), recipe), task, loader, device=device)
        for name in (BEST, LAST)
    )
    late = from_all_processes((round(samples.late_share * samples.given), samples.given))
    content: dict[str, Any] = {"best": best.kept, "last": last.kept}
    if "predicted" in best.kept:
        labels = best.kept["labels"]
        content = {"labels": labels, **{k: kept["predicted"] for k, kept in content.items()}}
    if trainer.is_global_zero:
        write_atomically(out / "predictions.json", json.dumps(content))
    return {
        "test_accuracy": best.metrics[task.score],
        "last_test_accuracy": last.metrics[task.score],
        "test_samples": best.samples,
        "late_share": sum(part for part, _ in late) / max(sum(given for _, given in late), 1),
        "metrics": best.metrics,
    }
