"""The lie of the land: a street along an arc, its cross streets, kerbs, and what each spot is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.datasets.streets_world.materials import CLASS, MATERIAL
from neurospike.datasets.streets_world.mesh import Floats, Mesh, grid, join, mesh

Rng = np.random.Generator
KERB_M = 0.12
_CELL_M = 3.0
_WIDE_M = 90.0


@dataclass(frozen=True)
class Course:
    """A line through the plane: straight or an arc, from a point in a direction."""

    x: float
    y: float
    heading: float
    bend: float

    def at(self, along: ArrayLike, across: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """x, y and heading of places ``along`` the line and ``across`` to its left, in metres."""
        s, d = np.broadcast_arrays(np.asarray(along, float), np.asarray(across, float))
        turn = self.bend * s
        # sin(t)/t and (1 - cos(t))/t, which a straight line needs at t = 0.
        east = s * np.sinc(turn / np.pi) - d * np.sin(turn)
        north = s * np.sinc(turn / 2 / np.pi) * np.sin(turn / 2) + d * np.cos(turn)
        c, n = np.cos(self.heading), np.sin(self.heading)
        return self.x + c * east - n * north, self.y + n * east + c * north, self.heading + turn

    def of(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Places along and across the line of points of the plane."""
        c, n = np.cos(self.heading), np.sin(self.heading)
        east = c * (x - self.x) + n * (y - self.y)
        north = c * (y - self.y) - n * (x - self.x)
        if self.bend == 0.0:
            return east, north
        k = self.bend
        return (
            np.arctan2(k * east, 1 - k * north) / k,
            (1 - np.hypot(k * east, 1 - k * north)) / k,
        )


@dataclass(frozen=True)
class Side:
    """One side of the street, in metres outwards from the road's edge.

    Attributes
    ----------
    parking
        Width of the parking bay, 0 for none; wider than 4 m where cars stand across.
    verge, walk
        Grass between kerb and sidewalk, and the sidewalk.
    style
        "town", "houses", "green" or "works": what stands behind.
    front
        From the sidewalk to the buildings.
    """

    parking: float
    verge: float
    walk: float
    style: str
    front: float

    @property
    def kerb(self) -> float:
        return self.parking

    @property
    def walk_from(self) -> float:
        return self.parking + self.verge

    @property
    def walk_to(self) -> float:
        return self.walk_from + self.walk


