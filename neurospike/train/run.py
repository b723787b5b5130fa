"""Run a recipe: data, network, Lightning's loop, and a folder with what came of it."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn

from neurospike import models
from neurospike import nn as spiking
from neurospike.errors import ArgumentError, DataError
from neurospike.files import check_writable_folder, write_atomically
from neurospike.train.callbacks import BEST, RESUME, RunFolder
from neurospike.train.classify import ClassifyVoxels, VoxelInput, accuracy
from neurospike.train.recipe import Recipe, parse_recipe
from neurospike.train.samples import Prepared, Source, build_loader, build_source

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """What a run reached; accuracies are shares of 1."""

    recipe: str
    seed: int
    classes: int
    parameters: int
    epochs: int
    seconds: float
    best_validation_accuracy: float
    test_accuracy: float
    test_samples: int
    checkpoint: str


def fit(
    recipe: Recipe,
    *,
    out: str | Path,
    root: str | Path | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: bool = True,
    callbacks: list[lightning.Callback] | None = None,
) -> FitResult:
    """Train a network and test its best validation epoch once.

    Parameters
    ----------
    recipe
        From ``load_recipe``; change it with ``recipe.model_copy``.
    out
        Folder of the run; it receives ``recipe.json``, ``best.safetensors``, ``last.safetensors``,
        ``history.json``, ``metrics.csv``, TensorBoard events, ``resume.ckpt``, ``result.json``.
    root
        Where the data lies, for data sets that need one.
    resume
        Go on from ``resume.ckpt`` in ``out``; an interrupted run ends as an unbroken one would.

    Raises
    ------
    DataError
        Data or resume point missing or damaged, a folder that cannot be written.
    ArgumentError
        Arguments that the data set or the network refuses.
    """
    out = Path(out)
    resume_point = _resume_point(out, resume=resume)
    lightning.seed_everything(seed, workers=True, verbose=False)
    train, val, test = (
        build_source(recipe.data, split, root=root, seed=seed) for split in ("train", "val", "test")
    )
    model = build_model(recipe, classes=len(train.classes))
    check_writable_folder(out)  # not before the data is there: a refusal leaves nothing behind
    module = ClassifyVoxels(model, recipe)
    write_atomically(out / "recipe.json", recipe.model_dump_json(indent=1))
    describe = _describer(recipe, train, seed=seed, root=root)
    folder = RunFolder(out, describe)
    trainer = build_trainer(recipe, out, callbacks=[folder, *(callbacks or [])], progress=progress)
    batches = recipe.training.batch_size
    began = time.perf_counter()
    with quiet_lightning(), interrupts_raised():
        trainer.fit(
            module,
            build_loader(
                Prepared(train, recipe.every_sample, recipe.augment, seed=seed),
                batches,
                shuffle=True,
                seed=seed,
                workers=recipe.training.workers,
            ),
            build_loader(Prepared(val, recipe.every_sample, None, seed=seed), batches),
            ckpt_path=resume_point,
            weights_only=True,
        )
    seconds = time.perf_counter() - began
    if not (out / BEST).is_file():
        raise DataError(f"{out}: training stopped before its first epoch ended; start it again.")
    best = models.load(out / BEST)
    loader = build_loader(Prepared(test, recipe.every_sample, None, seed=seed), batches)
    right, total = accuracy(best, VoxelInput(recipe.voxels), loader)
    result = FitResult(
        recipe=recipe.name,
        seed=seed,
        classes=len(train.classes),
        parameters=sum(p.numel() for p in model.parameters()),
        epochs=len(folder.history),
        seconds=seconds,
        best_validation_accuracy=folder.best,
        test_accuracy=right / max(total, 1),
        test_samples=total,
        checkpoint=str(out / BEST),
    )
    write_atomically(out / "result.json", json.dumps(asdict(result), indent=1))
    return result


def build_model(recipe: Recipe, *, classes: int) -> nn.Module:
    """The recipe's network for that many classes.

    Raises
    ------
    ArgumentError
        A factory or an argument that does not exist, or another number of classes.
    """
    arguments = dict(recipe.model.arguments)
    named = arguments.pop("num_classes", classes)
    if named != classes:
        raise ArgumentError(
            f"recipe.model.num_classes: the data has {classes} classes; got {named}. "
            "Leave it out: it follows from the data."
        )
    return models.create(recipe.model.factory, num_classes=classes, **arguments)


def build_trainer(
    recipe: Recipe, out: Path, *, callbacks: list[lightning.Callback], progress: bool
) -> lightning.Trainer:
    """Lightning's trainer with CSV and TensorBoard logs; checkpoints are our callback's."""
    # A bar is for eyes: logs get the line that each epoch ends with.
    progress = progress and sys.stdout.isatty()
    extra: list[lightning.Callback] = [Bar(leave=False)] if progress else []
    with quiet_lightning():
        return lightning.Trainer(
            max_epochs=recipe.training.epochs,
            accelerator="cpu" if not torch.cuda.is_available() else "auto",
            logger=[
                CSVLogger(out, name="", version=""),
                TensorBoardLogger(out, name="", version="tensorboard"),
            ],
            callbacks=[*callbacks, *extra],
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=progress,
            gradient_clip_val=recipe.training.gradient_clip or None,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
        )


class Bar(RichProgressBar):
    """Lightning's bar without the run's version, which is a folder name here."""

    def get_metrics(self, trainer: Any, pl_module: Any) -> dict[str, Any]:
        shown = super().get_metrics(trainer, pl_module)
        return {key: value for key, value in shown.items() if key != "v_num"}


@dataclass(frozen=True)
class EvaluateResult:
    """Accuracy of a checkpoint on a split, with integer and with binary spikes."""

    checkpoint: str
    split: str
    samples: int
    integer_accuracy: float
    unary_accuracy: float


def evaluate(
    checkpoint: str | Path,
    *,
    root: str | Path | None = None,
    split: str = "test",
    modes: tuple[Literal["integer", "unary"], ...] = ("integer", "unary"),
) -> EvaluateResult:
    """Measure a checkpoint's accuracy, as graded packets and as binary events.

    Raises
    ------
    DataError
        A checkpoint that is damaged, was written by another task, or meets other classes.
    """
    model, recipe, source = open_run(checkpoint, root=root, split=split)
    encode = VoxelInput(recipe.voxels)
    seed = int(models.read_info(checkpoint).extra["seed"])
    found: dict[str, float] = {}
    total = 0
    for mode in modes:
        spiking.spike_mode(model, mode)
        prepared = Prepared(source, recipe.every_sample, None, seed=seed)
        right, total = accuracy(model, encode, build_loader(prepared, recipe.training.batch_size))
        found[mode] = right / max(total, 1)
    return EvaluateResult(
        checkpoint=str(checkpoint),
        split=split,
        samples=total,
        integer_accuracy=found.get("integer", float("nan")),
        unary_accuracy=found.get("unary", float("nan")),
    )


def open_run(
    checkpoint: str | Path, *, root: str | Path | None = None, split: str = "test"
) -> tuple[nn.Module, Recipe, Source]:
    """A checkpoint's network, its recipe and one split of its data.

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
    model = models.load(checkpoint, factory=recipe.model.factory)
    root = root if root is not None else info.extra.get("root")
    source = build_source(recipe.data, split, root=root, seed=int(info.extra["seed"]))
    if list(source.classes) != list(info.extra["classes"]):
        raise DataError(
            f"{checkpoint}: was trained on {len(info.extra['classes'])} classes, the data at "
            f"{root} has {len(source.classes)}; give the data that it was trained on."
        )
    return model, recipe, source


