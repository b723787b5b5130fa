"""Any task as a Lightning module, and the measure of a network over batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, distributed, nn

from neurospike.nn.together import processes, together
from neurospike.train.activity import ActivityLoss
from neurospike.train.deploying import deployed
from neurospike.train.optim import build_optimizer, build_schedule
from neurospike.train.recipe import Recipe
from neurospike.train.samples import Batch
from neurospike.train.tasks import Meter, Task


class Learner(lightning.LightningModule):
    """What a task's network learns by: its loss in training, its meter in validation.

    In training the loss is of the whole batch, whichever processes its samples are on, so that
    averaged gradients are those of one process with all of them.

    Validation runs the network as it would be deployed: with delays rounded, where the recipe
    says so. Logged are the entries of the task's loss as ``train_...`` and ``val_...``, on several
    processes their mean; and as ``val_...`` the measures of its meter, over what all processes saw.

    Parameters
    ----------
    model
        Takes a batch as the task encodes it.
    recipe
        Optimiser, schedule, loss and activity.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, task: Task) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.task = task
        self.activity = ActivityLoss(model, recipe.activity)
        # In lists, for a module's attribute would enter the checkpoint.
        self._deployed: list[nn.Module] = []
        self._meter: list[Meter] = []

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, _index: int) -> Batch:
        """Tensors alone: the rest of a batch, such as the labels of a scan, is read on the host."""
        return on_device(batch, device)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        with together():
            return self._loss(batch)

    def _loss(self, batch: Batch) -> Tensor:
        inputs = self.task.encode(batch)
        with self.activity.watching(inputs, **self.task.counting):
            outputs = self.model(inputs)
        parts = self.task.loss(self.model, outputs, batch, training=True)
        loss = parts["loss"]
        self._log_means("train", parts, batch)
        if self.activity.active:
            terms = self.activity.terms(size_of(batch))
            self._log_means("train", terms.seen, batch)
            loss = loss + terms.loss
        return loss

    def on_validation_epoch_start(self) -> None:
        self._deployed = [deployed(self.model, self.recipe).eval()]
        self._meter = [self.task.meter()]

    def validation_step(self, batch: Batch, _index: int) -> None:
        (model,), (meter,) = self._deployed, self._meter
        outputs = model(self.task.encode(batch))
        parts = self.task.loss(model, outputs, batch, training=False)
        self._log_means("val", {k: v for k, v in parts.items() if k != self.task.score}, batch)
        meter.update(model, outputs, batch)

    def on_validation_epoch_end(self) -> None:
        for meter in self._meter:
            whole = of_all_processes(meter, self.task)
            measures = {f"val_{name}": value for name, value in whole.result().items()}
            self.log_dict(measures, prog_bar=True, sync_dist=True)
        self._deployed = []
        self._meter = []

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

    def _log_means(self, stage: str, values: dict[str, Tensor], batch: Batch) -> None:
        self.log_dict(
            {f"{stage}_{name}": value for name, value in values.items()},
            prog_bar=True,
            on_step=False,
            on_epoch=True,
            batch_size=size_of(batch),
            sync_dist=True,
        )


def of_all_processes(meter: Meter, task: Task) -> Meter:
    """What the meters of a distributed run saw together; the meter itself where it is alone.

    A mean of measures would be another number: neither mIoU nor AP is a mean over scans.
    """
    if processes() == 1:
        return meter
    whole = task.meter()
    for part in from_all_processes(meter.seen()):
        whole.merge(part)
    return whole


def from_all_processes(value: Any) -> list[Any]:
    """What each process gives, in the order of their ranks; every one of them must call it."""
    if processes() == 1:
        return [value]
    values: list[Any] = [None] * processes()
    distributed.all_gather_object(values, value)
    return values


def size_of(batch: Batch) -> int:
    """Samples in a batch."""
    return int(batch["batch_size"]) if "batch_size" in batch else len(batch["label"])


def on_device(batch: Batch, device: torch.device) -> Batch:
    """A batch with its tensors on a device; the rest is read on the host."""
    return {key: _moved(value, device) for key, value in batch.items()}


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list) and all(isinstance(part, Tensor) for part in value):
        return [part.to(device) for part in value]
    return value


@dataclass(frozen=True)
class Measured:
    """How good a network was on a split.

    Attributes
    ----------
    metrics
        Measures by name, shares of 1.
    kept
        What a run keeps beside them, as plain JSON.
    samples
        How many there were.
    """

    metrics: dict[str, float]
    kept: dict[str, Any]
    samples: int


@torch.no_grad()
def measure(
    model: nn.Module,
    task: Task,
    batches: Iterable[Any],
    *,
    device: torch.device | None = None,
) -> Measured:
    """Run a network over batches, in evaluation mode.

    On several processes each is given its share of the batches, in the order of their ranks, and
    all of them get the measures of the whole.

    Parameters
    ----------
    device
        Where to run; the network is moved there. Where it is, unless given.
    """
    model.eval()
    if device is not None:
        model.to(device)
    meter, samples = task.meter(), 0
    for batch in batches:
        if device is not None:
            batch = on_device(batch, device)
        meter.update(model, model(task.encode(batch)), batch)
        samples += size_of(batch)
    whole = of_all_processes(meter, task)
    return Measured(whole.result(), whole.kept(), sum(from_all_processes(samples)))
