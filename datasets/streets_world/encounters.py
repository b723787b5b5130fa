"""Where actors are as the scanner sees them, and the rays that they stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.streets_world.mesh import Floats, Mesh, turned
from neurospike.datasets.streets_world.scanner import (
    BEAMS_DEG,
    RANGE_M,
    Caster,
    Hits,
    Rays,
    Singles,
)

_MIRRORS_M = 0.12
_LARGEST_M = 8.0  # half the diagonal of the longest lorry
Window = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Model:
    """An actor's mesh, its length, width and height, and what casts rays at it."""

    mesh: Mesh
    size: tuple[float, float, float]
    caster: Caster


def in_reach(where: Floats, pose: Floats, part: Rays) -> NDArray[np.bool_]:
    """Actors near enough, and within the field of view, wherever their corners are."""
    x, y = where[:, 0] - pose[0, 3], where[:, 1] - pose[1, 3]
    away = np.hypot(x, y)
    turn = np.arctan2(y, x) - np.arctan2(pose[1, 0], pose[0, 0])
    turn = np.abs(np.mod(turn + np.pi, 2 * np.pi) - np.pi)
    reach = np.where(away > 2 * _LARGEST_M, _LARGEST_M / np.maximum(away, 1.0) * 1.2, np.pi)
    inside: NDArray[np.bool_] = (away < RANGE_M[1] + _LARGEST_M) & (
        turn < np.abs(part.azimuth).max() + reach
    )
    return inside


def boxes_in(pose: Floats, where: Floats, sizes: Floats) -> Floats:
    """Actors' boxes (M, 7) as the scanner sees them."""
    sizes = sizes.reshape(-1, 3)
    middle = where[:, :3] - pose[:3, 3]
    middle[:, 2] += sizes[:, 2] / 2
    ahead = np.stack([np.cos(where[:, 3]), np.sin(where[:, 3]), 0 * where[:, 3]], axis=1)
    centre = (pose[:3, :3] * middle[:, :, None]).sum(axis=1)
    look = (pose[:3, :3] * ahead[:, :, None]).sum(axis=1)
    return np.column_stack([centre, sizes, np.arctan2(look[:, 1], look[:, 0])])


def window(box: Floats, part: Rays) -> Window | None:
    """Beams and columns that may meet a box."""
    half = box[3:6] / 2 + (0.1, _MIRRORS_M, 0.1)
    corners = turned(half * _SIGNS, float(box[6])) + box[:3]
    middle = np.arctan2(box[1], box[0])
    level = np.hypot(corners[:, 0], corners[:, 1])
    # A box may come nearer than its corners: half its width at most.
    nearest = max(float(level.min()) - float(half[1]), 0.5)
    spread = np.pi
    if np.hypot(box[0], box[1]) > np.hypot(half[0], half[1]) + 0.5:
        turn = np.arctan2(corners[:, 1], corners[:, 0]) - middle
        spread = np.abs(np.mod(turn + np.pi, 2 * np.pi) - np.pi).max() + 0.02
    away = np.abs(np.mod(part.azimuth - middle + np.pi, 2 * np.pi) - np.pi)
    columns = np.flatnonzero(away <= spread)
    low, high = float(corners[:, 2].min()), float(corners[:, 2].max())
    lowest = np.arctan2(low, nearest if low < 0 else level.max())
    highest = np.arctan2(high, nearest if high > 0 else level.max())
    # The tilted scanner sees an upright box a little higher or lower.
    rows = np.flatnonzero(
        (np.degrees(lowest) - 0.6 <= BEAMS_DEG) & (np.degrees(highest) + 0.6 >= BEAMS_DEG)
    )
    return (rows, columns) if len(rows) and len(columns) else None


def is_hidden(box: Floats, rays: Window, hits: Hits) -> bool:
    """Whether every ray of a window ends before it could reach the box."""
    diagonal = np.sqrt((box[3:6] ** 2).sum()) / 2
    # The scanner may be a metre from where it was as it looked ahead.
    nearest = np.sqrt((box[:3] ** 2).sum()) - diagonal - 1.0 - _MIRRORS_M
    return bool(hits.distance[np.ix_(*rays)].max() < nearest)


_SIGNS = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], dtype=np.float64)


def cast_at(
    found: Model,
    place: Floats,
    rays: Window,
    origins: Singles,
    directions: Singles,
    hits: Hits,
    instance: int,
) -> int:
    """Cast a window's rays at one actor, take those that it stops first, and count its own."""
    rows, columns = rays
    shape = (len(rows), len(columns))
    block = np.ix_(rows, columns)
    near = turned(origins[columns] - place[:3], -place[3]).astype(np.float32)
    look = turned(directions[block], -place[3]).astype(np.float32)
    start = np.broadcast_to(near, look.shape).reshape(-1, 3)
    distance, triangle, cosine = found.caster.cast(start, look.reshape(-1, 3))
    taken = np.flatnonzero(distance < hits.distance[block].ravel())
    r, c = rows[taken // shape[1]], columns[taken % shape[1]]
    hits.distance[r, c] = distance[taken]
    hits.cosine[r, c] = cosine[taken]
    hits.material[r, c] = found.mesh.material[triangle[taken]]
    hits.label[r, c] = found.mesh.label[triangle[taken]]
    hits.instance[r, c] = instance
    return int(np.isfinite(distance).sum())
