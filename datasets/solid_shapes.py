"""The classes of Solids: one function a class, random proportions, in open3d's primitives.

Compound shapes are parts laid side by side; faces between two parts stay, as in the meshes that
people model by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import MissingExtraError

Mesh = Any
Rng = np.random.Generator
Shape = Callable[[Rng], Mesh]


def creation() -> Any:
    """open3d's TriangleMesh, imported on first use."""
    try:
        from open3d.geometry import TriangleMesh
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            f"Solids: needs open3d ({error}); pip install 'neurospike[pointcloud]', and on "
            "Debian apt-get install libusb-1.0-0 libgomp1 libgl1 libx11-6"
        ) from error
    return TriangleMesh


def _box(size: tuple[float, float, float], at: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    """A box with its lowest corner at ``at``."""
    return creation().create_box(*size).translate(at)


def _ellipsoid(rng: Rng) -> Mesh:
    mesh = creation().create_sphere(radius=1.0, resolution=16)
    return _stretched(mesh, (1.0, rng.uniform(0.7, 1.0), rng.uniform(0.55, 1.0)))


def _cuboid(rng: Rng) -> Mesh:
    return _box((1.0, rng.uniform(0.5, 1.0), rng.uniform(0.35, 0.9)))


def _cylinder(rng: Rng) -> Mesh:
    return creation().create_cylinder(
        radius=rng.uniform(0.22, 0.42), height=1.0, resolution=32, split=1
    )


def _cone(rng: Rng) -> Mesh:
    return creation().create_cone(radius=rng.uniform(0.35, 0.6), height=1.0, resolution=32, split=1)


def _torus(rng: Rng) -> Mesh:
    return creation().create_torus(
        torus_radius=1.0,
        tube_radius=rng.uniform(0.2, 0.4),
        radial_resolution=32,
        tubular_resolution=16,
    )


def _cross(rng: Rng) -> Mesh:
    """Three bars through one middle: a jack."""
    width = rng.uniform(0.16, 0.26)
    lengths = (1.0, rng.uniform(0.75, 1.0), rng.uniform(0.75, 1.0))
    mesh = creation()()
    for axis, length in enumerate(lengths):
        size = [width, width, width]
        size[axis] = length
        mesh += _box((size[0], size[1], size[2]), (-size[0] / 2, -size[1] / 2, -size[2] / 2))
    return mesh


def _stairs(rng: Rng) -> Mesh:
    steps = int(rng.integers(3, 6))
    depth, width, rise = 1.0 / steps, rng.uniform(0.45, 0.8), rng.uniform(0.6, 1.0) / steps
    mesh = creation()()
    for step in range(steps):
        mesh += _box((depth, width, rise * (step + 1)), (depth * step, 0.0, 0.0))
    return mesh


def _legs(length: float, width: float, height: float, thickness: float) -> Mesh:
    mesh = creation()()
    for x in (0.0, length - thickness):
        for y in (0.0, width - thickness):
            mesh += _box((thickness, thickness, height), (x, y, 0.0))
    return mesh


def _table(rng: Rng) -> Mesh:
    length, width = 1.0, rng.uniform(0.55, 1.0)
    height, thickness = rng.uniform(0.5, 0.8), rng.uniform(0.06, 0.11)
    top = _box((length, width, rng.uniform(0.05, 0.1)), (0.0, 0.0, height))
    return _legs(length, width, height, thickness) + top


def _chair(rng: Rng) -> Mesh:
    width, depth = rng.uniform(0.45, 0.55), rng.uniform(0.42, 0.55)
    seat, plate = rng.uniform(0.38, 0.5), rng.uniform(0.05, 0.09)
    mesh = _legs(width, depth, seat, rng.uniform(0.05, 0.08))
    mesh += _box((width, depth, plate), (0.0, 0.0, seat))
    return mesh + _box((width, plate, rng.uniform(0.4, 0.6)), (0.0, depth - plate, seat + plate))


def _arch(rng: Rng) -> Mesh:
    """Half a ring of rectangular section on two pillars."""
    outer, inner = 0.5, rng.uniform(0.28, 0.36)
    depth, pillar = rng.uniform(0.2, 0.4), rng.uniform(0.25, 0.5)
    angles = np.linspace(0.0, np.pi, 17)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners = [(outer, 0.0), (outer, depth), (inner, depth), (inner, 0.0)]
    rows = [np.column_stack([r * ring[:, 0], np.full(17, y), r * ring[:, 1]]) for r, y in corners]
    mesh = _swept(np.stack(rows, axis=1))
    for x in (-outer, inner):
        mesh += _box((outer - inner, depth, pillar), (x, 0.0, -pillar))
    return mesh


def _helix(rng: Rng) -> Mesh:
    """A spring: a round wire along a helix."""
    turns, wire = rng.uniform(2.2, 3.2), rng.uniform(0.05, 0.08)
    radius, height = rng.uniform(0.28, 0.4), rng.uniform(0.9, 1.1)
    t = np.linspace(0.0, 2 * np.pi * turns, 96)
    radial = np.column_stack([np.cos(t), np.sin(t), np.zeros_like(t)])
    centre = radius * radial + np.outer(t / t[-1] * height, (0.0, 0.0, 1.0))
    around = np.linspace(0.0, -2 * np.pi, 8, endpoint=False)
    out = np.cos(around)[None, :, None] * radial[:, None, :]
    up = np.sin(around)[None, :, None] * np.array([0.0, 0.0, 1.0])
    return _swept(centre[:, None, :] + wire * (out + up))


def _bracket(rng: Rng) -> Mesh:
    """Two plates at a right angle."""
    width, thickness = rng.uniform(0.4, 0.8), rng.uniform(0.08, 0.14)
    floor = _box((1.0, width, thickness))
    return floor + _box((thickness, width, rng.uniform(0.6, 1.0)), (0.0, 0.0, thickness))


SHAPES: dict[str, Shape] = {
    "arch": _arch,
    "bracket": _bracket,
    "box": _cuboid,
    "chair": _chair,
    "cone": _cone,
    "cross": _cross,
    "cylinder": _cylinder,
    "ellipsoid": _ellipsoid,
    "helix": _helix,
    "stairs": _stairs,
    "table": _table,
    "torus": _torus,
}


def arrays(mesh: Mesh) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) and triangles (F, 3) of an open3d mesh."""
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles, dtype=np.int64)


def _stretched(mesh: Mesh, factors: tuple[float, float, float]) -> Mesh:
    from open3d.utility import Vector3dVector

    mesh.vertices = Vector3dVector(np.asarray(mesh.vertices) * factors)
    return mesh


def _swept(sections: NDArray[np.float64]) -> Mesh:
    """The skin along sections (S, K, 3), each a closed outline of K corners; ends stay open.

    It faces outwards where the corners run counter-clockwise about the direction of the sweep.
    """
    from open3d.utility import Vector3dVector, Vector3iVector

    count, corners, _ = sections.shape
    s, k = np.meshgrid(np.arange(count - 1), np.arange(corners), indexing="ij")
    a, b = s * corners + k, s * corners + (k + 1) % corners
    c, d = a + corners, b + corners
    faces = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)]
    )
    return creation()(
        Vector3dVector(sections.reshape(-1, 3)), Vector3iVector(faces.astype(np.int32))
    )
