"""Classification of any kind of data, as a Lightning module."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from numpy.typing import NDArray
from torch import Tensor, nn

from neurospike.train.activity import ActivityLoss
from neurospike.train.delays import deployed
from neurospike.train.optim import build_optimizer, build_schedule
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Batch
from neurospike.train.tasks import Task, class_scores, loss_of


class Classify(lightning.LightningModule):
    """Cross entropy on the scores of a network; accuracy by exact counts.

    Validation runs the network as it would be deployed: with delays rounded, where the recipe
    says so.

    Parameters
    ----------
    model
        A batch as the task encodes it to logits (B, classes), or membranes (T, B, classes).
    recipe
        Optimiser, schedule, loss and activity.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, task: Task) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.task = task
        self.activity = ActivityLoss(model, recipe.activity)
        # In a list, for a module's attribute would enter the checkpoint.
        self._deployed: list[nn.Module] = []

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        inputs = self.task.encode(batch)
        with self.activity.watching(inputs, **self.task.counting):
            scores = class_scores(self.recipe, self.model(inputs))
        loss = loss_of(self.recipe, scores, batch["label"], training=True)
        self._log("train", loss, scores, batch["label"])
        if self.activity.active:
            terms = self.activity.terms(len(batch["label"]))
            self._log_means({f"train_{k}": v for k, v in terms.seen.items()}, batch)
            loss = loss + terms.loss
        return loss

    def on_validation_epoch_start(self) -> None:
        self._deployed = [deployed(self.model, self.recipe).eval()]

    def validation_step(self, batch: Batch, _index: int) -> None:
        scores = class_scores(self.recipe, self._deployed[0](self.task.encode(batch)))
        loss = loss_of(self.recipe, scores, batch["label"], training=False)
        self._log("val", loss, scores, batch["label"])

    def on_validation_epoch_end(self) -> None:
        self._deployed = []

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = build_optimizer(self.model, self.recipe.optimizer)
        part, epochs = self.recipe.schedule, self.recipe.training.epochs
        steps = int(self.trainer.estimated_stepping_batches)
        # With an epoch's last step: Lightning moves schedules "by epoch" only after the resume
        # point has been written, so that a resumed run would be an epoch behind.
        every = steps // epochs if part.interval == "epoch" else 1
        schedule = build_schedule(optimizer, part, total_steps=steps // every)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "frequency": every},
        }

    def _log(self, stage: str, loss: Tensor, scores: Tensor, label: Tensor) -> None:
        accuracy = (scores.argmax(1) == label).float().mean()
        self._log_means({f"{stage}_loss": loss, f"{stage}_accuracy": accuracy}, {"label": label})

    def _log_means(self, values: dict[str, Tensor], batch: Batch) -> None:
        self.log_dict(
            values,
            prog_bar=True,
            on_step=False,
            on_epoch=True,
            batch_size=len(batch["label"]),
            sync_dist=True,
        )


@dataclass(frozen=True)
class Predictions:
    """Classes predicted for a split, beside its labels, in the order of the data set.

    Attributes
    ----------
    predicted, labels
        (samples,) int64.
    """

    predicted: NDArray[np.int64]
    labels: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Share that is right; 0 of no samples."""
        return float((self.predicted == self.labels).mean()) if len(self.labels) else 0.0


@torch.no_grad()
def predict(model: nn.Module, recipe: Recipe, task: Task, batches: Iterable[Any]) -> Predictions:
    """Run a network over batches, in evaluation mode."""
    model.eval()
    predicted, labels = [], []
    for batch in batches:
        scores = class_scores(recipe, model(task.encode(batch)))
        predicted.append(scores.argmax(1).numpy())
        labels.append(batch["label"].numpy())
    empty = [np.zeros(0, np.int64)]
    return Predictions(np.concatenate(predicted or empty), np.concatenate(labels or empty))
