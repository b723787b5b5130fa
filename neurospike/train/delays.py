"""How learnt delays settle while a network trains, as callbacks that stand alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightning
import numpy as np
from numpy.typing import NDArray
from torch import nn

from neurospike.errors import ArgumentError


class SigmaSchedule(lightning.Callback):
    """Narrow the spread of delays epoch by epoch, exponentially, then hold it.

    Works on every module with a buffer ``sigma``. ``at`` and ``apply`` serve loops of one's own::

        schedule = SigmaSchedule(start=12.27, stop=0.5, share=0.25)
        for epoch in range(epochs):
            schedule.apply(model, epoch, epochs)

    Parameters
    ----------
    start, stop
        Width in the first epoch, and once the share is over, in steps.
    share
        Share of the epochs over which it narrows.
    floor
        What the exponential falls towards: (start - floor) shrinks to (stop - floor).

    Raises
    ------
    ArgumentError
        Not floor < stop <= start, or a share outside 0 to 1.

    Source
    ------
    arXiv:2306.17670 with start 12.27, stop 0.5 and floor 0.27 for SHD: there |SIG| falls from 12
    to 0.23 over a quarter of the epochs, and the width is |SIG| + 0.27.

    Examples
    --------
    >>> schedule = SigmaSchedule(start=8.0, stop=0.5, share=0.5)
    >>> [schedule.at(epoch, 8) for epoch in range(6)]
    [8.0, 4.0, 2.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self, start: float, stop: float, share: float = 0.25, *, floor: float = 0.0
    ) -> None:
        if not (0 <= floor < stop <= start and 0 <= share <= 1):
            raise ArgumentError(
                "SigmaSchedule: 0 <= floor < stop <= start and a share from 0 to 1 must hold; got "
                f"start {start}, stop {stop}, floor {floor}, share {share}."
            )
        self.start, self.stop, self.share, self.floor = start, stop, share, floor

    def at(self, epoch: int, epochs: int) -> float:
        """Width during an epoch, counted from 0."""
        narrowing = int(self.share * epochs)
        if epoch >= narrowing:
            return self.stop
        ratio = (self.stop - self.floor) / (self.start - self.floor)
        width: float = self.floor + (self.start - self.floor) * ratio ** (epoch / narrowing)
        return width

    def apply(self, model: nn.Module, epoch: int, epochs: int) -> float:
        """Set the width of every layer for an epoch, and return it."""
        width = self.at(epoch, epochs)
        for layer in delay_layers(model):
            layer.sigma.fill_(width)
        return width

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        width = self.apply(pl_module, trainer.current_epoch, trainer.max_epochs)
        pl_module.log("sigma", width, on_step=False, on_epoch=True, batch_size=1, sync_dist=True)


class ClampDelays(lightning.Callback):
    """Keep delays within 0..max_delay - 1 after every step of the optimiser."""

    def on_train_batch_end(self, _trainer: Any, pl_module: Any, *_rest: Any) -> None:
        clamp_delays(pl_module)


def delay_layers(model: nn.Module) -> Iterator[Any]:
    """Every module with a buffer ``sigma``: those whose delays have a spread."""
    for module in model.modules():
        if "sigma" in dict(module.named_buffers(recurse=False)):
            yield module


def delay_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Learnt delays by name: parameters whose own name ends in "delay"."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.rpartition(".")[2].endswith("delay") and parameter.requires_grad
    }


def all_delays(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Copies of all delays in steps, learnt or not, by the place and kind of their layer."""
    return {
        f"{place} {type(model.get_submodule(place)).__name__}": parameter.detach()
        .cpu()
        .numpy()
        .copy()
        for name, parameter in model.named_parameters()
        for place, _, own in [name.rpartition(".")]
        if own.endswith("delay")
    }


def clamp_delays(model: nn.Module) -> None:
    """Put every delay back into its range."""
    for layer in delay_layers(model):
        layer.clamp_delays_()
