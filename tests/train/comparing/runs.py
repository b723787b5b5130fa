"""Tiny runs to compare: a spiking network and a conventional one on generated solids."""

from pathlib import Path
from typing import Any

from neurospike.train import Recipe, fit, load_recipe, parse_recipe
from neurospike.train.opponents import with_baseline


def little_recipe(**training: Any) -> Recipe:
    content = load_recipe("solids").model_dump(mode="json")
    content["data"]["arguments"] = {"size": 24, "points": 128}
    content["voxels"]["size"] = 0.15
    content["training"] = {"epochs": 3, "batch_size": 4, **training}
    return parse_recipe(content, origin="test")


def make_runs(folder: Path) -> dict[str, Path]:
    """A spiking network and a conventional one, each with two seeds."""
    spiking = little_recipe()
    recipes = {
        "spiking": spiking,
        "metaformer": with_baseline(spiking, "metaformer:identity", image_size=32),
    }
    made = {f"{name}-{seed}": (recipe, seed) for name, recipe in recipes.items() for seed in (0, 1)}
    for name, (recipe, seed) in made.items():
        fit(recipe, out=folder / name, seed=seed, progress=False)
    return {name: folder / name for name in made}
