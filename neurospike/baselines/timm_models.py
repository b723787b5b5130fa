"""Every network of timm, where it is installed: ``timm:NAME``."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from torch import nn

from neurospike.baselines.registry import Baseline, add_open
from neurospike.errors import ArgumentError, MissingExtraError

PREFIX = "timm"


def timm_model(
    name: str,
    in_channels: int,
    num_classes: int,
    image_size: tuple[int, int],
    **arguments: Any,
) -> nn.Module:
    """A network of timm with new weights; nothing is downloaded.

    Parameters
    ----------
    name
        One of ``timm.list_models()``.
    arguments
        Of timm's own factory.

    Raises
    ------
    ArgumentError
        A name that timm does not know, pretrained weights, or arguments that it refuses.
    MissingExtraError
        timm is not installed, or does not import.
    """
    timm = _timm()
    if not timm.is_model(name):
        raise ArgumentError(
            f"baselines.create.name: timm:NAME must be one of timm.list_models(); got {name!r}."
        )
    if arguments.get("pretrained"):
        raise ArgumentError(
            "baselines.create.pretrained: must be left out: opponents start from new weights, as "
            "the spiking networks do; got True."
        )
    config = timm.get_pretrained_cfg(name)
    # Only networks whose weights depend on the image's size take it.
    sized = {"img_size": image_size} if getattr(config, "fixed_input_size", False) else {}
    try:
        model: nn.Module = timm.create_model(
            name, in_chans=in_channels, num_classes=num_classes, **sized, **arguments
        )
    except Exception as error:
        # Hundreds of factories raise errors of many classes.
        reason = " ".join(str(error).split())
        raise ArgumentError(f"baselines.create: timm refuses {name!r}: {reason}") from error
    return model


def _timm() -> Any:
    try:
        return importlib.import_module("timm")
    except Exception as error:
        # Beside a torch of another build, torchvision fails to load with other errors than
        # ImportError.
        reason = " ".join(str(error).split())
        raise MissingExtraError(
            f"timm does not import ({reason}): pip install timm, with your torch's torchvision."
        ) from error


def _find(name: str) -> Baseline:
    return Baseline(
        name=f"{PREFIX}:{name}",
        build=functools.partial(timm_model, name),
        parameters=None,
        source="https://github.com/huggingface/pytorch-image-models",
        needs=PREFIX,
    )


add_open(PREFIX, _find)
