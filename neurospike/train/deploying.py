"""Networks as they would be deployed: delays rounded, branches merged."""

from __future__ import annotations

import copy

from torch import nn

from neurospike import baselines
from neurospike.train.delays import delay_layers
from neurospike.train.fading import has_faded
from neurospike.train.recipe import Recipe


def rounded(model: nn.Module, recipe: Recipe) -> nn.Module:
    """Where the recipe says so, a copy with delays rounded; a network without any is returned."""
    if recipe.delays.round and any(True for _ in delay_layers(model)):
        model = copy.deepcopy(model)
        for layer in delay_layers(model):
            layer.round_delays_()
    return model


def deployed(model: nn.Module, recipe: Recipe) -> nn.Module:
    """The network as it would be deployed; itself where that is the form of training.

    Delays are rounded; branches of networks such as UniRepLKNet and VanillaNet are merged, once
    nothing between them fades any more. A checkpoint holds no merged form.
    """
    model = rounded(model, recipe)
    return baselines.deployed(model) if merges(model) else model


def merges(model: nn.Module) -> bool:
    """Whether a network has parts to merge, and is far enough in its training for that."""
    return baselines.merges(model) and has_faded(model)
