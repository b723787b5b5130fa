"""Figures that a run leaves in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurospike import models, viz
from neurospike.train.activity import emitters
from neurospike.train.callbacks import HISTORY, LAST
from neurospike.train.delays import all_delays
from neurospike.train.recipe import Recipe

Arrays = dict[str, NDArray[np.float32]]


def draw_run(
    folder: Path,
    recipe: Recipe,
    model: nn.Module,
    inputs: Any,
    delays_before: Arrays,
    *,
    score: str = "accuracy",
) -> list[Path]:
    """Draw what there is to see of a run: learning, and of sequences their spikes and delays.

    Parameters
    ----------
    model
        The network to look at, as it is deployed.
    inputs
        One sample as the network takes it.
    delays_before
        Delays by layer before training; none of a network without.
    score
        The measure that is drawn beside the loss.
    """
    history = json.loads((folder / HISTORY).read_text("utf-8"))
    made = [viz.loss_curves(history, folder / "loss.png", title=recipe.name, score=score)]
    if recipe.sequence is None or recipe.image is not None:
        return made
    dt_ms = recipe.sequence.dt_ms
    if isinstance(inputs, Tensor) and recipe.sequence.frontend != "mel":
        shown = {"input": inputs[:, 0].numpy(), **record_layers(model, inputs)}
    else:
        shown = record_layers(model, inputs)
    if shown:  # a network without spikes that hears energies has nothing to draw
        title = "One test sample, layer by layer"
        made.append(viz.layer_rasters(shown, folder / "raster.png", dt_ms=dt_ms, title=title))
    if delays_before:
        after = all_delays(models.load(folder / LAST))
        made.append(
            viz.delay_histograms(
                delays_before, after, folder / "delays.png", dt_ms=dt_ms, title="Learnt delays"
            )
        )
    known = [row for row in history if "sigma" in row]
    if known:
        columns = {name: [row[name] for row in known] for name in ("epoch", "sigma")}
        made.append(viz.sigma_curve(columns, folder / "sigma.png"))
    return made


@torch.no_grad()
def record_layers(model: nn.Module, inputs: Tensor) -> Arrays:
    """Spikes (T, neurons) of each layer of neurons, for the first sample of a batch (T, B, C)."""
    seen: Arrays = {}
    hooks = [
        layer.register_forward_hook(
            lambda _m, _x, y, name=f"layer {index}": seen.__setitem__(
                name, y[:, 0].flatten(1).numpy()
            )
        )
        for index, layer in enumerate(emitters(model), start=1)
    ]
    try:
        model.eval()(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen
