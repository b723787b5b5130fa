"""Optimisers and schedules that recipes name; delays have a group and a schedule of their own."""

from __future__ import annotations

import math
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, MultiStepLR, OneCycleLR

from neurospike.train.delays import delay_parameters
from neurospike.train.sections import OptimizerPart, SchedulePart

_DELAY_LR = "delay_lr"


def build_optimizer(model: nn.Module, part: OptimizerPart) -> Optimizer:
    """SGD, Adam or AdamW over all parameters; delays come last, with ``delay_lr``."""
    delays = list(delay_parameters(model).values())
    known = {id(p) for p in delays}
    rest = [p for p in model.parameters() if id(p) not in known and p.requires_grad]
    groups = _decaying(rest, part)
    if delays:
        group = {"params": delays, "lr": part.delay_lr, "weight_decay": 0.0}
        groups.append({**group, _DELAY_LR: part.delay_lr})
    if part.name == "sgd":
        return SGD(groups, lr=part.lr, momentum=part.momentum, nesterov=part.nesterov)
    kind = Adam if part.name == "adam" else AdamW
    return kind(groups, lr=part.lr)


def _decaying(parameters: list[nn.Parameter], part: OptimizerPart) -> list[dict[str, Any]]:
    decay = part.weight_decay
    if part.name == "sgd":
        return [{"params": parameters, "weight_decay": decay}]
    return [
        {"params": [p for p in parameters if not _one_a_channel(p)], "weight_decay": decay},
        {"params": [p for p in parameters if _one_a_channel(p)], "weight_decay": 0.0},
    ]


def _one_a_channel(parameter: nn.Parameter) -> bool:
    """A bias, a norm or a scale, also as (C, 1, 1): decaying them only shrinks what they scale."""
    return parameter.ndim <= 1 or parameter.numel() == parameter.shape[0]


def build_schedule(optimizer: Optimizer, part: SchedulePart, *, total_steps: int) -> LRScheduler:
    """A schedule of so many steps, each a batch or an epoch; delays fall along a cosine."""
    if part.name == "onecycle":
        peaks = [float(group["lr"]) for group in optimizer.param_groups]
        start = part.start_lr
        return _OneCycle(
            optimizer,
            delay_steps=total_steps,
            max_lr=peaks,
            total_steps=max(total_steps, 2),
            pct_start=_rise(part.warmup, total_steps),
            div_factor=25.0 if start is None else peaks[0] / start,
        )
    if part.name == "multistep":
        milestones = [int(share * total_steps) for share in part.milestones]
        return _MultiStep(
            optimizer, delay_steps=total_steps, milestones=milestones, gamma=part.gamma
        )
    return _Constant(optimizer, delay_steps=total_steps, factor=1.0)


def _rise(share: float, steps: int) -> float:
    """The share that rises; one that ends at the very first step would be divided by zero."""
    return share if abs(share * steps - 1) > 1e-9 else 1.001 * share


def _momentum(group: dict[str, Any]) -> dict[str, Any]:
    return {name: group[name] for name in ("betas", "momentum") if name in group}


class _DelayCosine(LRScheduler):
    """Any schedule, but for groups of delays: those fall to 0 along a cosine, momentum as it is."""

    def __init__(self, optimizer: Optimizer, *, delay_steps: int, **rest: Any) -> None:
        self.delay_steps = delay_steps
        super().__init__(optimizer, **rest)

    def get_lr(self) -> list[Any]:
        groups = self.optimizer.param_groups
        own = [index for index, group in enumerate(groups) if _DELAY_LR in group]
        before = {index: _momentum(groups[index]) for index in own}
        rates = list(super().get_lr())
        for index in own:
            share = min(self.last_epoch / self.delay_steps, 1.0)
            rates[index] = groups[index][_DELAY_LR] * (1 + math.cos(math.pi * share)) / 2
            groups[index].update(before[index])
        return rates


class _OneCycle(_DelayCosine, OneCycleLR):
    def __init__(self, optimizer: Optimizer, **rest: Any) -> None:
        kept = [(group, _momentum(group)) for group in optimizer.param_groups if _DELAY_LR in group]
        super().__init__(optimizer, **rest)
        for group, momentum in kept:
            group.update(momentum)


class _MultiStep(_DelayCosine, MultiStepLR):
    pass


class _Constant(_DelayCosine, ConstantLR):
    pass
