"""A network's conventional twin, made before training by one switch."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from neurospike.nn import ILIF, ReLU

M = TypeVar("M", bound=nn.Module)


def without_spikes(model: M) -> M:
    """Put a ReLU in place of every ILIF inside a model, and return the model.

    Weights, norms and shortcuts stay, so that both networks have the same parameters and start
    from the same ones under one seed.

    Examples
    --------
    >>> without_spikes(nn.Sequential(nn.Linear(2, 2), ILIF()))
    Sequential(
      (0): Linear(in_features=2, out_features=2, bias=True)
      (1): ReLU()
    )
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, ILIF):
                setattr(parent, name, ReLU())
    return model
