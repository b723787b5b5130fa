"""What a run leaves on disk: the best and last weights, the resume point, its history."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
from torch import nn

from neurospike import models
from neurospike.files import write_atomically

log = logging.getLogger(__name__)

RESUME = "resume.ckpt"
BEST = "best.safetensors"
LAST = "last.safetensors"
HISTORY = "history.json"


class RunFolder(lightning.Callback):
    """Write ``best.safetensors``, ``last.safetensors``, ``history.json`` and ``resume.ckpt``.

    Best is the highest validation accuracy; a tie goes to the later epoch, which has seen more.

    Parameters
    ----------
    describe
        What a checkpoint says of itself, called at each epoch's end.
    """

    def __init__(
        self, folder: Path, describe: Callable[[dict[str, float]], dict[str, Any]]
    ) -> None:
        self.folder = folder
        self.describe = describe
        self.best = -1.0
        self.history: list[dict[str, float]] = []
        self._epoch_began = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]
        self.history = list(state_dict["history"])

    def on_train_epoch_start(self, trainer: Any, _module: Any) -> None:
        self._epoch_began = time.perf_counter()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        row = {
            "epoch": float(trainer.current_epoch),
            "seconds": time.perf_counter() - self._epoch_began,
            **metrics,
        }
        self.history.append(row)
        if not trainer.is_global_zero:
            return
        model: nn.Module = pl_module.model
        if metrics.get("val_accuracy", 0.0) >= self.best:
            self.best = metrics.get("val_accuracy", 0.0)
            models.save(model, self.folder / BEST, extra=self.describe(row))
        models.save(model, self.folder / LAST, extra=self.describe(row))
        write_atomically(self.folder / HISTORY, json.dumps(self.history, indent=1))
        partial = self.folder / f".{RESUME}.partial"
        trainer.save_checkpoint(partial)
        os.replace(partial, self.folder / RESUME)
        log.info(
            "epoch %d/%d  train loss %.3f  validation accuracy %.1f %%  %.1f s",
            trainer.current_epoch + 1,
            trainer.max_epochs,
            metrics.get("train_loss", float("nan")),
            100 * metrics.get("val_accuracy", float("nan")),
            row["seconds"],
        )
