"""Poles, signs and lamps, and what may be taken for a car, such as containers and stalls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurospike.datasets.streets_world.materials import CLASS, IGNORED, MATERIAL
from neurospike.datasets.streets_world.mesh import Mesh, ball, box, join, mesh, quads, tube, vec
from neurospike.datasets.streets_world.plants import hedge

Rng = np.random.Generator


def lamp_post(rng: Rng) -> Mesh:
    tall = float(rng.uniform(4.5, 9))
    parts = [tube((0, 0, -0.1), (0, 0, tall), (0.09, 0.05), 8, caps=False)]
    if rng.random() < 0.7:
        parts.append(tube((0, 0, tall), (0, -1.6, tall + 0.3), (0.05, 0.04), 6))
    return mesh(np.concatenate(parts), MATERIAL["metal"], CLASS["pole"])


def bollard(rng: Rng) -> Mesh:
    tall = float(rng.uniform(0.8, 1.1))
    post = tube((0, 0, -0.1), (0, 0, tall), (0.07, 0.07), 7)
    return mesh(post, MATERIAL["metal"], CLASS["pole"])


def sign(rng: Rng) -> Mesh:
    """A plate on a post, facing -x."""
    at = float(rng.uniform(2.0, 2.6))
    post = tube((0.03, 0, -0.1), (0.03, 0, at + 0.3), (0.035, 0.035), 6)
    form = rng.random()
    if form < 0.4:
        angle = np.linspace(0, 2 * np.pi, 13)
        rim = np.stack([0 * angle, 0.36 * np.cos(angle), at + 0.36 * np.sin(angle)], axis=1)
        hub = np.broadcast_to(np.array([0, 0, at]), (12, 3))
        plate = np.stack([hub, rim[:-1], rim[1:]], axis=1)
    elif form < 0.6:
        plate = np.array([[[0, -0.48, at - 0.35], [0, 0.48, at - 0.35], [0, 0, at + 0.45]]])
    else:
        wide, tall = float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.3, 0.7))
        plate = box((0.02, wide, tall), (0, 0, at - tall / 2))
    return join(
        [
            mesh(post, MATERIAL["metal"], CLASS["pole"]),
            mesh(plate, MATERIAL["sign"], CLASS["traffic-sign"]),
        ]
    )


def traffic_light(rng: Rng) -> Mesh:
    post = tube((0, 0, -0.1), (0, 0, 3.2), (0.06, 0.06), 7)
    head = box((0.3, 0.35, 0.95), (0, 0, 2.5))
    return join(
        [
            mesh(post, MATERIAL["metal"], CLASS["pole"]),
            mesh(head, MATERIAL["plastic"], CLASS["traffic-sign"]),
        ]
    )


def _container(rng: Rng) -> Mesh:
    """A freight or building-site container."""
    size = (float(rng.uniform(2.6, 6.0)), 2.4, float(rng.uniform(1.9, 2.6)))
    return mesh(box(size), MATERIAL["paint_mid"], IGNORED)


def _skip(rng: Rng) -> Mesh:
    """An open dumpster with sloping ends."""
    length, width, height = rng.uniform((3.0, 1.6, 1.1), (4.3, 1.9, 1.6))
    low = 0.62 * length / 2
    x = np.array([-length / 2, length / 2, low, -low])
    z = np.array([height, height, 0.05, 0.05])
    sides = np.stack([np.stack([x, np.full(4, y), z], axis=1) for y in (-width / 2, width / 2)])
    ends = np.stack([sides[:, (0, 3)], sides[:, (2, 1)], sides[:, (3, 2)]])
    faces = np.stack([np.concatenate([e[0], e[1][::-1]]) for e in ends])
    rubble = ball((0, 0, height * 0.75), (length * 0.4, width * 0.42, height * 0.3), 9, 6)
    shell = quads(np.concatenate([sides, faces]))
    return join(
        [
            mesh(shell, MATERIAL["metal"], IGNORED),
            mesh(rubble, MATERIAL["gravel"], IGNORED),
        ]
    )


def _bins(rng: Rng) -> Mesh:
    """A row of large waste bins."""
    count = int(rng.integers(2, 5))
    parts = []
    for index in range(count):
        at = ((index - (count - 1) / 2) * 1.25, float(rng.normal(0, 0.05)), 0.12)
        parts.append(mesh(box((1.05, 0.9, 1.15), at), MATERIAL["plastic"], IGNORED))
    return join(parts)


def _transformer(rng: Rng) -> Mesh:
    """A switch box or a small transformer house."""
    size = rng.uniform((1.2, 0.5, 1.1), (3.6, 2.2, 2.2))
    return mesh(box(size), MATERIAL["plaster"], IGNORED)


def _stall(rng: Rng) -> Mesh:
    """A market stall: table, posts, awning."""
    length, width = float(rng.uniform(2.4, 4.5)), float(rng.uniform(1.5, 2.2))
    parts = [mesh(box((length * 0.95, width * 0.8, 0.9)), MATERIAL["wood"], IGNORED)]
    for x in (-1, 1):
        for y in (-1, 1):
            at = np.array([x * length / 2, y * width / 2, 0.0])
            post = tube(at, at + vec(0, 0, 2.1), (0.04, 0.04), 5)
            parts.append(mesh(post, MATERIAL["metal"], IGNORED))
    awning = box((length + 0.4, width + 0.4, 0.12), (0, 0, 2.05))
    parts.append(mesh(awning, MATERIAL["cloth_light"], IGNORED))
    return join(parts)


def _pallets(rng: Rng) -> Mesh:
    """Goods under a cover, of a car's length and height."""
    length, width, height = rng.uniform((2.4, 1.2, 0.9), (4.6, 1.9, 1.7))
    top = box((length * 0.8, width * 0.85, height * 0.4), (0, 0, height * 0.6))
    return mesh(
        np.concatenate([box((length, width, height * 0.6)), top]), MATERIAL["plastic"], IGNORED
    )


def _low_hedge(rng: Rng) -> Mesh:
    size = rng.uniform((2.5, 1.0, 1.0), (5.0, 1.9, 1.9))
    return hedge(rng, float(size[0]), float(size[1]), float(size[2]))


def _shelter(rng: Rng) -> Mesh:
    """A bus shelter: glass walls under a roof."""
    length = float(rng.uniform(3.0, 4.5))
    panes = [box((length, 0.03, 2.0), (0, 0.65, 0.2)), box((0.03, 1.3, 2.0), (-length / 2, 0, 0.2))]
    frame = [
        box((length + 0.2, 1.6, 0.12), (0, 0, 2.3)),
        box((length * 0.8, 0.4, 0.1), (0, 0.4, 0.5)),
    ]
    frame += [
        tube((x, 0.65, 0), (x, 0.65, 2.3), (0.05, 0.05), 5) for x in (-length / 2, length / 2)
    ]
    return join(
        [
            mesh(np.concatenate(panes), MATERIAL["glass"], IGNORED),
            mesh(np.concatenate(frame), MATERIAL["metal"], IGNORED),
        ]
    )


LOOKALIKES: tuple[Callable[[Rng], Mesh], ...] = (
    _container,
    _skip,
    _bins,
    _transformer,
    _stall,
    _pallets,
    _low_hedge,
    _shelter,
)
"""Things of a car's size that are none; SemanticKITTI has no class for most: ignored there."""
