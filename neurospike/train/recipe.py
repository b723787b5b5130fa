"""Recipes: everything a training run depends on, as TOML, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, model_validator

from neurospike.errors import DataError
from neurospike.files import Shipped
from neurospike.train.sections import (
    ActivityPart,
    AugmentPart,
    AugmentSequencePart,
    DataPart,
    DelaysPart,
    EverySamplePart,
    ModelPart,
    OptimizerPart,
    Part,
    SchedulePart,
    SequencePart,
    TrainingPart,
    VoxelPart,
)

_SHIPPED = Shipped("neurospike.train", "recipes", argument="train.recipe", kind="a recipe")


class Recipe(Part):
    """A whole training run. ``tested`` says whether it was run as written or cut down.

    ``voxels`` makes it a run on clouds, ``sequence`` one on sound or events: one of the two is
    there. ``delays`` is read where the network has delays.
    """

    name: str
    description: str
    source: str
    tested: Literal["full", "reduced"]
    data: DataPart
    every_sample: EverySamplePart = EverySamplePart()
    augment: AugmentPart = AugmentPart()
    augment_sequence: AugmentSequencePart = AugmentSequencePart()
    voxels: VoxelPart | None = None
    sequence: SequencePart | None = None
    model: ModelPart
    optimizer: OptimizerPart
    schedule: SchedulePart = SchedulePart()
    delays: DelaysPart = DelaysPart()
    activity: ActivityPart = ActivityPart()
    training: TrainingPart

    @model_validator(mode="after")
    def _check_kind(self) -> Recipe:
        if (self.voxels is None) == (self.sequence is None):
            raise ValueError("one of the sections voxels and sequence must be there, not both")
        unread = ("augment_sequence",) if self.sequence is None else ("augment", "every_sample")
        for name in unread:
            part = getattr(self, name)
            if part != type(part)():
                kind = "voxels" if self.sequence is None else "sequence"
                raise ValueError(f"{name} is not read by a recipe with a section {kind}")
        return self


def recipe_names() -> list[str]:
    """Names of the recipes that ship with the package."""
    return _SHIPPED.names()


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe that ships with the package, by name, or a TOML file, by path.

    Raises
    ------
    ArgumentError
        An unknown name.
    DataError
        A file that is missing, no TOML, or has unknown keys or values out of range.
    """
    return parse_recipe(_SHIPPED.read(name_or_path), origin=str(name_or_path))


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
