"""Trees, bushes and hedges: leaves are many small triangles, with gaps that rays pass through."""

from __future__ import annotations

import numpy as np

from neurospike.datasets.streets_world.materials import CLASS, MATERIAL
from neurospike.datasets.streets_world.mesh import (
    Floats,
    Mesh,
    join,
    leaves,
    mesh,
    tube,
    tubes,
    vec,
)

Rng = np.random.Generator


def tree(rng: Rng) -> Mesh:
    """A broad-leaved tree or a conifer around the origin: trunk, boughs, crown."""
    if rng.random() < 0.2:
        return _conifer(rng)
    tall = float(rng.uniform(5, 12))
    bare = float(rng.uniform(1.2, 2.7))
    thick = float(rng.uniform(0.10, 0.28))
    trunk = tube((0, 0, -0.1), (0, 0, bare + 0.5), (thick, thick * 0.75), 8, caps=False)
    radius = tall * float(rng.uniform(0.24, 0.38))
    middle = np.array([0, 0, (bare + tall) / 2])
    spread = np.array([radius, radius, (tall - bare) / 2])
    count = int(rng.integers(4, 9))
    clumps = middle + spread * 0.62 * _in_ball(count, rng)
    roots = np.repeat([[0.0, 0.0, bare]], count, axis=0)
    boughs = tubes(roots, clumps, (thick * 0.5, 0.03), 5, caps=False)
    each = int(rng.integers(70, 120))
    own = np.repeat(clumps, each, axis=0)
    around = _in_ball(len(own), rng, shell=0.4) * spread * rng.uniform(0.42, 0.62)
    crown = leaves(own + around, float(rng.uniform(0.26, 0.40)), rng)
    return join(
        [
            mesh(np.concatenate([trunk, boughs]), MATERIAL["bark"], CLASS["trunk"]),
            mesh(crown, MATERIAL["leaf"], CLASS["vegetation"]),
        ]
    )


def _conifer(rng: Rng) -> Mesh:
    tall, thick = float(rng.uniform(5, 13)), float(rng.uniform(0.1, 0.2))
    bare = float(rng.uniform(0.2, 1.2))
    trunk = tube((0, 0, -0.1), (0, 0, tall * 0.8), (thick, 0.04), 7, caps=False)
    count = int(60 * tall)
    height = bare + (tall - bare) * (1 - np.sqrt(rng.uniform(0, 1, count)))
    radius = (
        tall * 0.24 * (1 - (height - bare) / (tall - bare)) * np.sqrt(rng.uniform(0.3, 1, count))
    )
    angle = rng.uniform(0, 2 * np.pi, count)
    at = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    return join(
        [
            mesh(trunk, MATERIAL["bark"], CLASS["trunk"]),
            mesh(leaves(at, 0.26, rng), MATERIAL["leaf"], CLASS["vegetation"]),
        ]
    )


def bush(rng: Rng) -> Mesh:
    """A bush around the origin, 0.6 to 2.5 m high."""
    size = rng.uniform((0.5, 0.5, 0.35), (1.7, 1.4, 1.35))
    count = int(150 + 120 * size.prod())
    at = _in_ball(count, rng, shell=0.55) * size + vec(0, 0, size[2] * 0.9)
    return mesh(leaves(at, 0.22, rng), MATERIAL["leaf"], CLASS["vegetation"])


def hedge(rng: Rng, length: float, width: float, height: float) -> Mesh:
    """A clipped hedge along x: a solid core under a skin of leaves."""
    count = int(34 * (length * (width + 2 * height) + 2 * width * height))
    at = rng.uniform(-0.5, 0.5, size=(count, 3))
    face = rng.choice(5, size=count, p=_shares(length, width, height))
    at[face == 0, 2] = 0.5
    for axis, faces in ((0, (3, 4)), (1, (1, 2))):
        for sign, number in zip((-1, 1), faces, strict=True):
            at[face == number, axis] = sign * 0.5
    at = (at + vec(0, 0, 0.5)) * (length, width, height)
    return mesh(leaves(at, 0.18, rng), MATERIAL["leaf"], CLASS["vegetation"])


def _shares(length: float, width: float, height: float) -> Floats:
    areas = np.array([length * width, length * height, length * height, *2 * [width * height]])
    shares: Floats = areas / areas.sum()
    return shares


def _in_ball(count: int, rng: Rng, shell: float = 0.0) -> Floats:
    """Points in the unit ball, those inside ``shell`` of its radius left empty."""
    direction = rng.standard_normal((count, 3))
    direction /= np.sqrt((direction**2).sum(axis=1, keepdims=True))
    radius = np.cbrt(rng.uniform(shell**3, 1.0, size=(count, 1)))
    out: Floats = direction * radius
    return out


class Nursery:
    """Trees and bushes of one street: a dozen of each, in every size and turn."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._trees = [tree(rng) for _ in range(14)]
        self._bushes = [bush(rng) for _ in range(10)]

    def tree(self) -> Mesh:
        return self._one_of(self._trees)

    def bush(self) -> Mesh:
        return self._one_of(self._bushes)

    def _one_of(self, plants: list[Mesh]) -> Mesh:
        plant = plants[int(self._rng.integers(len(plants)))]
        return plant.scaled(float(self._rng.uniform(0.8, 1.2)))
