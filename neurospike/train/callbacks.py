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
import numpy as np
import torch
from torch import nn

from neurospike import models
from neurospike.files import write_atomically
from neurospike.nn.together import processes
from neurospike.train.deploying import rounded
from neurospike.train.fading import has_faded
from neurospike.train.recipe import Recipe

log = logging.getLogger(__name__)

RESUME = "resume.ckpt"
BEST = "best.safetensors"
LAST = "last.safetensors"
HISTORY = "history.json"


class StepSeed(lightning.Callback):
    """Seed torch by seed, step and process, so that dropout draws alike in a resumed run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Any, *_rest: Any) -> None:
        # The first process draws as a single one does; others must not drop the same units.
        key = [
            self.seed,
            trainer.global_step,
            *([trainer.global_rank] if trainer.global_rank else []),
        ]
        words = np.random.SeedSequence(key).generate_state(1)
        torch.manual_seed(int(words[0]))


class RunFolder(lightning.Callback):
    """Write ``best.safetensors``, ``last.safetensors``, ``history.json`` and ``resume.ckpt``.

    Best is the highest score in validation; a tie goes to the later epoch, which has seen more.
    Without validation that is the last one.

    Parameters
    ----------
    recipe
        Says how a network is deployed: the best weights are kept as they were validated, with
        delays rounded; the last ones as training left them.
    describe
        What a checkpoint says of itself, called at each epoch's end.
    score
        The measure that chooses: "accuracy", "mIoU" or "AP".
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        describe: Callable[[dict[str, float]], dict[str, Any]],
        *,
        score: str = "accuracy",
    ) -> None:
        self.folder = folder
        self.recipe = recipe
        self.describe = describe
        self.score = score
        self.best = -1.0
        self.best_epoch = 0
        self.history: list[dict[str, float]] = []
        self._epoch_began = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]
        self.best_epoch = state_dict["best_epoch"]
        self.history = list(state_dict["history"])

    def summary(self) -> dict[str, Any]:
        """Best and last validation, as ``FitResult`` names them; 0 without validation."""
        seen = [row[self._column] for row in self.history if self._column in row]
        return {
            "best_epoch": self.best_epoch,
            "best_validation_accuracy": self.best,
            "last_validation_accuracy": seen[-1] if seen else 0.0,
        }

    @property
    def _column(self) -> str:
        return f"val_{self.score}"

    def on_train_epoch_start(self, trainer: Any, _module: Any) -> None:
        self._epoch_began = time.perf_counter()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        validated = (
            not trainer.enable_validation  # then each epoch is the best so far
            or (trainer.current_epoch + 1) % trainer.check_val_every_n_epoch == 0
        )
        metrics = {
            key: float(value)
            for key, value in trainer.callback_metrics.items()
            # Lightning keeps what an earlier epoch's validation said.
            if validated or not key.startswith("val_")
        }
        row = {
            "epoch": float(trainer.current_epoch),
            "seconds": time.perf_counter() - self._epoch_began,
            **metrics,
        }
        self.history.append(row)
        # What still fades cannot be deployed, however well it does.
        ready = validated and has_faded(pl_module.model)
        improved = ready and metrics.get(self._column, 0.0) >= self.best
        if improved:
            self.best = metrics.get(self._column, 0.0)
            self.best_epoch = int(trainer.current_epoch)
        if trainer.is_global_zero:
            model: nn.Module = pl_module.model
            if improved:
                best = rounded(model, self.recipe)
                models.save(best, self.folder / BEST, extra=self.describe(row))
            models.save(model, self.folder / LAST, extra=self.describe(row))
            write_atomically(self.folder / HISTORY, json.dumps(self.history, indent=1))
        partial = self.folder / f".{RESUME}.partial"
        trainer.save_checkpoint(partial)  # every process takes part
        if trainer.is_global_zero:
            os.replace(partial, self.folder / RESUME)
        if processes() > 1:
            trainer.strategy.barrier()  # who resumes at once must find it
        if not trainer.is_global_zero:
            return
        known = self._column in metrics
        log.info(
            "epoch %d/%d  train loss %.3f  %s%.1f s",
            trainer.current_epoch + 1,
            trainer.max_epochs,
            metrics.get("train_loss", float("nan")),
            f"validation {self.score} {100 * metrics[self._column]:.1f} %  " if known else "",
            row["seconds"],
        )
