"""A recipe with a conventional network in the place of its spiking one."""

from __future__ import annotations

from typing import Any

from neurospike import baselines
from neurospike.baselines import Baseline
from neurospike.errors import ArgumentError
from neurospike.train.recipe import Recipe
from neurospike.train.sections import (
    ActivityPart,
    ImagePart,
    ModelPart,
    OptimizerPart,
    SchedulePart,
)

OF_WAVES = ("fsdd", "speechcommands")
"""Data sets of sound; those of events give their own."""

FACTORY = "baseline"
"""Name of the baselines' factory among those of ``models``."""

TWIN = "ann-twin"
REACH = {"solids": 1.25, "modelnet": 1.35, "occupancy": 24.0}
"""How far the points of a data set's clouds lie from 0, augmented: all but stray ones."""

GRADIENT_CLIP = 1.0
"""Without it ConvNeXt stays at chance: batches are small and runs are short here."""

SIDE = 64
POINTS = 1024
MEL_BANDS = 64
MEL_UNIT = 5.0
"""Natural logs of energies above the floor go up to 20; images are of the order of 1."""


def with_baseline(
    recipe: Recipe,
    name: str,
    *,
    projection: str | None = None,
    image_size: int | None = None,
    size: str = "cpu",
    parameters: int | None = None,
    macs: int | None = None,
) -> Recipe:
    """The recipe that trains a baseline on the same samples, augmented in the same way.

    Data, split, augmentation, epochs, batch and label smoothing stay. Images take the place of
    voxels and spikes: six depth views of a cloud in a mosaic, with normals where the recipe has
    them, the log-mel spectrogram of a sound, the binned spikes where there is no sound; networks
    of points get points. The optimiser is AdamW at 1e-3 with a decay of 0.05 under OneCycle and
    gradients clipped to a norm of 1, as such networks are usually trained.

    Parameters
    ----------
    name
        One of ``baselines.list()``; "ann-twin" is the recipe's own network with ReLUs, on its own
        input.
    projection
        Another one of ``encoders.projections.projection_names()``.
    image_size
        Height and width, or how many points; of a mosaic the height, half as much again is its
        width, or the next that the network can take.
    size
        "cpu" or "published".
    parameters, macs
        Widths that come close to so many parameters, or multiply-accumulations a sample, one of
        the two: as large as another network, or, at 4.6 pJ each, as much energy.

    Raises
    ------
    ArgumentError
        An unknown name, a recipe on LiDAR scans, or a projection that does not fit.
    """
    if name == TWIN:
        given = {"--projection": projection, "--image-size": image_size}
        given |= {"--parameters": parameters, "--macs": macs}
        for option, value in given.items():
            if value is not None:
                raise ArgumentError(
                    f"{option}: a twin takes what its spiking network takes, and is as large; "
                    "leave it out."
                )
        return _twin(recipe)
    family = baselines.find(name)
    if recipe.scan is not None:
        raise ArgumentError(
            f"--model: {recipe.name} finds objects or labels points, which no baseline by name "
            "does; its twin does: --set model.arguments.spiking=false."
        )
    image = _image(recipe, family, projection, image_size)
    fit = {"parameters": parameters, "macs": macs}
    fit = {key: value for key, value in fit.items() if value is not None}
    if fit and (size != "cpu" or len(fit) > 1):
        raise ArgumentError(
            "--parameters, --macs: scale the small size, to one of the two numbers; leave the rest."
        )
    sized = [f"{value}-{key}" for key, value in fit.items()]
    changes: dict[str, Any] = {
        **_conventional(recipe, "-".join([name, *sized]), f"{family.name} ({family.source})"),
        "image": image,
        "model": ModelPart(
            factory=FACTORY,
            arguments={"network": name, "size": size, **({"fit": fit} if fit else {})},
        ),
        "optimizer": OptimizerPart(name="adamw", lr=1e-3, weight_decay=0.05),
        "schedule": SchedulePart(name="onecycle", warmup=0.2),
    }
    changes["training"] = changes["training"].model_copy(update={"gradient_clip": GRADIENT_CLIP})
    if recipe.sequence is not None and projection is None and recipe.data.name in OF_WAVES:
        mel = {"frontend": "mel", "channels": MEL_BANDS, "group": 1, "condition": None}
        changes["sequence"] = recipe.sequence.model_copy(update={**mel, "options": {}})
        changes["image"] = image.model_copy(update={"options": {"unit": MEL_UNIT}})
    return recipe.model_copy(update=changes)


