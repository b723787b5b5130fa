"""Small checkpoints that were never trained, but spike."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from neurospike import models
from neurospike.train import load_recipe, parse_recipe
from neurospike.train.samples import build_source


def clouds(path: Path) -> Path:
    """Solids, E-3DSNN-T, T x D = 1 x 4."""
    content = load_recipe("solids").model_dump(mode="json")
    content["data"]["arguments"] = {"size": 24, "points": 128}
    content["voxels"]["size"] = 0.15
    content["model"]["arguments"] |= {"steps": 1, "max_spikes": 4}
    return _written(path, content)


def tones(path: Path) -> Path:
    """Spoken tones, one hidden layer of LIF, 30 steps."""
    content = load_recipe("spoken-tones").model_dump(mode="json")
    content["data"]["arguments"] = {"size": 24}
    content["sequence"]["steps"] = 30
    content["model"]["arguments"] |= {"hidden": 16, "max_delay": 5, "in_features": 20}
    return _written(path, content)


def _written(path: Path, content: dict[str, Any]) -> Path:
    recipe = parse_recipe(content, origin="test")
    classes = build_source(recipe.data, "test").classes
    torch.manual_seed(0)
    arguments = {**recipe.model.arguments, "num_classes": len(classes)}
    model = models.create(recipe.model.factory, **arguments)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d):
            nn.init.constant_(layer.bias, 0.4)
            layer.running_var.fill_(0.02)
    extra = {"recipe": content, "seed": 0, "classes": list(classes), "root": None}
    models.save(model, path, extra=extra)
    return path
