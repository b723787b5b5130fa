"""Mixing of labelled scans: a sector of another scan, and its objects, turned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.train.augment_scan import Move
from neurospike.train.samples import Sample, Source

THINGS = (
    "car",
    "bicycle",
    "motorcycle",
    "truck",
    "other-vehicle",
    "person",
    "bicyclist",
    "motorcyclist",
)
"""Classes that are objects; all others are surroundings."""

COPIES = 2
"""How often the objects of the other scan are pasted, each time turned by another angle."""


class Mix:
    """A transform of training scans: with some probability, mix in another one of the source.

    Parameters
    ----------
    source
        Items with ``points`` (N, 4) and ``label`` (N,), and ``classes`` by name.
    probability
        Of mixing; a scan is else left as it is.
    """

    def __init__(self, source: Source, probability: float) -> None:
        self.source = source
        self.probability = probability
        self.things = np.flatnonzero(np.isin(source.classes, THINGS))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The points and labels of the sample, mixed; arrays that are given stay as they are."""
        if rng.random() >= self.probability:
            return sample
        other = self.source[int(rng.integers(len(self.source)))]
        return polar_mix(sample, other, self.things, rng)


def polar_mix(
    sample: Sample, other: Sample, things: NDArray[Any], rng: np.random.Generator
) -> Sample:
    """Swap half a turn of a scan with another one, every second time; paste the other's objects.

    Parameters
    ----------
    sample, other
        ``points`` (N, 4) in metres around the sensor, ``label`` (N,).
    things
        Classes whose points are pasted, turned about the sensor, ``COPIES`` times.

    Shape
    -----
    out: the sample with points (M, 4) and label (M,)

    Cost
    ----
    A few passes over the points of both scans.

    Source
    ------
    Xiao et al., NeurIPS 2022, arXiv:2208.00223. Departures: objects are pasted turned
    alone, by angles from the whole turn; the released code pastes them unturned too, and draws an
    angle from each of two thirds.
    """
    parts = [(sample["points"], sample["label"])]
    if rng.random() < 0.5:
        start = rng.uniform(-np.pi, np.pi)
        parts = [
            _rows(sample, ~in_half_turn(sample["points"], start)),
            _rows(other, in_half_turn(other["points"], start)),
        ]
    points, label = _rows(other, np.isin(other["label"], things))
    for angle in rng.uniform(-np.pi, np.pi, COPIES):
        parts.append((Move(float(angle)).points(points), label))
    return {
        **sample,
        "points": np.concatenate([points for points, _ in parts]).astype(np.float32),
        "label": np.concatenate([label for _, label in parts]),
    }


def in_half_turn(points: NDArray[Any], start: float) -> NDArray[np.bool_]:
    """Which points lie from ``start`` to half a turn further, counter-clockwise from above."""
    inside: NDArray[np.bool_] = points[:, 1] * np.cos(start) - points[:, 0] * np.sin(start) > 0
    return inside


def _rows(sample: Sample, chosen: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    return sample["points"][chosen], sample["label"][chosen]
