"""Solids: meshes of twelve classes, generated, so that nothing needs a download."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import (
    PROTOCOLS,
    SPLITS,
    Sample,
    Samples,
    check_choice,
    tracked,
)
from neurospike.datasets.meshes import sample_surface
from neurospike.datasets.solid_shapes import SHAPES, arrays
from neurospike.datasets.transforms import random_rotation, rotate
from neurospike.errors import ArgumentError

_SIZES = {"train": 2400, "val": 600, "test": 600}
_LONG = 500
_JITTER_M = 0.008
_HOLE_M = 0.22
_OUTLIERS = 0.02
_CUBE_M = 0.8
_STRETCH = (0.75, 1.25)
_HIDDEN = 0.3


class Solids(Samples):
    """Clouds of generated meshes: random proportions, size, pose, holes, jitter and outliers.

    Parameters
    ----------
    split
        ``train``, ``val`` and ``test`` are drawn independently of one another.
    size
        Samples; None is 2,400 to train and 600 otherwise. Classes take turns.
    noise
        Multiplies jitter (8 mm standard deviation), the radius of up to two holes (0.22 m), the
        share hidden on one side (30 %, in every other sample) and that of outliers (2 %); 0
        leaves the surface clean.
    points
        Points drawn on a surface; holes and hidden sides take up to three quarters away.
    protocol
        ``legacy`` validates on the test split.
    root
        Taken so that all data sets are built alike; nothing is read.
    cache
        Keep samples in memory once made (about 25 kB each).

    Shape
    -----
    sample: points float32 (P, 3) in metres within about ±0.8, normals float32 (P, 3), label
    int, name

    Raises
    ------
    ArgumentError
        An unknown split or protocol, or a size, number of points or noise below its least.
    MissingExtraError
        open3d is not installed.

    Cost
    ----
    About 0.7 ms a sample on one core; equal bits by (seed, split, index), in any order.

    Examples
    --------
    >>> solids = Solids(split="train", size=24, seed=0)
    >>> len(solids), len(solids.classes), solids[0]["label"]
    (24, 12, 0)
    """

    def __init__(
        self,
        split: Literal["train", "val", "test"] = "train",
        size: int | None = None,
        seed: int = 0,
        *,
        noise: float = 1.0,
        points: int = 1024,
        protocol: Literal["clean", "legacy"] = "clean",
        root: object = None,
        cache: bool = True,
    ) -> None:
        check_choice("Solids", "split", split, SPLITS)
        check_choice("Solids", "protocol", protocol, PROTOCOLS)
        size = _SIZES[split] if size is None else size
        for name, value, least in (("size", size, 0), ("seed", seed, 0), ("points", points, 1)):
            if value < least:
                raise ArgumentError(f"Solids.{name}: at least {least}; got {value}")
        if not noise >= 0:
            raise ArgumentError(f"Solids.noise: 0 or more; got {noise}")
        self.split = "test" if protocol == "legacy" and split == "val" else split
        self.seed = seed
        self.noise = noise
        self.points = points
        self.classes = tuple(SHAPES)
        self.labels = np.arange(size, dtype=np.int64) % len(SHAPES)
        self._cache: dict[int, Sample] | None = {} if cache else None

    def prepare(self, *, progress: bool = True) -> Solids:
        """Make every sample now; a bar shows the way where there are many and rich is at hand."""
        indices: Iterable[int] = range(len(self))
        if progress and len(self) >= _LONG:
            indices = tracked(indices, f"Solids {self.split}")
        for index in indices:
            self[index]
        return self

    def sizes(self) -> NDArray[np.int64] | None:
        """Points of each sample; None where they are not kept."""
        kept = self._cache
        if kept is None:
            return None
        self.prepare(progress=False)
        return np.array([len(kept[index]["points"]) for index in range(len(self))], np.int64)

    def _sample(self, index: int) -> Sample:
        if self._cache is None:
            return self._made(index)
        if index not in self._cache:
            self._cache[index] = self._made(index)
        # A copy, so that nobody's in-place augmentation reaches the cache.
        return {
            key: value.copy() if isinstance(value, np.ndarray) else value
            for key, value in self._cache[index].items()
        }

    def _made(self, index: int) -> Sample:
        label = int(self.labels[index])
        name = self.classes[label]
        rng = np.random.default_rng([self.seed, SPLITS.index(self.split), index])
        vertices, triangles = arrays(SHAPES[name](rng))
        stretched = _unit(vertices * rng.uniform(*_STRETCH, size=3))
        points, normals = sample_surface(stretched, triangles, self.points, rng=rng, name=name)
        pose = random_rotation(rng, "all")
        points = rotate(points, pose) * np.float32(rng.uniform(0.5, 0.65))
        normals = rotate(normals, pose)
        if self.noise > 0:
            points, normals = _worn(points, normals, self.noise, rng)
        points += rng.uniform(-0.05, 0.05, size=(1, 3)).astype(np.float32)
        return {
            "points": points,
            "normals": normals,
            "label": label,
            "name": f"{name}_{self.split}_{index:05d}",
        }


def _unit(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vertices about the middle of their box, inside the unit sphere."""
    centred: NDArray[np.float64] = vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    centred /= np.sqrt(np.einsum("ij,ij->i", centred, centred).max())
    return centred


def _worn(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    noise: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Holes, a hidden side, jitter and outliers, as a scanner would leave them."""
    kept = _seen(points, noise, rng)
    points, normals = points[kept], normals[kept]
    jitter = rng.standard_normal(points.shape, dtype=np.float32)
    points = points + jitter * np.float32(_JITTER_M * noise)
    strays = int(min(1.0, noise * rng.uniform(0, _OUTLIERS)) * len(points))
    points[:strays] = rng.uniform(-_CUBE_M, _CUBE_M, size=(strays, 3))
    lost = rng.standard_normal((strays, 3))
    normals[:strays] = lost / np.linalg.norm(lost, axis=1, keepdims=True)
    order = rng.permutation(len(points))
    return points[order], normals[order]


def _seen(points: NDArray[np.float32], noise: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which points holes and a hidden side leave: a quarter at least, whatever the noise."""
    kept = np.ones(len(points), dtype=bool)
    for _ in range(int(rng.integers(0, 3))):
        offset = points - points[rng.integers(len(points))]
        radius = noise * rng.uniform(0.3, 1) * _HOLE_M
        outside = np.einsum("ij,ij->i", offset, offset) >= radius**2
        if 2 * (kept & outside).sum() >= len(points):
            kept &= outside
    if rng.random() < 0.5:
        depth = np.einsum("ij,j->i", points, rng.standard_normal(3).astype(np.float32))
        share = min(0.5, noise * rng.uniform(0, _HIDDEN))
        visible = depth <= np.quantile(depth[kept], 1 - share)
        kept &= visible
    return kept
