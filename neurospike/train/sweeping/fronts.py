"""Which points of a sweep are worth having: none other is as right for less energy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neurospike.train.sweeping.folder import MEASURED

Point = Mapping[str, Any]

_Z95 = 1.959963984540054
"""Half-width of a 95 % interval of the normal distribution, in deviations."""

_FEW = (12.706205, 4.302653, 3.182446, 2.776445)
"""The same of Student's t with 1 to 4 degrees of freedom."""


def pareto_front(points: Iterable[Point]) -> list[str]:
    """Keys of the measured points that no other beats, from the least energy to the most.

    A point is beaten by one that is at least as accurate for at most its energy, and better in
    one of the two.

    Examples
    --------
    >>> cheap = {"key": "a", "status": "measured", "accuracy": 0.5, "energy_pj": {"nominal": 1.0}}
    >>> dear = {"key": "b", "status": "measured", "accuracy": 0.5, "energy_pj": {"nominal": 2.0}}
    >>> good = {"key": "c", "status": "measured", "accuracy": 0.9, "energy_pj": {"nominal": 3.0}}
    >>> pareto_front([dear, good, cheap])
    ['a', 'c']
    """
    measured = [p for p in points if p["status"] == MEASURED]
    ordered = sorted(measured, key=lambda p: (p["energy_pj"]["nominal"], -p["accuracy"], p["key"]))
    kept: list[Point] = []
    for point in ordered:
        if not kept or point["accuracy"] > kept[-1]["accuracy"] or _equal(point, kept[-1]):
            kept.append(point)
    return [p["key"] for p in kept]


def fronts(points: Sequence[Point]) -> dict[str, list[str]]:
    """The front of each chip: energies of two chips are seldom equally well known."""
    chips = dict.fromkeys(p["chip"] for p in points)
    return {chip: pareto_front(p for p in points if p["chip"] == chip) for chip in chips}


def wilson(correct: int, samples: int) -> tuple[float, float]:
    """A 95 % interval of a share, Wilson's, which is none the worse for few samples.

    Source
    ------
    E. B. Wilson, Journal of the American Statistical Association 22, 1927.

    Examples
    --------
    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]
    """
    if samples == 0:
        return 0.0, 1.0
    share, square = correct / samples, _Z95**2 / samples
    middle = (share + square / 2) / (1 + square)
    spread = _Z95 / (1 + square) * math.sqrt(share * (1 - share) / samples + square / 4 / samples)
    return max(0.0, middle - spread), min(1.0, middle + spread)


def half_width(values: Sequence[float]) -> float:
    """Half of a 95 % interval of a mean, by Student's t; 0 of fewer than two values.

    Examples
    --------
    >>> round(half_width([1.0, 3.0]), 3)
    12.706
    """
    count = len(values)
    if count < 2:
        return 0.0
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return _student(count - 1) * math.sqrt(variance / count)


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to a thousandth of itself.

    Source
    ------
    R. A. Fisher and E. A. Cornish, Technometrics 2, 1960: the expansion beyond the table.
    """
    if freedom <= len(_FEW):
        return _FEW[freedom - 1]
    z = _Z95
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))


def _equal(point: Point, other: Point) -> bool:
    return bool(
        point["accuracy"] == other["accuracy"]
        and point["energy_pj"]["nominal"] == other["energy_pj"]["nominal"]
    )