def first_batch(recipe: Recipe, source: Source, samples: int, *, seed: int = 0) -> Any:
    """The first samples of a split as one VoxelTensor, transformed as in a test."""
    prepared = Prepared(source, recipe.every_sample, None, seed=seed)
    return VoxelInput(recipe.voxels)(next(iter(build_loader(prepared, samples))))


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence advice of Lightning's that does not apply here; errors and warnings stay."""
    with warnings.catch_warnings():
        for message in (
            ".*does not have many workers.*",
            ".*treespec.*",
            ".*LeafSpec.*",
            ".*Checkpoint directory.*",
            ".*Experiment logs directory.*",
            ".*The number of training batches.*",
            r".*isinstance\(treespec.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        noisy = [
            logging.getLogger(f"lightning.pytorch.{name}")
            for name in ("utilities.rank_zero", "accelerators.cuda", "trainer.connectors")
        ]
        levels = [logger.level for logger in noisy]
        for logger in noisy:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(noisy, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def interrupts_raised() -> Iterator[None]:
    """Give the caller its KeyboardInterrupt: Lightning exits instead, and deafens the process."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


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


def _describer(recipe: Recipe, train: Source, *, seed: int, root: str | Path | None) -> Any:
    constant = {
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "classes": list(train.classes),
        "root": None if root is None else str(root),
    }
    return lambda row: {**constant, "metrics": row}
