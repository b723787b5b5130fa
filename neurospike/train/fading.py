"""How activations that deployment does without fade while a network trains."""

from __future__ import annotations

from typing import Any

import lightning
from torch import Tensor, nn

from neurospike.errors import ArgumentError


class FadeActivations(lightning.Callback):
    """Fade activations between layers that will merge, evenly, then train on without them.

    Works on every module with a buffer ``act_learn``: 0 bends as ReLU does, 1 not at all. ``at``
    and ``apply`` serve loops of one's own, as those of ``SigmaSchedule`` do.

    Parameters
    ----------
    share
        Share of the epochs over which they fade.

    Raises
    ------
    ArgumentError
        A share outside 0 to 1, or of 1: the last epoch must train what is deployed.

    Source
    ------
    VanillaNet, arXiv:2305.12972, section 3.1; the authors' code fades over 100 of 300 epochs.

    Examples
    --------
    >>> fading = FadeActivations(share=0.5)
    >>> [fading.at(epoch, 8) for epoch in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(self, share: float = 1 / 3) -> None:
        if not 0 <= share < 1:
            raise ArgumentError(
                f"FadeActivations.share: must be at least 0 and below 1; got {share}."
            )
        self.share = share

    def at(self, epoch: int, epochs: int) -> float:
        """How far activations have faded during an epoch, counted from 0."""
        fading = int(self.share * epochs)
        return min(epoch / fading, 1.0) if fading else 1.0

    def apply(self, model: nn.Module, epoch: int, epochs: int) -> float:
        """Set every activation for an epoch, and return how far they have faded."""
        faded = self.at(epoch, epochs)
        for buffer in fading_buffers(model):
            buffer.fill_(faded)
        return faded

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.apply(pl_module, trainer.current_epoch, trainer.max_epochs)


def has_faded(model: nn.Module) -> bool:
    """Whether no activation of a network bends that deployment does without."""
    return all(bool(faded == 1) for faded in fading_buffers(model))


def fading_buffers(model: nn.Module) -> list[Tensor]:
    """How far each activation of a network that can fade has faded."""
    named = model.named_buffers()
    return [buffer for name, buffer in named if name.rpartition(".")[2] == "act_learn"]
