"""A number with its range and its evidence, and what becomes of them in sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from neurospike.hw.figures import Evidence, Figure, weakest


@dataclass(frozen=True)
class Interval:
    """A number between two ends, and how sure the weakest number behind it is.

    Attributes
    ----------
    low, nominal, high
        The range, with the number itself inside.
    evidence
        "measured", "simulated", "derived" or "estimated".

    Examples
    --------
    >>> a = Interval(1.0, 2.0, 3.0, "measured")
    >>> a + Interval.exact(1.0, "estimated")
    Interval(low=2.0, nominal=3.0, high=4.0, evidence='estimated')
    >>> a * 2
    Interval(low=2.0, nominal=4.0, high=6.0, evidence='measured')
    """

    low: float
    nominal: float
    high: float
    evidence: Evidence

    @classmethod
    def exact(cls, value: float, evidence: Evidence = "measured") -> Interval:
        """A number without a range."""
        return cls(value, value, value, evidence)

    @classmethod
    def of(cls, figure: Figure) -> Interval:
        """The number of a chip file, in its own unit."""
        return cls(*figure.range, figure.evidence)

    @classmethod
    def total(cls, parts: Iterable[Interval]) -> Interval:
        """The sum; of nothing, an exact 0."""
        return sum(parts, cls.exact(0.0))

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            self.low + other.low,
            self.nominal + other.nominal,
            self.high + other.high,
            weakest(self.evidence, other.evidence),
        )

    def __mul__(self, factor: float) -> Interval:
        return Interval(self.low * factor, self.nominal * factor, self.high * factor, self.evidence)

    def times(self, other: Interval) -> Interval:
        """The product of two ranges of numbers of at least 0."""
        return Interval(
            self.low * other.low,
            self.nominal * other.nominal,
            self.high * other.high,
            weakest(self.evidence, other.evidence),
        )

    def over(self, other: Interval) -> Interval:
        """The quotient of two ranges of numbers above 0."""
        return Interval(
            self.low / other.high,
            self.nominal / other.nominal,
            self.high / other.low,
            weakest(self.evidence, other.evidence),
        )

    @property
    def ranges(self) -> bool:
        """Whether the ends differ from the number."""
        return self.low != self.nominal or self.high != self.nominal

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and a string."""
        return asdict(self)
