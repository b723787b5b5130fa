"""Classification of point clouds, as a Lightning module."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike.encoders import Voxelizer
from neurospike.train.optim import build_optimizer, build_schedule
from neurospike.train.recipe import Recipe, VoxelPart

Batch = dict[str, Any]


class VoxelInput:
    """A batch of points into the tensor that a network takes.

    Shape
    -----
    in:  points (P, 3), normals (P, 3) where asked for, batch (P,), label (B,)
    out: VoxelTensor, features (N, 3) or (N, 6)
    """

    def __init__(self, part: VoxelPart) -> None:
        self.normals = part.normals
        self.voxelizer = Voxelizer(part.size, reduce=part.reduce)

    def __call__(self, batch: Batch) -> Any:
        features = batch["normals"] if self.normals else None
        voxels, _ = self.voxelizer(
            batch["points"], features, batch["batch"], batch_size=len(batch["label"])
        )
        return voxels


class ClassifyVoxels(lightning.LightningModule):
    """Cross entropy on the logits of a network of voxels; accuracy by exact counts.

    Parameters
    ----------
    model
        VoxelTensor to logits (batch, classes).
    recipe
        Optimiser, schedule, smoothing and voxel size.
    """

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.encode = VoxelInput(recipe.voxels)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        logits = self.model(self.encode(batch))
        smoothing = self.recipe.training.label_smoothing
        loss = F.cross_entropy(logits, batch["label"], label_smoothing=smoothing)
        self._log("train", loss, logits, batch["label"])
        return loss

    def validation_step(self, batch: Batch, _index: int) -> None:
        logits = self.model(self.encode(batch))
        self._log("val", F.cross_entropy(logits, batch["label"]), logits, batch["label"])

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = build_optimizer(self.model, self.recipe.optimizer)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = build_schedule(optimizer, self.recipe.schedule, total_steps=steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _log(self, stage: str, loss: Tensor, logits: Tensor, label: Tensor) -> None:
        accuracy = (logits.argmax(1) == label).float().mean()
        self.log_dict(
            {f"{stage}_loss": loss, f"{stage}_accuracy": accuracy},
            prog_bar=True,
            on_step=False,
            on_epoch=True,
            batch_size=len(label),
            sync_dist=True,
        )


@torch.no_grad()
def accuracy(model: nn.Module, encode: VoxelInput, batches: Any) -> tuple[int, int]:
    """Count (right, all) predictions over an iterable of batches, in evaluation mode."""
    model.eval()
    right = total = 0
    for batch in batches:
        predicted = model(encode(batch)).argmax(1)
        right += int((predicted == batch["label"]).sum())
        total += len(batch["label"])
    return right, total
