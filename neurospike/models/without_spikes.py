"""A network's conventional twin, made before training by one switch."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from neurospike.errors import ArgumentError
from neurospike.nn import QuantisedReLU, RecurrentDelay, ReLU, Stateful, UnarySpikes

M = TypeVar("M", bound=nn.Module)


def without_spikes(model: M, *, levels: int | None = None) -> M:
    """Put a rectifier in place of every neuron that fires inside a model, and return the model.

    Weights, norms, delays, shortcuts and readouts stay, so that both networks have the same
    parameters and start from the same ones under one seed; only what neurons themselves learn,
    such as time constants, goes with them.

    Parameters
    ----------
    levels
        Round the rectifier to so many levels above 0 (``nn.QuantisedReLU``); exact unless given.

    Raises
    ------
    ArgumentError
        levels below 1, or a ``RecurrentDelay``: rectifiers that hear each other are not bounded
        and do not train; ``hw.ann_twin`` makes them of a trained network, to be counted.

    Examples
    --------
    >>> from neurospike.nn import ILIF
    >>> without_spikes(nn.Sequential(nn.Linear(2, 2), ILIF()))
    Sequential(
      (0): Linear(in_features=2, out_features=2, bias=True)
      (1): ReLU()
    )
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, RecurrentDelay):
                raise ArgumentError(
                    f"without_spikes.model: must not hold a RecurrentDelay; got one at {name!r}. "
                    "Build it without recurrent delays, or count hw.ann_twin of the trained one."
                )
            if isinstance(child, Stateful) and child.emits_spikes:
                setattr(parent, name, ReLU() if levels is None else QuantisedReLU(levels))
            elif isinstance(child, UnarySpikes):
                setattr(parent, name, nn.Identity())
    return model
