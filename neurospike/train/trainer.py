"""Lightning's trainer as runs use it: its logs, its bar, its warnings, its signals."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from neurospike.train.machine import Machine
from neurospike.train.recipe import Recipe


def build_trainer(
    recipe: Recipe,
    out: Path,
    machine: Machine,
    *,
    callbacks: list[lightning.Callback],
    progress: bool,
) -> lightning.Trainer:
    """Lightning's trainer with CSV and TensorBoard logs; checkpoints are our callback's."""
    # A bar is for eyes: logs get the line that each epoch ends with.
    progress = progress and sys.stdout.isatty()
    extra: list[lightning.Callback] = [Bar(leave=False)] if progress else []
    with quiet_lightning():
        return lightning.Trainer(
            **machine.trainer_arguments(),
            max_epochs=recipe.training.epochs,
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
            use_distributed_sampler=False,  # Lightning's would not tell ours the epoch
            check_val_every_n_epoch=min(recipe.training.validate_every, recipe.training.epochs),
            log_every_n_steps=10,
        )


class Bar(RichProgressBar):
    """Lightning's bar without the run's version, which is a folder name here."""

    def get_metrics(self, trainer: Any, pl_module: Any) -> dict[str, Any]:
        shown = super().get_metrics(trainer, pl_module)
        return {key: value for key, value in shown.items() if key != "v_num"}


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
            ".*have no `val_dataloader`.*",
            r".*isinstance\(treespec.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        noisy = [
            logging.getLogger(f"lightning.{name}")
            for name in (
                "pytorch.utilities.rank_zero",
                "pytorch.accelerators.cuda",
                "pytorch.trainer.connectors",
                "fabric.utilities.distributed",
            )
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