def baseline_arguments(recipe: Recipe, found: dict[str, Any]) -> dict[str, Any]:
    """What the data says of a network, as the factory of baselines calls it.

    Images say it themselves; a twin has its spiking network's input, and no image size.
    """
    if recipe.image is not None:
        return found
    of_voxels = 6 if recipe.voxels is not None and recipe.voxels.normals else 3
    return {
        "num_classes": found["num_classes"],
        "in_channels": found.get("in_features", of_voxels),
        "image_size": 1,
    }


def with_widths(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the baselines' factory, ``fit`` in them replaced by the widths that meet it."""
    fit = arguments.get("fit")
    if fit is None:
        return arguments
    from neurospike.baselines.scaling import fitted

    shape = {name: arguments[name] for name in ("in_channels", "num_classes")}
    sides = tuple(arguments["image_size"])
    widths = fitted(arguments["network"], **shape, image_size=sides, **fit)
    rest = {name: value for name, value in arguments.items() if name != "fit"}
    return {**rest, "arguments": {**rest.get("arguments", {}), **widths}}


def _image(
    recipe: Recipe, family: Baseline, projection: str | None, image_size: int | None
) -> ImagePart:
    if family.takes == "points":
        if recipe.voxels is None or projection not in (None, "points"):
            raise ArgumentError(f"--model: {family.name} takes points; give it clouds.")
        projection, size = "points", image_size or POINTS
    else:
        default = "sequence" if recipe.sequence is not None else "mosaic"
        projection, size = projection or default, image_size or SIDE
    width = -(-3 * size // 2 // family.multiple) * family.multiple
    sides = (size, width if projection == "mosaic" else size)
    return ImagePart(projection=projection, size=sides, options=_options(recipe, projection))


def _options(recipe: Recipe, projection: str) -> dict[str, Any]:
    """What a projection has to know of the clouds: how large they are, and whether normals come."""
    if recipe.voxels is None:
        return {}
    reach = REACH.get(recipe.data.name, 1.0)
    if projection in ("points", "patches"):
        return {"unit": reach, "columns": 6 if recipe.voxels.normals else 3}
    if projection == "mosaic":
        return {"point_range": reach, "normals": recipe.voxels.normals}
    if projection == "depth":
        # A dot of one pixel would leave holes between the points of such clouds.
        return {"point_range": reach, "dot": 3}
    return {"point_range": reach} if projection in ("voxels", "birds-eye") else {}


def _twin(recipe: Recipe) -> Recipe:
    if recipe.scan is not None:
        arguments = {**recipe.model.arguments, "spiking": False}
        model = recipe.model.model_copy(update={"arguments": arguments})
        return recipe.model_copy(update={"name": f"{recipe.name}-{TWIN}", "model": model})
    model = ModelPart(
        factory=FACTORY,
        arguments={
            "network": f"{TWIN}:{recipe.model.factory}",
            "arguments": dict(recipe.model.arguments),
        },
    )
    changes = {**_conventional(recipe, TWIN, "its own network with ReLUs"), "model": model}
    return recipe.model_copy(update={**changes, "training": recipe.training})


def _conventional(recipe: Recipe, name: str, what: str) -> dict[str, Any]:
    """What every opponent changes: no spikes are to be priced, classes come out as logits."""
    return {
        "name": f"{recipe.name}-{name.replace(':', '-')}",
        "description": f"{what} on the data of {recipe.name}",
        "tested": "reduced",
        "activity": ActivityPart(),
        "training": recipe.training.model_copy(update={"loss": "cross_entropy"}),
    }
