"""Houses with recessed windows, doors and roofs; walls and fences. Along x, street towards -y."""

from __future__ import annotations

import numpy as np

from neurospike.datasets.streets_world.materials import CLASS, MATERIAL
from neurospike.datasets.streets_world.mesh import Floats, Mesh, box, join, mesh, quads, tubes, vec

Rng = np.random.Generator
_FLOOR_M = 2.9


def building(rng: Rng, width: float, depth: float, floors: int) -> Mesh:
    """A block with its front on y = 0, ``width`` along x around the origin."""
    wall = MATERIAL[str(rng.choice(("plaster", "brick")))]
    height = floors * _FLOOR_M + 0.4
    parts = [_front(rng, width, floors, wall)]
    back = box((width, depth, height), (0, depth / 2, -0.5))
    # Its own front lies behind the one with windows.
    parts.append(mesh(back[[0, 1, 2, 3, 6, 7, 8, 9, 10, 11]], wall, CLASS["building"]))
    if rng.random() < 0.6:
        parts.append(_roof(width + 0.5, depth + 0.5, height - 0.5, float(rng.uniform(1.5, 4))))
    if rng.random() < 0.35:  # a bay or a porch
        bay = box((2.2, 1.0, min(height, _FLOOR_M * 2)), (width * rng.uniform(-0.3, 0.3), -0.4, 0))
        parts.append(mesh(bay, wall, CLASS["building"]))
    if rng.random() < 0.5:  # a cornice
        ledge = box((width, 0.3, 0.25), (0, -0.05, _FLOOR_M))
        parts.append(mesh(ledge, wall, CLASS["building"]))
    return join(parts)


def _front(rng: Rng, width: float, floors: int, wall: int) -> Mesh:
    """A grid of bays: wall around a recessed pane, with its four reveals."""
    bays = max(2, int(width / rng.uniform(2.2, 3.4)))
    bay = width / bays
    sill, head = rng.uniform(0.8, 1.0), rng.uniform(2.1, 2.5)
    half = rng.uniform(0.25, 0.36) * bay
    recess = rng.uniform(0.10, 0.30)
    x = (np.arange(bays) + 0.5) * bay - width / 2
    z = np.arange(floors) * _FLOOR_M
    cx, cz = (axis.ravel()[:, None] for axis in np.meshgrid(x, z))
    door = (cz[:, 0] == 0) & (rng.random(len(cz)) < 0.25)
    low = np.where(door[:, None], 0.05, sill)
    left, right, top = cx - half, cx + half, cz + head
    bottom = cz + low
    edges = (cx - bay / 2, cx + bay / 2, cz - np.where(cz == 0, 0.5, 0), cz + _FLOOR_M)

    def sheet(x0: Floats, x1: Floats, z0: Floats, z1: Floats, y: float) -> Floats:
        corners = [(x0, z0), (x1, z0), (x1, z1), (x0, z1)]
        return np.stack(
            [np.concatenate([cx, np.full_like(cx, y), cz], axis=1) for cx, cz in corners], axis=1
        )

    def reveal(x0: Floats, z0: Floats, x1: Floats, z1: Floats) -> Floats:
        near, far = np.zeros_like(x0), np.full_like(x0, recess)
        corners = [(x0, near, z0), (x1, near, z1), (x1, far, z1), (x0, far, z0)]
        return np.stack([np.concatenate(corner, axis=1) for corner in corners], axis=1)

    walls = [
        sheet(edges[0], left, edges[2], edges[3], 0.0),
        sheet(right, edges[1], edges[2], edges[3], 0.0),
        sheet(left, right, edges[2], bottom, 0.0),
        sheet(left, right, top, edges[3], 0.0),
        reveal(left, bottom, left, top),
        reveal(right, bottom, right, top),
        reveal(left, top, right, top),
        reveal(left, bottom, right, bottom),
    ]
    panes = sheet(left, right, bottom, top, float(recess))
    shut = door | (rng.random(len(door)) < 0.3)  # doors, shutters and curtains
    label = CLASS["building"]
    return join(
        [
            mesh(quads(np.concatenate(walls)), wall, label),
            mesh(quads(panes[shut]), MATERIAL["wood"], label),
            mesh(quads(panes[~shut]), MATERIAL["glass"], label),
        ]
    )


def _roof(width: float, depth: float, base: float, rise: float) -> Mesh:
    """Gables left and right."""
    x, y = width / 2, depth / 2
    eaves = np.array([[-x, -0.25], [x, -0.25], [x, depth - 0.25], [-x, depth - 0.25]])
    low = np.column_stack([eaves, np.full(4, base)])
    ridge = np.array([[-x, y - 0.25, base + rise], [x, y - 0.25, base + rise]])
    slopes = np.array(
        [[low[0], low[1], ridge[1], ridge[0]], [low[2], low[3], ridge[0], ridge[1]],
         [low[0], ridge[0], ridge[0], low[3]], [low[1], ridge[1], ridge[1], low[2]]]
    )  # fmt: skip
    return mesh(quads(slopes), MATERIAL["roof"], CLASS["building"])


def wall(length: float, height: float) -> Mesh:
    """A garden wall along x: SemanticKITTI's fences include walls."""
    return mesh(box((length, 0.25, height + 0.3), (0, 0, -0.3)), MATERIAL["brick"], CLASS["fence"])


def fence(rng: Rng, length: float, height: float) -> Mesh:
    """Posts and rails, with boards or bars between them, along x."""
    posts = np.arange(-length / 2, length / 2 + 0.1, 2.2)
    gap = float(rng.choice((0.11, 0.16, 0.22)))
    bars = np.arange(-length / 2, length / 2, gap)
    wide = gap * float(rng.uniform(0.35, 0.9))
    z0, z1 = 0.05, height
    corners = [(-wide / 2, z0), (wide / 2, z0), (wide / 2, z1), (-wide / 2, z1)]
    boards = np.stack(
        [np.stack([bars + dx, np.zeros_like(bars), np.full_like(bars, z)], axis=1)
         for dx, z in corners], axis=1,
    )  # fmt: skip
    feet = np.stack([posts, 0 * posts, 0 * posts - 0.1], axis=1)
    stakes = tubes(feet, feet + vec(0, 0, height + 0.15), 0.045, 5)
    rails = [box((length, 0.05, 0.08), (0, 0.03, z)) for z in (0.25 * height, 0.85 * height)]
    material = MATERIAL[str(rng.choice(("wood", "metal")))]
    return mesh(np.concatenate([quads(boards), stakes, *rails]), material, CLASS["fence"])
