"""What an evaluation by KITTI's rules found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError
from neurospike.metrics.kitti_rules import DIFFICULTIES, RECALLS

MEASURES = ("2d", "bev", "3d", "aos")
POINTS = (40, 11)


@dataclass(frozen=True, eq=False)
class KittiAP:
    """Average precisions in percent: ``result["Car", "3d", "moderate", 40]``.

    Attributes
    ----------
    classes
        The classes that were evaluated.
    overlaps
        The least overlap that makes a hit, by class.
    objects
        How many labelled objects count, by (class, difficulty).
    precision
        (41,) precision, or likeness of directions for "aos", at recall 0, 1/40, ..., 1, by
        (class, measure, difficulty); not there where it is unknown.
    frames
        How many frames were compared.

    Where no object of a class counts at a difficulty there is nothing to find, and the value is
    NaN (None in JSON; the development kit writes 0). So is "aos" where a detection has alpha -10,
    which means unknown.
    """

    classes: tuple[str, ...]
    overlaps: Mapping[str, float]
    objects: Mapping[tuple[str, str], int]
    precision: Mapping[tuple[str, str, str], NDArray[np.float64]]
    frames: int

    def __getitem__(self, key: tuple[str, str, str, int]) -> float:
        """Average precision of (class, measure, difficulty, recall positions), in percent.

        Raises
        ------
        ArgumentError
            A class that was not evaluated, or a word or number that is not known.
        """
        allowed: tuple[Sequence[Any], ...] = (self.classes, MEASURES, DIFFICULTIES, POINTS)
        if not isinstance(key, tuple) or len(key) != 4:
            raise ArgumentError(
                "KittiAP[...]: must be (class, measure, difficulty, recall positions), such as "
                f'"Car", "3d", "moderate", 40; got {key!r}.'
            )
        for part, choices in zip(key, allowed, strict=True):
            if part not in choices:
                raise ArgumentError(
                    f"KittiAP[...]: must be among {', '.join(map(str, choices))}; got {part!r}."
                )
        name, measure, difficulty, points = key
        curve = self.precision.get((name, measure, difficulty))
        return nan if curve is None else average(curve, points)

    def mean(self, measure: str = "3d", difficulty: str = "moderate", points: int = 40) -> float:
        """Mean over the classes that have a value; NaN where none has."""
        values = [self[name, measure, difficulty, points] for name in self.classes]
        known = [value for value in values if not isnan(value)]
        return sum(known) / len(known) if known else nan

    def table(self) -> str:
        """Plain text: a row a class and measure, R40 and R11 side by side, then the counts."""
        head = ["class", "measure", "overlap"]
        head += [f"R{points} {difficulty}" for points in POINTS for difficulty in DIFFICULTIES]
        rows = [head]
        for name in self.classes:
            for measure in MEASURES:
                figures = [
                    self[name, measure, difficulty, points]
                    for points in POINTS
                    for difficulty in DIFFICULTIES
                ]
                cells = ["-" if isnan(value) else f"{value:.2f}" for value in figures]
                rows.append([name, measure, f"{self.overlaps[name]:g}", *cells])
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, "", *self._notes()])

    def _notes(self) -> list[str]:
        counts = [
            f"{name} {' / '.join(str(self.objects[name, level]) for level in DIFFICULTIES)}"
            for name in self.classes
        ]
        notes = [f"objects ({' / '.join(DIFFICULTIES)}): {', '.join(counts)}; {self.frames} frames"]
        if any(0 < count < RECALLS for count in self.objects.values()):
            notes.append(
                f"fewer than {RECALLS} objects fill fewer than {RECALLS} recall positions: by the "
                "official sampling not even perfect detections reach 100 there"
            )
        return notes

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON: ``["ap"]["Car"]["3d"]["moderate"]["R40"]``."""

        def known(value: float) -> float | None:
            return None if isnan(value) else value

        return {
            "frames": self.frames,
            "overlaps": {name: self.overlaps[name] for name in self.classes},
            "objects": {
                name: {level: self.objects[name, level] for level in DIFFICULTIES}
                for name in self.classes
            },
            "ap": {
                name: {
                    measure: {
                        level: {f"R{p}": known(self[name, measure, level, p]) for p in POINTS}
                        for level in DIFFICULTIES
                    }
                    for measure in MEASURES
                }
                for name in self.classes
            },
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """One JSON document."""
        return json.dumps(self.to_dict(), indent=indent)


def average(curve: NDArray[np.float64], points: int) -> float:
    """Percent: 11 takes every fourth position, recall 0 among them; 40 leaves out recall 0."""
    chosen = curve[::4] if points == 11 else curve[1:]
    return 100.0 * float(chosen.sum()) / points
