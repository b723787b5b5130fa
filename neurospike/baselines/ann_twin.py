"""Conventional twins of the spiking networks: topology kept, rectifiers in place of neurons."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from neurospike import models
from neurospike.baselines.registry import Baseline, add, add_open
from neurospike.errors import ArgumentError
from neurospike.models.registry import factories
from neurospike.nn import Stateful

PREFIX = "ann-twin"


def ann_twin(
    in_channels: int,
    num_classes: int,
    _image_size: tuple[int, int],
    *,
    model: str = "e3dsnn",
    levels: int | None = None,
    **arguments: Any,
) -> nn.Module:
    """Build a spiking model and put rectifiers in place of its neurons.

    The twin takes what its model takes, and gives what it gives; it has no image size.

    Parameters
    ----------
    in_channels
        The model's ``in_features``.
    num_classes
        The model's; a detector's are the first so many of its ``classes``.
    model
        A factory of ``models``, or one that a user registered.
    levels
        Quantised rectifiers with so many levels above 0; exact ones unless given.
    arguments
        The factory's own. Time steps of one input are always 1: without memory, each would give
        the same.

    Raises
    ------
    ArgumentError
        A model, or an argument of it, that is not known; a model without neurons that fire, or
        with recurrent delays.
    """
    taken = _parameters(model)
    sizes = {"in_features": in_channels, **_classes(taken, num_classes, arguments)}
    for name, value in sizes.items():
        if name != "classes" and name in arguments and arguments[name] != value:
            raise ArgumentError(
                f"baselines.create.{name}: must be the data's {value}; got {arguments[name]}. "
                "Leave it out."
            )
    steps = {"steps": 1} if "steps" in taken else {}
    spiking = models.create(model, **{**arguments, **sizes, **steps})
    if not any(isinstance(layer, Stateful) and layer.emits_spikes for layer in spiking.modules()):
        raise ArgumentError(
            f"baselines.create.name: a twin needs a model with neurons that fire; got {model!r}."
        )
    return models.without_spikes(spiking, levels=levels)


def _classes(
    taken: Mapping[str, inspect.Parameter], num_classes: int, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """How a factory is told of the classes: how many, or by their names."""
    if "classes" not in taken:
        return {"num_classes": num_classes}
    names = list(arguments.get("classes", taken["classes"].default))
    if num_classes > len(names):
        raise ArgumentError(
            f"baselines.create.num_classes: must be at most {len(names)}, for "
            f"{', '.join(names)}; got {num_classes}. Name others with classes=."
        )
    return {"classes": names[:num_classes]}


def _parameters(model: str) -> dict[str, inspect.Parameter]:
    if model not in factories():
        raise ArgumentError(
            f"baselines.create.name: {PREFIX} needs one of {', '.join(sorted(factories()))}; "
            f"got {model!r}."
        )
    taken = dict(inspect.signature(factories()[model]).parameters)
    if "in_features" not in taken:
        raise ArgumentError(
            f"baselines.create.name: {PREFIX} needs a factory that takes in_features and "
            f"num_classes; got {model!r}."
        )
    return taken


def _find(model: str) -> Baseline:
    """The twin of any registered factory."""
    _parameters(model)

    def build(
        in_channels: int, num_classes: int, image_size: tuple[int, int], **arguments: Any
    ) -> nn.Module:
        if "model" in arguments:
            raise ArgumentError(
                f"baselines.create.model: is {model!r} by the name; got {arguments['model']!r}. "
                f"Leave it out, or create {PREFIX!r}."
            )
        return ann_twin(in_channels, num_classes, image_size, model=model, **arguments)

    return Baseline(
        name=f"{PREFIX}:{model}",
        build=build,
        parameters=None,
        source=f"neurospike.models.{model} with rectifiers",
        takes="model",
    )


add(
    Baseline(
        PREFIX,
        ann_twin,
        1_874_216,
        "arXiv:2412.07360 with rectifiers; model= names another of the models",
        takes="model",
        example=(6, 40, 1),
    )
)
add_open(PREFIX, _find)
for _baseline in (
    replace(_find("e3dsnn"), parameters=1_874_216, example=(6, 40, 1)),
    replace(_find("delay_net"), parameters=214_016, example=(140, 20, 1)),
    # The small sizes are those of the recipes on generated streets.
    replace(
        _find("e3dsnn_segmenter"),
        cpu={"stem": 16, "channels": [32, 48, 64, 96], "blocks": 1, "decoder": [32, 64, 64, 64]},
        example=(4, 19, 1),
    ),
    replace(
        _find("e3dsnn_detector"),
        cpu={
            "stem": 16,
            "channels": [16, 32, 48],
            "blocks": 1,
            "out_channels": 48,
            "bev_channels": [48, 96],
            "bev_layers": [2, 3],
            "up_channels": 48,
        },
        example=(4, 3, 1),
    ),
):
    add(_baseline)
