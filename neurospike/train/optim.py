"""Optimisers and schedules that recipes name."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, MultiStepLR, OneCycleLR

from neurospike.train.recipe import OptimizerPart, SchedulePart


def build_optimizer(model: nn.Module, part: OptimizerPart) -> Optimizer:
    """SGD or AdamW over all parameters."""
    if part.name == "adamw":
        # One-dimensional parameters are biases and norms: decaying them only shrinks their scale.
        flat = [p for p in model.parameters() if p.ndim <= 1]
        deep = [p for p in model.parameters() if p.ndim > 1]
        groups = [
            {"params": deep, "weight_decay": part.weight_decay},
            {"params": flat, "weight_decay": 0.0},
        ]
        return AdamW(groups, lr=part.lr)
    return SGD(
        model.parameters(),
        lr=part.lr,
        momentum=part.momentum,
        nesterov=part.nesterov,
        weight_decay=part.weight_decay,
    )


def build_schedule(optimizer: Optimizer, part: SchedulePart, *, total_steps: int) -> LRScheduler:
    """A schedule stepped once per batch."""
    if part.name == "onecycle":
        peaks = [float(group["lr"]) for group in optimizer.param_groups]
        return OneCycleLR(optimizer, max_lr=peaks, total_steps=total_steps, pct_start=part.warmup)
    if part.name == "multistep":
        milestones = [int(share * total_steps) for share in part.milestones]
        return MultiStepLR(optimizer, milestones, gamma=part.gamma)
    return ConstantLR(optimizer, factor=1.0)
