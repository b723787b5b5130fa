"""What a sweep goes through: settings of one network, and the chips each is priced on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from neurospike.errors import ArgumentError
from neurospike.hw import Chip

Width: TypeAlias = int | Literal["chip", "float"]
"""Bits, the chip's own, or no quantisation at all."""


@dataclass(frozen=True)
class Axes:
    """Values of every axis; an empty one stays as trained.

    Attributes
    ----------
    steps
        T. A network that makes its own time runs T steps; of a sequence the first T steps are
        heard, and a T beyond its length is silence.
    max_spikes
        D: the most spikes of an integer neuron in a step.
    weight_bits, membrane_bits
        Signed widths; "chip" is the chip's own, "float" leaves the network in real numbers, both
        weights and membranes.
    thresholds
        Factors of the firing threshold: see ``knobs.with_threshold``.
    """

    steps: tuple[int, ...] = ()
    max_spikes: tuple[int, ...] = ()
    weight_bits: tuple[Width, ...] = ("chip",)
    membrane_bits: tuple[Width, ...] = ("chip",)
    thresholds: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Trained:
    """What a checkpoint is as trained.

    Attributes
    ----------
    steps
        T of the network, or of the sequences that it hears; None where it makes no steps.
    max_spikes
        D; None of a network without integer neurons.
    """

    steps: int | None
    max_spikes: int | None


@dataclass(frozen=True)
class Setting:
    """One network to emulate: widths are None where it stays in real numbers."""

    steps: int | None
    max_spikes: int | None
    weight_bits: int | None
    membrane_bits: int | None
    threshold: float

    @property
    def key(self) -> str:
        """A name fit for a file; equal settings have equal names."""
        parts = [] if self.steps is None else [f"T{self.steps}"]
        if self.max_spikes is not None:
            parts.append(f"D{self.max_spikes}")
        if self.weight_bits is None:
            parts.append("float")
        else:
            parts += [f"w{self.weight_bits}", f"m{self.membrane_bits}"]
        return "-".join([*parts, f"x{self.threshold!r}"])

    def as_dict(self) -> dict[str, Any]:
        """Its fields as JSON holds them."""
        return asdict(self)


@dataclass(frozen=True)
class Job:
    """A setting to emulate once, and the names of the chips to price it on."""

    setting: Setting
    chips: tuple[str, ...]


def point_key(chip: str, setting: Setting) -> str:
    """Name of a point: a setting on a chip."""
    return f"{chip}-{setting.key}"


def plan(axes: Axes, chips: Mapping[str, Chip], trained: Trained) -> list[Job]:
    """Every setting once, with the chips that it is priced on.

    Raises
    ------
    ArgumentError
        An axis that the network has not, a value out of its range, a chip that states no width.

    Examples
    --------
    >>> from neurospike.hw import load_chip
    >>> chips = {"speck2f": load_chip("speck2f")}
    >>> [job.setting.key for job in plan(Axes(max_spikes=(2, 4)), chips, Trained(1, 4))]
    ['T1-D2-w8-m16-x1.0', 'T1-D4-w8-m16-x1.0']
    """
    _check(axes, trained)
    planned: dict[Setting, list[str]] = {}
    for steps, spikes, factor, weight, membrane in itertools.product(
        axes.steps or (trained.steps,),
        axes.max_spikes or (trained.max_spikes,),
        axes.thresholds,
        axes.weight_bits,
        axes.membrane_bits,
    ):
        for name, chip in chips.items():
            widths = _widths(weight, membrane, chip)
            setting = Setting(steps, spikes, *widths, float(factor))
            on = planned.setdefault(setting, [])
            if name not in on:
                on.append(name)
    return [Job(setting, tuple(on)) for setting, on in planned.items()]


def points_of(jobs: Iterable[Job]) -> list[str]:
    """Names of all points of some jobs."""
    return [point_key(chip, job.setting) for job in jobs for chip in job.chips]


def _widths(weight: Width, membrane: Width, chip: Chip) -> tuple[int | None, int | None]:
    if "float" in (weight, membrane):
        return None, None
    return _width("weight_bits", weight, chip), _width("membrane_bits", membrane, chip)


def _width(name: str, width: Width, chip: Chip) -> int:
    if isinstance(width, int):
        return width
    figure = getattr(chip.limits, name)
    if figure is None:
        raise ArgumentError(
            f"sweep.{name}: 'chip' needs a chip that states it; got {chip.name}, which does not. "
            "Give numbers, or 'float'."
        )
    return int(figure.value)


def _check(axes: Axes, trained: Trained) -> None:
    if axes.steps and trained.steps is None:
        raise ArgumentError(
            "sweep.steps: the network makes no time steps (its factory has no argument `steps`), "
            "and its input is no sequence; leave it out."
        )
    if axes.max_spikes and trained.max_spikes is None:
        raise ArgumentError(
            "sweep.max_spikes: the network has no integer neurons (ILIF), so no D; leave it out."
        )
    _whole("steps", axes.steps, least=1)
    _whole("max_spikes", axes.max_spikes, least=1)
    for name in ("weight_bits", "membrane_bits"):
        widths: Sequence[Width] = getattr(axes, name)
        _whole(name, [width for width in widths if isinstance(width, int)], least=2)
        if not widths:
            raise ArgumentError(f"sweep.{name}: must have a value; got none. Give 'chip'.")
    bad = [factor for factor in axes.thresholds if not (math.isfinite(factor) and factor > 0)]
    if bad or not axes.thresholds:
        raise ArgumentError(
            "sweep.thresholds: must be factors above 0, such as 0.8 or 1.2; got "
            f"{bad[0] if bad else 'none'}."
        )


def _whole(name: str, values: Iterable[int], *, least: int) -> None:
    for value in values:
        if value < least:
            raise ArgumentError(f"sweep.{name}: must be {least} or more; got {value}.")
