"""Recipes: everything a training run depends on, as TOML, checked before anything starts."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neurospike.errors import ArgumentError, DataError


class Part(BaseModel):
    """A section that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPart(Part):
    """Which data set, by name, and its keyword arguments (``root`` comes from the caller)."""

    name: Literal["solids", "modelnet", "occupancy"]
    arguments: dict[str, Any] = Field(default_factory=dict)
    protocol: Literal["clean", "legacy"] = "clean"


class AugmentPart(Part):
    """What only training samples undergo; lengths in the unit of the points."""

    drop_points: float = Field(default=0.0, ge=0, lt=1)
    rotate: Literal["none", "z", "all"] = "none"
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = Field(default=0.0, ge=0)
    jitter: float = Field(default=0.0, ge=0)


class EverySamplePart(Part):
    """What every sample undergoes, test samples included: part of the task itself."""

    normalise: bool = False
    rotate: Literal["none", "z", "all"] = "none"
    thin_to_voxels: int = Field(default=0, ge=0)


class VoxelPart(Part):
    """Edge of a voxel and the features that it carries."""

    size: float = Field(gt=0)
    normals: bool = True
    reduce: Literal["mean", "random", "first"] = "mean"


class ModelPart(Part):
    """A registered factory and its arguments; the number of classes comes from the data."""

    factory: str = "e3dsnn"
    arguments: dict[str, Any] = Field(default_factory=dict)


class OptimizerPart(Part):
    """SGD or AdamW."""

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(default=1e-3, ge=0)


class SchedulePart(Part):
    """``multistep``: milestones are shares of the run; ``onecycle``: stepped per batch."""

    name: Literal["constant", "multistep", "onecycle"] = "constant"
    milestones: tuple[float, ...] = (0.6, 0.8)
    gamma: float = 0.1
    warmup: float = Field(default=0.2, gt=0, lt=1)


class TrainingPart(Part):
    """Length of the run, batches and loss."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(default=16, ge=1)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    gradient_clip: float = Field(default=0.0, ge=0)
    workers: int = Field(default=0, ge=0)


class Recipe(Part):
    """A whole training run. ``tested`` says whether it was run as written or cut down."""

    name: str
    description: str
    source: str
    tested: Literal["full", "reduced"]
    data: DataPart
    every_sample: EverySamplePart = EverySamplePart()
    augment: AugmentPart = AugmentPart()
    voxels: VoxelPart
    model: ModelPart
    optimizer: OptimizerPart
    schedule: SchedulePart = SchedulePart()
    training: TrainingPart


def recipe_names() -> list[str]:
    """Names of the recipes that ship with the package."""
    folder = files("neurospike.train") / "recipes"
    return sorted(
        p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")
    )


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe that ships with the package, by name, or a TOML file, by path.

    Raises
    ------
    ArgumentError
        An unknown name.
    DataError
        A file that is missing, no TOML, or has unknown keys or values out of range.
    """
    name = str(name_or_path)
    if name in recipe_names():
        text = (files("neurospike.train") / "recipes" / f"{name}.toml").read_text("utf-8")
    elif name.endswith(".toml"):
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{name}: cannot be read as a recipe ({error}).") from error
    else:
        raise ArgumentError(
            f"train.recipe: must be one of {', '.join(recipe_names())}, or the path of a .toml "
            f"file; got {name!r}."
        )
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{name}: not valid TOML: {error}.") from error
    return parse_recipe(content, origin=name)


def parse_recipe(content: dict[str, Any], *, origin: str) -> Recipe:
    """Check a recipe given as a dictionary; ``origin`` names it in the error."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise DataError(
            f"{origin}: {where}: {first['msg']} ({error.error_count()} problem(s) in all); "
            "compare with a recipe that ships with the package."
        ) from error
