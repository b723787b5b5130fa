"""Kernels on points against their readable forms: equal rows."""

import numpy as np
import pytest

from neurospike.kernels.points import numba as kernels
from neurospike.kernels.points import reference


def cloud(name: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if name == "one":
        return np.array([[3.0, -1.0, 2.0]], np.float32)
    if name == "copies":
        return np.repeat(rng.normal(size=(5, 3)), 4, axis=0).astype(np.float32)
    if name == "grid":  # many are equally far
        return np.argwhere(np.ones((4, 4, 4))).astype(np.float32)
    return rng.normal(size=(257, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ["one", "copies", "grid", "random"])
def test_the_farthest_points_are_those_of_the_reference(name: str) -> None:
    points = cloud(name)
    for count in (1, len(points) // 2 + 1, len(points)):
        for start in (0, len(points) - 1):
            found = kernels.farthest(points, start, count)
            assert found.tolist() == reference.farthest(points, start, count).tolist()
            assert len(set(found.tolist())) == count


@pytest.mark.parametrize("name", ["one", "copies", "grid", "random"])
def test_the_nearest_points_are_those_of_the_reference(name: str) -> None:
    points = cloud(name)
    centres = np.arange(0, len(points), 7)
    for count in (1, len(points) // 3 + 1, len(points)):
        found = kernels.nearest(points, centres, count)
        assert found.tolist() == reference.nearest(points, centres, count).tolist()
    assert kernels.nearest(points, centres[:0], 1).shape == (0, 1)


def test_the_farthest_points_cover_a_line() -> None:
    line = np.stack([np.arange(17.0), np.zeros(17), np.zeros(17)], axis=1).astype(np.float32)
    assert kernels.farthest(line, 0, 5).tolist() == [0, 16, 8, 4, 12]
