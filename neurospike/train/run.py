"""Run a recipe: data, network, Lightning's loop, and a folder with what came of it."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning
import torch
from torch import nn

from neurospike import models
from neurospike.errors import ArgumentError, DataError
from neurospike.files import check_writable_folder, write_atomically
from neurospike.nn import share_norms
from neurospike.train.callbacks import BEST, RESUME, RunFolder, StepSeed
from neurospike.train.delays import ClampDelays, SigmaSchedule, all_delays, delay_layers
from neurospike.train.deploying import deployed
from neurospike.train.evaluation import first_batch
from neurospike.train.fading import FadeActivations, fading_buffers
from neurospike.train.figures import draw_run
from neurospike.train.final import check_shares, plain_loader, test_run
from neurospike.train.machine import Machine, is_first_process
from neurospike.train.module import Learner
from neurospike.train.opponents import FACTORY, baseline_arguments, with_widths
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Source, build_loader, build_source, prepare
from neurospike.train.scenes import draw_scenes
from neurospike.train.sharing import sample_sizes, share_of_batch
from neurospike.train.tasks import Task, build_task
from neurospike.train.trainer import build_trainer, interrupts_raised, quiet_lightning

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """What a run reached; accuracies are shares of 1.

    Attributes
    ----------
    score
        What "accuracy" is here: "accuracy" of classes, "mIoU" or "AP".
    metrics
        All measures of the test split, of the best epoch.
    test_accuracy
        Of the epoch with the best validation, chosen before the test split was looked at.
    last_validation_accuracy, last_test_accuracy
        Of the last epoch, whatever validation said of it; validation's, of the last one validated.
    seconds
        Of all epochs with their validation, those before a resumption too.
    late_share
        Share of the test split's events that came after the last step of a sequence.
    """

    recipe: str
    seed: int
    classes: int
    parameters: int
    epochs: int
    seconds: float
    best_epoch: int
    best_validation_accuracy: float
    test_accuracy: float
    last_validation_accuracy: float
    last_test_accuracy: float
    test_samples: int
    late_share: float
    checkpoint: str
    score: str = "accuracy"
    metrics: dict[str, float] = field(default_factory=dict)


def fit(
    recipe: Recipe,
    *,
    out: str | Path,
    root: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: bool = True,
    callbacks: list[lightning.Callback] | None = None,
    accelerator: str = "auto",
    devices: int | None = None,
    precision: str = "32",
) -> FitResult:
    """Train a network, and test its best validation epoch and its last one.

    On several processes, started by torchrun or by ``devices``, each batch of the recipe is shared
    among them: ``training.batch_size`` is what a step sees on all of them together. Statistics of
    norms and losses are of the whole batch, so that the same recipe trains the same network on any
    number of processes, up to rounding; dropout and other draws inside the network differ.

    Parameters
    ----------
    recipe
        From ``load_recipe``; change it with ``recipe.model_copy``.
    out
        Folder of the run; it receives ``recipe.json``, ``best.safetensors``, ``last.safetensors``,
        ``history.json``, ``metrics.csv``, TensorBoard events, ``resume.ckpt``, ``result.json``,
        ``predictions.json`` and pictures.
    root
        Where the data lies, for data sets that need one.
    resume
        Go on from ``resume.ckpt`` in ``out``; an interrupted run ends as an unbroken one would.
    accelerator, devices, precision
        As ``Machine`` takes them: "auto", "cpu" or "gpu"; processes on this machine; "32",
        "bf16-mixed" or "16-mixed".

    Raises
    ------
    DataError
        Data or resume point missing or damaged, a folder that cannot be written.
    ArgumentError
        Arguments that the data set or the network refuses, a machine that is not there, or a
        batch that the processes cannot share evenly.
    """
    machine = Machine(accelerator, devices, precision)
    processes = machine.processes
    share_of_batch(recipe.training.batch_size, processes)  # refused before the data is read
    out = Path(out)
    resume_point = _resume_point(out, resume=resume)
    lightning.seed_everything(seed, workers=True, verbose=False)
    train = build_source(recipe.data, "train", root=root, seed=seed)
    val = build_validation(recipe, root=root, seed=seed)
    test = build_source(recipe.data, "test", root=root, seed=seed)
    task = build_task(recipe, root=root)
    model = build_model(recipe, task, train)
    delays_before = all_delays(model)
    check_shares(processes, train=train, validation=val)
    check_writable_folder(out)  # not before the data is there: a refusal leaves nothing behind
    speaks = is_first_process()
    for source in (train, val, test):
        prepare(source, progress=progress and speaks)
    if speaks:
        write_atomically(out / "recipe.json", recipe.model_dump_json(indent=1))
    classes = task.classes(train)
    describe = _describer(recipe, classes, seed=seed, root=root)
    folder = RunFolder(out, recipe, describe, score=task.score)
    fading = [FadeActivations()] if fading_buffers(model) else []
    settling = [*delay_callbacks(model, recipe), *fading]
    own = [StepSeed(seed), *settling, folder, *(callbacks or [])]
    trainer = build_trainer(recipe, out, machine, callbacks=own, progress=progress)
    share_norms(model, processes > 1)
    with quiet_lightning(), interrupts_raised():
        trainer.fit(
            Learner(model, recipe, task),
            build_loader(
                task.samples(train, augmented=True, seed=seed),
                recipe.training.batch_size,
                collate=task.collate,
                shuffle=True,
                seed=seed,
                workers=recipe.training.workers,
                shared=True,
                processes=processes,
                sizes=sample_sizes(train) if processes > 1 else None,
            ),
            None if val is None else plain_loader(recipe, task, val, processes, seed=seed)[0],
            ckpt_path=resume_point,
            weights_only=True,
        )
    if not (out / BEST).is_file():
        raise DataError(f"{out}: training stopped before its first epoch ended; start it again.")
    tested = test_run(recipe, task, test, out, trainer, seed=seed)
    result = FitResult(
        recipe=recipe.name,
        seed=seed,
        classes=len(classes),
        parameters=sum(p.numel() for p in model.parameters()),
        epochs=len(folder.history),
        seconds=sum(row["seconds"] for row in folder.history),  # also before a resume
        **folder.summary(),
        **tested,
        checkpoint=str(out / BEST),
        score=task.score,
    )
    if not trainer.is_global_zero:
        return result
    write_atomically(out / "result.json", json.dumps(asdict(result), indent=1))
    best = deployed(models.load(out / BEST), recipe)
    sample = first_batch(task, test, 1, seed=seed)
    draw_run(out, recipe, best, sample, delays_before, score=task.score)
    draw_scenes(out / BEST, root=root)
    return result


def delay_callbacks(model: nn.Module, recipe: Recipe) -> list[lightning.Callback]:
    """The callbacks that a network with delays needs; none for any other."""
    if not any(True for _ in delay_layers(model)):
        return []
    part = recipe.delays
    schedule = SigmaSchedule(part.sigma_start, part.sigma_stop, part.share, floor=part.sigma_floor)
    return [schedule, ClampDelays()]


def build_validation(
    recipe: Recipe, *, root: str | Path | None = None, seed: int = 0
) -> Source | None:
    """The validation split, or None where the recipe holds nothing out: then the last epoch is
    the best."""
    held_out = recipe.data.arguments.get("validation")
    if not isinstance(held_out, str) and held_out == 0:
        return None
    return build_source(recipe.data, "val", root=root, seed=seed)


def build_model(recipe: Recipe, task: Task, source: Source) -> nn.Module:
    """The recipe's network for the classes and the channels of a data set.

    Raises
    ------
    ArgumentError
        A factory or an argument that does not exist, or another number of classes or channels.
    """
    arguments = dict(recipe.model.arguments)
    found = task.model_arguments(source)
    if recipe.model.factory == FACTORY:
        found = baseline_arguments(recipe, found)
    for name, value in found.items():
        if arguments.setdefault(name, value) != value:
            what = {"num_classes": " classes", "in_features": " channels"}.get(name, "")
            raise ArgumentError(
                f"recipe.model.{name}: the data has {value}{what}; got {arguments[name]}. "
                "Leave it out: it follows from the data."
            )
    if recipe.model.factory == FACTORY:
        arguments = with_widths(arguments)
    return models.create(recipe.model.factory, **arguments)


def _resume_point(out: Path, *, resume: bool) -> Path | None:
    if not resume:
        return None
    path = out / RESUME
    if not path.is_file():
        raise DataError(f"{path}: nothing to resume from; leave --resume out to start anew.")
    try:
        torch.load(path, weights_only=True, map_location="cpu", mmap=False)
    except (RuntimeError, OSError, EOFError, KeyError, UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path}: cannot be resumed from ({reason}); start anew without --resume."
        ) from error
    return path


def _describer(
    recipe: Recipe, classes: tuple[str, ...], *, seed: int, root: str | Path | None
) -> Any:
    constant = {
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "classes": list(classes),
        "root": None if root is None else str(root),
    }
    return lambda row: {**constant, "metrics": row}
