"""Where actors are as the scanner sees them, and the rays that they stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.streets_world.mesh import Floats, Mesh, turn_points, turned
from neurospike.datasets.streets_world.scanner import (
    BEAMS_DEG,
    RANGE_M,
    Caster,
    Hits,
    Rays,
    Singles,
    incidence,
)

_MIRRORS_M = 0.12
_LARGEST_M = 8.0  # half the diagonal of the longest lorry
Columns = slice | NDArray[np.int64]
Window = tuple[slice, Columns]


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


def windows(boxes: Floats, part: Rays) -> list[Window | None]:
    """Beams and columns that may meet each of the boxes (M, 7)."""
    half = boxes[:, 3:6] / 2 + (0.1, _MIRRORS_M, 0.1)
    corners = turned(half[:, None] * _SIGNS, boxes[:, 6:7]) + boxes[:, None, :3]
    middle = np.arctan2(boxes[:, 1], boxes[:, 0])
    level = np.hypot(corners[..., 0], corners[..., 1])
    aside = np.arctan2(corners[..., 1], corners[..., 0]) - middle[:, None]
    spread = np.abs(np.mod(aside + np.pi, 2 * np.pi) - np.pi).max(axis=1) + 0.02
    around = np.hypot(boxes[:, 0], boxes[:, 1]) <= np.hypot(half[:, 0], half[:, 1]) + 0.5
    spread[around] = np.pi
    # A box may come nearer than its corners: half its width at most.
    nearest, furthest = np.maximum(level.min(axis=1) - half[:, 1], 0.5), level.max(axis=1)
    low, high = corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)
    lowest = np.degrees(np.arctan2(low, np.where(low < 0, nearest, furthest)))
    highest = np.degrees(np.arctan2(high, np.where(high > 0, nearest, furthest)))
    # The tilted scanner sees an upright box a little higher or lower. Beams go downwards.
    first = np.searchsorted(-BEAMS_DEG, -(highest + 0.6), side="left")
    last = np.searchsorted(-BEAMS_DEG, -(lowest - 0.6), side="right")
    found: list[Window | None] = []
    for row, stop, columns in zip(first, last, _columns(middle, spread, part), strict=True):
        found.append((slice(row, stop), columns) if row < stop and columns is not None else None)
    return found


def _columns(middle: Floats, spread: Floats, part: Rays) -> list[Columns | None]:
    """Columns no further than ``spread`` from ``middle``, in radians: a run, or two at the seam."""
    start = np.mod(middle - spread, 2 * np.pi)
    stop = start + 2 * spread
    first, last = np.searchsorted(part.around, start), np.searchsorted(part.around, stop, "right")
    again = np.searchsorted(part.around, stop - 2 * np.pi, side="right")
    found: list[Columns | None] = []
    for low, high, wrapped in zip(first.tolist(), last.tolist(), again.tolist(), strict=True):
        if wrapped >= low:
            found.append(slice(0, len(part.around)))
        elif not wrapped:
            found.append(slice(low, high) if low < high else None)
        else:
            found.append(np.r_[0:wrapped, low:high])
    return found


def is_hidden(box: Floats, rays: Window, hits: Hits) -> bool:
    """Whether every ray of a window ends before it could reach the box."""
    diagonal = np.sqrt((box[3:6] ** 2).sum()) / 2
    # The scanner may be a metre from where it was as it looked ahead.
    nearest = np.sqrt((box[:3] ** 2).sum()) - diagonal - 1.0 - _MIRRORS_M
    return bool(hits.distance[rays].max() < nearest)


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
    seen = hits.distance[rays]
    look = np.empty((*seen.shape, 3), dtype=np.float32)
    turn_points(directions[rays], -place[3], out=look)
    near = turned(origins[columns] - place[:3], -place[3]).astype(np.float32)
    start = np.broadcast_to(near, look.shape).reshape(-1, 3)
    look = look.reshape(-1, 3)
    distance, triangle, normals = found.caster.cast(start, look)
    taken = np.flatnonzero(distance < seen.ravel())
    r, c = np.divmod(taken, seen.shape[1])
    r += rows.start
    c = c + columns.start if isinstance(columns, slice) else columns[c]
    hits.distance[r, c] = distance[taken]
    hits.cosine[r, c] = incidence(normals[taken], look[taken])
    hits.material[r, c] = found.mesh.material[triangle[taken]]
    hits.label[r, c] = found.mesh.label[triangle[taken]]
    hits.instance[r, c] = instance
    return int(np.isfinite(distance).sum())
