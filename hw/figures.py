"""A number of a chip file: never without its unit, its source and how sure it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from neurospike.hw.trace import POPULATION_COUNTS, PROJECTION_COUNTS, SHORTCUT_COUNTS

Evidence = Literal["measured", "simulated", "derived", "estimated"]
Scope = Literal["per_op", "all_in"]

EVIDENCE: tuple[Evidence, ...] = ("measured", "simulated", "derived", "estimated")
"""From the strongest to the weakest."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
Number = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


def weakest(*evidence: Evidence) -> Evidence:
    """The weakest of several grades: what a sum of such numbers is worth.

    Examples
    --------
    >>> weakest("measured", "estimated", "simulated")
    'estimated'
    """
    return max(evidence, key=EVIDENCE.index, default="measured")


class Part(BaseModel):
    """A section of a chip file: unknown keys are errors, values stay as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sourced(Part):
    """What every number carries beside its value.

    Attributes
    ----------
    source
        Paper or code, and where in it.
    evidence
        "measured" on silicon, "simulated" by its designers, "derived" from published numbers by
        arithmetic or a fit, "estimated" by analogy.
    note
        What the source leaves open, what was assumed, what was only recalled.
    """

    source: Text
    evidence: Evidence
    note: str = ""


class Figure(Sourced):
    """One number of at least 0, and its range where sources disagree.

    Attributes
    ----------
    value, low, high
        The number, and the ends of its range; equal to the number where none is given.
    unit
        Of all three.
    scope
        "per_op": one kind of operation alone; "all_in": everything a chip spends, divided by the
        operations it did. None where it has no meaning, as for limits.
    """

    value: Number
    low: Number | None = None
    high: Number | None = None
    unit: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    scope: Scope | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Figure:
        low, value, high = self.range
        if not low <= value <= high:
            raise ValueError(f"low <= value <= high is broken: {low:g}, {value:g}, {high:g}")
        return self

    @property
    def range(self) -> tuple[float, float, float]:
        """(low, value, high)."""
        low = self.value if self.low is None else self.low
        return low, self.value, self.value if self.high is None else self.high


class Limit(Figure):
    """How many of something there are at most: a whole number."""

    @model_validator(mode="after")
    def _whole(self) -> Limit:
        if self.value != int(self.value):
            raise ValueError(f"value: must be a whole number: {self.value:g}")
        return self


class Bits(Limit):
    """A width or a memory, in bits."""

    unit: Literal["bit"]


class Steps(Limit):
    """A time in steps."""

    unit: Literal["steps"]


class Figures(Sourced):
    """One number a core, or one a choice.

    Attributes
    ----------
    value
        The numbers, in the order of the cores.
    """

    value: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    unit: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Price(Figure):
    """Energy of one operation, in pJ.

    Attributes
    ----------
    covers
        Counts whose energy is part of this price, so that they have no row of their own.
    """

    unit: Literal["pJ"]
    scope: Scope
    covers: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Price:
        counts = {*PROJECTION_COUNTS, *POPULATION_COUNTS, *SHORTCUT_COUNTS}
        for name in self.covers:
            if name not in counts:
                raise ValueError(f"covers: {name!r} is no count of a trace")
        return self


class Time(Figure):
    """Time of one operation, in ns."""

    unit: Literal["ns"]
    scope: Scope


class Barrier(Time):
    """Time of one synchronisation of all cores.

    Attributes
    ----------
    by_tiles
        (tiles, ns) in rising order: the last entry with no more tiles than in use holds. Empty
        where the source gives one number.
    """

    by_tiles: tuple[tuple[int, Number], ...] = ()

    @model_validator(mode="after")
    def _rising(self) -> Barrier:
        tiles = [entry[0] for entry in self.by_tiles]
        if tiles != sorted(set(tiles)):
            raise ValueError("by_tiles: numbers of tiles must rise")
        return self


class Power(Figure):
    """Power, in mW."""

    unit: Literal["mW"]
    scope: Scope


class ClockPower(Figure):
    """Power for each MHz of the clock, in mW/MHz."""

    unit: Literal["mW/MHz"]
    scope: Scope


class Frequency(Figure):
    """Clock, in MHz."""

    unit: Literal["MHz"]
