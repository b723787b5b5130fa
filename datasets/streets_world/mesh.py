"""Triangles with a material and a class each, and the primitives that worlds are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """A triangle soup: corners float64 (F, 3, 3), material and class int16 (F,)."""

    corners: Floats
    material: NDArray[np.int16]
    label: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.material)

    def moved(self, at: ArrayLike, yaw: float = 0.0) -> Mesh:
        """Turned about the vertical through the origin, then shifted."""
        corners = self.corners if yaw == 0.0 else turned(self.corners, yaw)
        return Mesh(corners + np.asarray(at, dtype=np.float64), self.material, self.label)

    def scaled(self, factor: float) -> Mesh:
        """Grown or shrunk about the origin."""
        return Mesh(self.corners * factor, self.material, self.label)

    def extent(self) -> tuple[Floats, Floats]:
        """Lowest and highest coordinates, (3,) each."""
        flat = self.corners.reshape(-1, 3)
        return flat.min(axis=0), flat.max(axis=0)


def mesh(corners: Floats, material: int, label: int) -> Mesh:
    """Triangles (F, 3, 3) of one material and one class."""
    count = len(corners)
    return Mesh(corners, np.full(count, material, np.int16), np.full(count, label, np.int16))


def join(parts: Sequence[Mesh]) -> Mesh:
    """All triangles in one mesh."""
    if not parts:
        return mesh(np.zeros((0, 3, 3)), 0, 0)
    return Mesh(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.material for part in parts]),
        np.concatenate([part.label for part in parts]),
    )


def vec(x: float, y: float, z: float) -> Floats:
    """A point, or a shift."""
    return np.array([x, y, z], dtype=np.float64)


def turned(points: NDArray[np.floating[Any]], yaw: float | Floats) -> Floats:
    """Points (..., 3) turned counter-clockwise about z, by one angle or by (...) of them."""
    out = np.empty(points.shape)
    turn_points(points, yaw, out=out)
    return out


def turn_points(
    points: NDArray[np.floating[Any]], yaw: float | Floats, *, out: NDArray[np.floating[Any]]
) -> None:
    """``turned`` in double precision, into what is at hand."""
    c, s = np.cos(yaw, dtype=np.float64), np.sin(yaw, dtype=np.float64)
    x, y = points[..., 0], points[..., 1]
    out[..., 0] = c * x - s * y
    out[..., 1] = s * x + c * y
    out[..., 2] = points[..., 2]


_HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def quads(corners: Floats) -> Floats:
    """Quadrilaterals (Q, 4, 3), corners in turn, as triangles (2 Q, 3, 3)."""
    return corners[:, _HALVES].reshape(-1, 3, 3)


def grid(points: Floats) -> Floats:
    """A sheet of points (U, V, 3) as triangles."""
    square = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
    return quads(square.reshape(-1, 4, 3))


# Corners of the faces of a unit box, by bits (x, y, z).
_BOX = np.array(
    [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]]
)
_UNIT = np.array([[(i >> 2) & 1, (i >> 1) & 1, i & 1] for i in range(8)], dtype=np.float64)


def box(size: ArrayLike, at: ArrayLike = (0.0, 0.0, 0.0)) -> Floats:
    """A box around (x, y) of ``at``, standing on its z."""
    offset = np.array([0.5, 0.5, 0.0])
    corners = (_UNIT - offset) * np.asarray(size, dtype=np.float64) + np.asarray(at)
    return quads(corners[_BOX])


def tube(
    start: ArrayLike,
    end: ArrayLike,
    radii: tuple[float, float],
    sides: int = 8,
    *,
    caps: bool = True,
) -> Floats:
    """A cone frustum from one point to another."""
    ends = [np.asarray(point, dtype=np.float64)[None] for point in (start, end)]
    return tubes(ends[0], ends[1], np.array([radii]), sides, caps=caps)


def tubes(
    starts: Floats, ends: Floats, radii: ArrayLike, sides: int = 8, *, caps: bool = True
) -> Floats:
    """Cone frustums between points (N, 3); radii at both ends, broadcast to (N, 2)."""
    wide = np.broadcast_to(np.asarray(radii, dtype=np.float64), (len(starts), 2))
    axis = ends - starts
    axis = axis / np.maximum(np.sqrt((axis**2).sum(axis=1, keepdims=True)), 1e-9)
    a, b, c = axis.T
    # Any direction across: axis x (0, 1, 0), or axis x (1, 0, 0), written out.
    lying = np.abs(a) >= 0.9
    u = np.stack([np.where(lying, -c, 0.0), np.where(lying, 0.0, c), np.where(lying, a, -b)], 1)
    u /= np.sqrt((u**2).sum(axis=1, keepdims=True))
    d, e, f = u.T
    v = np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=1)
    cosine, sine = _circle(sides)
    ring = cosine[:, None] * u[:, None] + sine[:, None] * v[:, None]
    first = starts[:, None] + wide[:, :1, None] * ring
    last = ends[:, None] + wide[:, 1:, None] * ring
    wall = np.stack([first[:, :-1], first[:, 1:], last[:, 1:], last[:, :-1]], axis=2)
    parts = [quads(wall.reshape(-1, 4, 3))]
    if caps:
        for middle, rim in ((starts, first), (ends, last)):
            hub = np.broadcast_to(middle[:, None], rim[:, 1:].shape)
            parts.append(np.stack([hub, rim[:, :-1], rim[:, 1:]], axis=2).reshape(-1, 3, 3))
    return np.concatenate(parts)


@lru_cache(maxsize=32)
def _circle(sides: int) -> tuple[Floats, Floats]:
    angle = np.linspace(0.0, 2 * np.pi, sides + 1)
    return np.cos(angle), np.sin(angle)


def ball(centre: ArrayLike, radii: ArrayLike, sides: int = 8, rings: int = 5) -> Floats:
    """An ellipsoid with its axes along the coordinates'."""
    polar = np.linspace(0.0, np.pi, rings + 1)[:, None]
    angle = np.linspace(0.0, 2 * np.pi, sides + 1)[None]
    unit = np.stack(
        [
            np.sin(polar) * np.cos(angle),
            np.sin(polar) * np.sin(angle),
            np.cos(polar) * np.ones_like(angle),
        ],
        axis=-1,
    )
    return grid(unit * np.asarray(radii, dtype=np.float64) + np.asarray(centre))


def leaves(centres: Floats, size: float, rng: np.random.Generator) -> Floats:
    """A triangle of about ``size`` metres at each centre (N, 3), turned at random."""
    return centres[:, None] + rng.normal(0.0, size * 0.6, size=(len(centres), 3, 3))
