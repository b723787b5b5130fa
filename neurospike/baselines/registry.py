"""Conventional opponents by name: what each takes, where it comes from, and how it is built."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from neurospike import models
from neurospike.errors import ArgumentError

Size = Literal["published", "cpu"]
Build = Callable[..., nn.Module]
"""``build(in_channels, num_classes, image_size, **arguments)``; image_size is (height, width)."""


@dataclass(frozen=True)
class Baseline:
    """One family of networks.

    Attributes
    ----------
    name
        As users write it, lower case.
    build
        Makes the network: ``build(in_channels, num_classes, image_size, **arguments)``.
    published, cpu
        Arguments of the paper's smallest published size, and of one that trains on a CPU.
    parameters
        Parameters of the published size at ``example``, as the paper or its code says; None where
        nobody says.
    source
        Paper, as "arXiv:2103.10697", and where a choice was made, which.
    takes
        "images", (B, C, H, W), "points", (B, N, C) with x, y, z first, or "model": what the spiking
        network takes, whatever the image size.
    example
        (in_channels, num_classes, image_size) of the published number of parameters.
    multiple
        Image sizes must be a multiple of this, and no less; 1 takes any from ``least`` on.
    least
        Smallest sides that the published and the CPU size take, where strides ask for more.
    needs
        The extra that has to be installed, if any.
    """

    name: str
    build: Build
    parameters: float | None
    source: str
    published: Mapping[str, Any] = field(default_factory=dict)
    cpu: Mapping[str, Any] = field(default_factory=dict)
    takes: Literal["images", "points", "model"] = "images"
    example: tuple[int, int, int | tuple[int, int]] = (3, 1000, 224)
    multiple: int = 1
    least: tuple[int, int] = (1, 1)
    needs: str | None = None


_KNOWN: dict[str, Baseline] = {}
_OPEN: dict[str, Callable[[str], Baseline]] = {}


def add(baseline: Baseline) -> Baseline:
    """Let ``create`` know a family; a later one of the same name takes its place."""
    _KNOWN[baseline.name] = baseline
    return baseline


def add_open(prefix: str, find_one: Callable[[str], Baseline]) -> None:
    """Let ``find`` know families named "prefix:NAME", which ``find_one(NAME)`` looks up."""
    _OPEN[prefix] = find_one


def known() -> dict[str, Baseline]:
    """Families by name, in order of names."""
    return dict(sorted(_KNOWN.items()))


def find(name: str) -> Baseline:
    """A family by name.

    Raises
    ------
    ArgumentError
        An unknown name.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    prefix, _, rest = name.partition(":")
    if rest and prefix in _OPEN:
        return _OPEN[prefix](rest)
    every = [*sorted(_KNOWN), *(f"{prefix}:NAME" for prefix in sorted(_OPEN))]
    raise ArgumentError(f"baselines.create.name: must be one of {', '.join(every)}; got {name!r}.")


@models.register
def baseline(
    network: str,
    in_channels: int,
    num_classes: int,
    image_size: int | list[int],
    size: str = "published",
    arguments: dict[str, Any] | None = None,
) -> nn.Module:
    """Build a family's network; checkpoints hold these arguments.

    Parameters
    ----------
    image_size
        Height and width, or both in one number; of networks that take points, how many there are;
        of twins, any number.
    size
        "published", the paper's smallest published size, or "cpu".
    arguments
        Of the family's own, over those of the size.

    Raises
    ------
    ArgumentError
        Channels, classes or an image size that the family cannot take, or an argument it has not.
    MissingExtraError
        A library that is not installed.
    """
    family = find(network)
    height, width = _checked(family, in_channels, num_classes, image_size)
    if size not in ("published", "cpu"):
        raise ArgumentError(f"baselines.create.size: must be published or cpu; got {size!r}.")
    given = {**(family.published if size == "published" else family.cpu), **(arguments or {})}
    try:
        inspect.signature(family.build).bind(in_channels, num_classes, (height, width), **given)
    except TypeError as error:
        raise ArgumentError(f"baselines.create: {network}: {error}.") from error
    built = family.build(in_channels, num_classes, (height, width), **given)
    return _channels_last(built) if family.takes == "images" else built


def _channels_last(built: nn.Module) -> nn.Module:
    """The same numbers and shapes, with channels last in memory.

    Convolutions, their gradients and the norms between them are faster so, on CPUs and on tensor
    cores. Networks whose shapes their first input decides stay as they are.
    """
    if any(is_lazy(parameter) for parameter in built.parameters()):
        return built
    return built.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def create(
    name: str,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int | tuple[int, int],
    size: Size = "published",
    **arguments: Any,
) -> nn.Module:
    """A conventional network by name.

    Parameters
    ----------
    name
        One of ``baselines.list()``, or ``timm:NAME`` where timm is installed.
    in_channels, num_classes
        Of images (B, in_channels, H, W), or of points (B, N, in_channels), x, y, z first; logits
        are (B, num_classes).
    image_size
        Height and width, or both in one number; of networks that take points, how many there are.
        Twins of spiking networks take any number and do not look at it.
    size
        The paper's smallest published size, or one that trains on a CPU.
    arguments
        Of the family's own: widths, depths.

    Raises
    ------
    ArgumentError
        An unknown name, channels, classes or an image size that the family cannot take.
    MissingExtraError
        A library that is not installed.
    """
    sides = list(image_size) if isinstance(image_size, tuple) else image_size
    return baseline(name, in_channels, num_classes, sides, size, arguments or None)


def _checked(
    family: Baseline, in_channels: int, num_classes: int, image_size: int | list[int]
) -> tuple[int, int]:
    """Height and width, once everything is as the family wants it."""
    least = 3 if family.takes == "points" else 1
    for argument, value, low in (
        ("in_channels", in_channels, least),
        ("num_classes", num_classes, 1),
    ):
        if not isinstance(value, int) or value < low:
            raise ArgumentError(
                f"baselines.create.{argument}: must be a whole number, at least {low}, for "
                f"{family.name}; got {value!r}."
            )
    sides = list(image_size) if isinstance(image_size, (list, tuple)) else [image_size] * 2
    step = family.multiple
    if family.takes == "model":
        return sides[0], sides[-1]
    if len(sides) != 2 or any(not isinstance(s, int) or s < step or s % step for s in sides):
        rule = f"a multiple of {step}" if step > 1 else "a whole number above 0"
        raise ArgumentError(
            f"baselines.create.image_size: each side must be {rule} for {family.name}; got "
            f"{image_size}."
        )
    return sides[0], sides[1]
