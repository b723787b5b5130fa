"""Recipes: everything a training run depends on, as TOML, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, model_validator

from neurospike.errors import DataError
from neurospike.files import Shipped
from neurospike.train.scan_sections import AugmentScanPart, DetectPart, ScanPart, SegmentPart
from neurospike.train.sections import (
    ActivityPart,
    AugmentPart,
    AugmentSequencePart,
    DataPart,
    DelaysPart,
    EverySamplePart,
    ImagePart,
    ModelPart,
    OptimizerPart,
    Part,
    SchedulePart,
    SequencePart,
    TrainingPart,
    VoxelPart,
)

_SHIPPED = Shipped("neurospike.train", "recipes", argument="train.recipe", kind="a recipe")

_READ_BY = {
    "voxels": ("augment", "every_sample"),
    "sequence": ("augment_sequence",),
    "scan": ("augment_scan",),
}

_LABELLED_FOR = {"detect": ("kitti", "streets"), "segment": ("semantickitti", "streets")}


class Recipe(Part):
    """A whole training run. ``tested`` says whether it was run as written or cut down.

    ``voxels`` makes it a run on clouds, ``sequence`` one on sound or events, ``scan`` one on LiDAR
    scans: one of the three is there, and with ``scan`` either ``detect`` or ``segment``.
    ``image`` beside ``voxels`` or ``sequence`` makes images of the same samples, for conventional
    networks. ``delays`` is read where the network has delays.
    """

    name: str
    description: str
    source: str
    tested: Literal["full", "reduced"]
    data: DataPart
    every_sample: EverySamplePart = EverySamplePart()
    augment: AugmentPart = AugmentPart()
    augment_sequence: AugmentSequencePart = AugmentSequencePart()
    augment_scan: AugmentScanPart = AugmentScanPart()
    voxels: VoxelPart | None = None
    sequence: SequencePart | None = None
    scan: ScanPart | None = None
    image: ImagePart | None = None
    detect: DetectPart | None = None
    segment: SegmentPart | None = None
    model: ModelPart
    optimizer: OptimizerPart
    schedule: SchedulePart = SchedulePart()
    delays: DelaysPart = DelaysPart()
    activity: ActivityPart = ActivityPart()
    training: TrainingPart

    @model_validator(mode="after")
    def _check_kind(self) -> Recipe:
        kinds = [name for name in _READ_BY if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(
                "one of the sections voxels, sequence and scan must be there; "
                f"got {' and '.join(kinds) or 'none'}"
            )
        if self.image is not None and kinds == ["scan"]:
            raise ValueError("a section image needs one of the sections voxels and sequence")
        tasks = [part for part in (self.detect, self.segment) if part is not None]
        if len(tasks) != (kinds == ["scan"]):
            raise ValueError(
                "a section scan needs one of the sections detect and segment, no other has any"
            )
        for kind, sections in _READ_BY.items():
            for name in sections if kind != kinds[0] else ():
                part = getattr(self, name)
                if part != type(part)():
                    raise ValueError(f"{name} is not read by a recipe with a section {kinds[0]}")
        return self

    @model_validator(mode="after")
    def _check_labels(self) -> Recipe:
        data = self.data
        for task, known in _LABELLED_FOR.items():
            if getattr(self, task) is None:
                continue
            if data.name not in known:
                raise ValueError(
                    f"a section {task} needs the data {' or '.join(known)}; got {data.name!r}"
                )
            given = data.arguments.get("task", "detect")
            if data.name == "streets" and given != task:
                raise ValueError(f"a section {task} needs streets with task = {task!r}")
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