@dataclass(frozen=True)
class Road:
    """A street with its sides and cross streets.

    Attributes
    ----------
    course, length, half
        Its middle line from 0 to ``length`` metres, and half the width of the lanes.
    left, right
        Its sides; ``across`` is positive on the left.
    crossings
        (along, cross street, half its width) each; the cross street's 0 is on the middle line.
    plots
        (along from, to, side sign, class) of paved or gravelled ground beside the street.
    waves
        Rows (wave number x, y, phase, amplitude) of the ground's height.
    """

    course: Course
    length: float
    half: float
    left: Side
    right: Side
    crossings: tuple[tuple[float, Course, float], ...]
    plots: tuple[tuple[float, float, int, int], ...]
    waves: Floats

    def side(self, sign: int) -> Side:
        return self.left if sign > 0 else self.right

    def height(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Of the ground without kerbs, in metres."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        out = np.zeros(np.broadcast(x, y).shape)
        for kx, ky, phase, amplitude in self.waves:
            out += amplitude * np.sin(kx * x + ky * y + phase)
        return out

    def free_of_crossings(self, along: ArrayLike, margin: float) -> NDArray[np.bool_]:
        """Whether places along the street keep ``margin`` from every cross street's edge."""
        s = np.asarray(along, float)
        clear = np.ones(s.shape, dtype=bool)
        for at, _, half in self.crossings:
            clear &= np.abs(s - at) > half + margin
        return clear

    def ground(self, x: Floats, y: Floats) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Class and material of the low ground at points: all but the raised sidewalks."""
        s, d = self.course.of(x, y)
        outwards = np.abs(d) - self.half
        label = np.full(len(x), CLASS["terrain"], np.int16)
        material = np.full(len(x), MATERIAL["grass"], np.int16)
        for start, stop, sign, kind in self.plots:
            from_walk = outwards - self.side(sign).walk_to
            inside = (s > start) & (s < stop) & (d * sign > 0) & (from_walk > 0) & (from_walk < 14)
            label[inside] = kind
            material[inside] = MATERIAL["paving" if kind == CLASS["parking"] else "gravel"]
        bay = (outwards >= 0) & (outwards < np.where(d > 0, self.left.parking, self.right.parking))
        label[bay], material[bay] = CLASS["parking"], MATERIAL["paving"]
        street = outwards < 0
        for _, cross, half in self.crossings:
            street |= np.abs(cross.of(x, y)[1]) < half
        label[street], material[street] = CLASS["road"], MATERIAL["asphalt"]
        lanes = np.flatnonzero(outwards < 0)
        painted = lanes[self._lines(s[lanes], d[lanes])]
        material[painted] = MATERIAL["paint_line"]
        return label, material

    def _lines(self, s: Floats, d: Floats) -> NDArray[np.bool_]:
        """White paint: a broken line in the middle, an unbroken one at the edges, zebras."""
        inwards = self.half - np.abs(d)
        middle = (np.abs(d) < 0.08) & (np.mod(s, 9.0) < 4.0)
        edge = np.abs(inwards - 0.15) < 0.06
        painted = (middle | edge) & self.free_of_crossings(s, 1.0)
        stripe = (inwards > 0.3) & (np.mod(d, 1.0) < 0.5)
        for at, _, half in self.crossings:
            painted |= stripe & (np.abs(np.abs(s - at) - half - 3.0) < 1.5)
        return painted

    def mesh(self) -> Mesh:
        """Low ground, whose classes ``ground`` knows, and raised sidewalks with their kerbs."""
        parts = [self._low()]
        for sign in (-1, 1):
            side = self.side(sign)
            for start, stop in self._stretches(margin=1.0):
                rows = np.linspace(start, stop, max(2, int((stop - start) / 3.0) + 1))
                edges = [
                    self.half + side.kerb,
                    self.half + side.walk_from,
                    self.half + side.walk_to,
                ]
                parts += self._raised(self.course, rows, sign, edges, grass=side.verge > 0)
        for _, cross, half in self.crossings:
            for end in (-1, 1):
                # Beyond the street's own sidewalk, which ends at the crossing.
                begin = self.half + self.side(end).walk_to
                rows = end * np.linspace(begin, _WIDE_M - 10, 20)
                for sign in (-1, 1):
                    edges = [half, half, half + 2.0]
                    parts += self._raised(cross, rows, sign, edges, grass=False)
        return join(parts)

    def _stretches(self, margin: float) -> list[tuple[float, float]]:
        """Of the street between its crossings."""
        ends = [-40.0]
        for at, _, half in sorted(self.crossings, key=lambda crossing: crossing[0]):
            ends += [at - half - margin, at + half + margin]
        ends.append(self.length + 60.0)
        return [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if b - a > 3]

    def _low(self) -> Mesh:
        x, y, _ = self.course.at(np.linspace(-60, self.length + 80, 60)[:, None], [-70.0, 70.0])
        steps = [
            np.arange(low - 10, high + 10 + _CELL_M, _CELL_M)
            for low, high in ((x.min(), x.max()), (y.min(), y.max()))
        ]
        east, north = np.meshgrid(*steps, indexing="ij")
        sheet = np.stack([east, north, self.height(east, north)], axis=-1)
        return mesh(grid(sheet), MATERIAL["asphalt"], GROUND)

    def _raised(
        self, course: Course, rows: Floats, sign: int, edges: list[float], *, grass: bool
    ) -> list[Mesh]:
        """A kerb, a verge and a sidewalk along a course."""
        kerb, walk, end = edges
        label, paving = CLASS["sidewalk"], MATERIAL["paving"]
        low, top = self._line(course, rows, sign * kerb), self._line(course, rows, sign * kerb, 1)
        inner, outer = (
            self._line(course, rows, sign * walk, 1),
            self._line(course, rows, sign * end, 1),
        )
        parts = [mesh(grid(np.stack([low, top])), paving, label)]
        if grass:
            edge = self._line(course, rows, sign * (kerb + 0.15), 1)
            parts.append(mesh(grid(np.stack([top, edge])), paving, label))
            verge = mesh(grid(np.stack([edge, inner])), MATERIAL["grass"], CLASS["terrain"])
            parts.append(verge)
        else:
            inner = top
        parts.append(mesh(grid(np.stack([inner, outer])), paving, label))
        parts.append(
            mesh(grid(np.stack([outer, self._line(course, rows, sign * end)])), paving, label)
        )
        return parts

    def _line(self, course: Course, rows: Floats, across: float, raised: int = 0) -> Floats:
        x, y, _ = course.at(rows, across)
        return np.stack([x, y, self.height(x, y) + (KERB_M if raised else -0.02)], axis=-1)


GROUND = 99
"""Class of the low ground in a mesh, to be asked of ``Road.ground``."""


def draw_road(rng: Rng, length: float) -> Road:
    """A street of random width, bend, sides and cross streets."""
    bend = float(
        rng.choice((0.0, 1.0), p=(0.25, 0.75)) * rng.choice((-1, 1)) / rng.uniform(130, 450)
    )
    course = Course(0.0, 0.0, float(rng.uniform(-np.pi, np.pi)), bend)
    half = float(rng.uniform(3.2, 4.4))
    crossings = []
    at = float(rng.uniform(10, 80))
    while at < length + 40:
        x, y, heading = course.at(at, 0.0)
        turn = np.pi / 2 + rng.normal(0, 0.12)
        crossings.append(
            (at, Course(float(x), float(y), float(heading + turn), 0.0), float(rng.uniform(2.8, 4)))
        )
        at += float(rng.uniform(50, 130))
    kinds = [CLASS["other-ground"], CLASS["parking"]]
    plots = []
    for sign in (-1, 1):
        start = float(rng.uniform(-20, 30))
        while start < length + 40:
            stop = start + float(rng.uniform(12, 35))
            plots.append((start, stop, sign, int(rng.choice(kinds))))
            start = stop + float(rng.uniform(15, 70))
    scale = 2 * np.pi / rng.uniform(18, 80, size=6)
    angle = rng.uniform(0, 2 * np.pi, size=6)
    waves = np.stack(
        [
            scale * np.cos(angle),
            scale * np.sin(angle),
            rng.uniform(0, 2 * np.pi, size=6),
            rng.uniform(0.1, 0.9, size=6) * 0.22 / (scale * 10),
        ],
        axis=1,
    )
    left, right = _draw_side(rng), _draw_side(rng)
    return Road(course, length, half, left, right, tuple(crossings), tuple(plots), waves)


def _draw_side(rng: Rng) -> Side:
    style = str(rng.choice(("town", "houses", "green", "works"), p=(0.34, 0.36, 0.22, 0.08)))
    parking = float(rng.choice((0.0, rng.uniform(2.0, 2.5), rng.uniform(4.6, 5.2)),
                               p=(0.30, 0.50, 0.20)))  # fmt: skip
    verge = float(rng.uniform(1.0, 2.5)) if rng.random() < 0.5 else 0.0
    front = {"town": (0.0, 1.5), "houses": (3.0, 7.0), "green": (6, 12), "works": (3.0, 9.0)}
    return Side(parking, verge, float(rng.uniform(1.6, 3.5)), style,
                float(rng.uniform(*front[style])))  # fmt: skip
