"""Clouds that are awkward to project."""

import numpy as np
from numpy.typing import NDArray

RANGE = (-1.0, -2.0, -0.5, 1.5, 1.0, 0.75)
NAMES = ("none", "one", "borders", "copies", "many", "double")


def cloud(name: str) -> NDArray[np.floating]:
    """(N, 4) x, y, z, intensity."""
    rng = np.random.default_rng(5)
    low, high = np.array(RANGE[:3]), np.array(RANGE[3:])
    if name == "none":
        return np.zeros((0, 4), np.float32)
    if name == "one":
        return np.array([[0.3, -0.4, 0.2, 0.5]], np.float32)
    if name == "borders":  # on all faces, edges and middles of parts, in and out of the box
        axes = [np.linspace(a, b, 9) for a, b in zip(low, high, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        return np.concatenate([points, rng.random((len(points), 1))], axis=1)
    points = rng.uniform(low - 0.3, high + 0.3, (700, 3))
    rows = np.concatenate([points, rng.random((700, 1))], axis=1)
    if name == "copies":
        return np.repeat(rows[:40], 5, axis=0).astype(np.float32)
    return rows if name == "double" else rows.astype(np.float32)
