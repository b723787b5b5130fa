"""Transforms of clouds."""

import numpy as np
import pytest

from neurospike.datasets import transforms as t
from neurospike.errors import ArgumentError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("count", [0, 1, 17, 63])
def test_farthest_points_match_the_definition(count: int) -> None:
    points = rng().random((63, 3)).astype(np.float32)
    got = t.farthest_points(points, count, start=min(5, count))
    chosen: list[int] = []
    for step in range(count):
        if step == 0:
            chosen.append(min(5, count))
            continue
        gaps = ((points[:, None] - points[None, chosen]) ** 2).sum(-1).min(1)
        chosen.append(int(gaps.argmax()))
    assert got.tolist() == chosen


def test_farthest_points_never_repeat_even_among_copies() -> None:
    assert sorted(t.farthest_points(np.zeros((9, 3)), 9)) == list(range(9))
    assert t.farthest_points(np.zeros((0, 3)), 0).shape == (0,)


@pytest.mark.parametrize(
    ("count", "start", "name"), [(6, 0, "count"), (-1, 0, "count"), (2, 5, "start")]
)
def test_farthest_points_bounds(count: int, start: int, name: str) -> None:
    with pytest.raises(ArgumentError, match=rf"farthest_points\.{name}"):
        t.farthest_points(np.zeros((5, 3)), count, start=start)


def test_normalise_fills_the_unit_sphere() -> None:
    points = t.normalise(rng().random((100, 3)) * (1, 5, 9) + 100)
    assert np.allclose(points.mean(axis=0), 0, atol=1e-6)
    assert np.linalg.norm(points, axis=1).max() == pytest.approx(1, abs=1e-6)
    assert t.normalise(np.array([[3.0, 4, 5]])).tolist() == [[0, 0, 0]]
    assert t.normalise(np.zeros((0, 3))).shape == (0, 3)


def test_scale_and_shift_stay_in_range() -> None:
    ones = np.ones((4, 3), np.float32)
    scales = np.array([t.random_scale(ones, rng(seed))[0] for seed in range(300)])
    shifts = np.array([t.random_shift(ones, rng(seed))[0] - 1 for seed in range(300)])
    assert 0.9 <= scales.min() < 0.92 and 1.08 < scales.max() <= 1.1
    assert -0.2001 <= shifts.min() < -0.19 and 0.19 < shifts.max() <= 0.2001
    assert len(np.unique(scales[0])) == 1 and len(np.unique(shifts[0])) == 3


@pytest.mark.parametrize("about", ["z", "all"])
def test_rotations_are_proper(about: str) -> None:
    for seed in range(20):
        matrix = t.random_rotation(rng(seed), about)
        assert np.allclose(matrix @ matrix.T, np.eye(3))
        assert np.linalg.det(matrix) == pytest.approx(1)
        assert (matrix[2, 2] == 1) == (about == "z")
    with pytest.raises(ArgumentError, match="about"):
        t.random_rotation(rng(), "x")


def test_rotations_about_all_axes_are_uniform() -> None:
    turned = np.array([t.random_rotation(rng(seed))[:, 0] for seed in range(1)])
    assert turned.shape == (1, 3)
    axes = np.array([t.random_rotation(rng(seed), "all") for seed in range(4000)])
    # Every entry of a uniform rotation has mean 0 and variance 1/3.
    assert abs(axes.mean(axis=0)).max() < 0.05
    assert abs(axes.var(axis=0) - 1 / 3).max() < 0.03


def test_rotate_is_a_matrix_product() -> None:
    points = rng().random((50, 3)).astype(np.float32)
    matrix = t.random_rotation(rng(1), "all")
    assert np.allclose(t.rotate(points, matrix), points @ matrix.T, atol=1e-6)
    assert t.rotate(points[:0], matrix).shape == (0, 3)


def test_thin_takes_distinct_rows_in_order() -> None:
    kept = t.thin(1000, 256, rng())
    assert len(kept) == 256
    assert (np.diff(kept) > 0).all()
    assert t.thin(10, 256, rng()).tolist() == list(range(10))
    assert t.thin(0, 5, rng()).shape == (0,)


@pytest.mark.parametrize("mode", ["mean", "random"])
def test_grid_sample_against_a_dictionary(mode: str) -> None:
    rows = rng().normal(size=(500, 6))
    cells: dict[tuple[int, ...], list[np.ndarray]] = {}
    for row in rows:
        cells.setdefault(tuple(np.floor(row[:3] / 0.5).astype(int)), []).append(row)
    got = t.grid_sample(rows, 0.5, mode=mode, rng=rng(1))
    assert len(got) == len(cells)
    for row, cell in zip(got, sorted(cells), strict=True):
        members = np.array(cells[cell])
        if mode == "mean":
            assert np.allclose(row, members.mean(axis=0), atol=1e-6)
        else:
            assert np.isclose(row, members, atol=1e-6).all(axis=1).any()


def test_grid_sample_random_is_fair() -> None:
    rows = np.array([[0.1, 0, 0], [0.2, 0, 0], [0.3, 0, 0], [0.4, 0, 0]])
    picks = [t.grid_sample(rows, 1.0, mode="random", rng=rng(seed))[0, 0] for seed in range(2000)]
    _, counts = np.unique(np.round(picks, 2), return_counts=True)
    assert len(counts) == 4
    assert counts.min() > 400


def test_grid_sample_bounds() -> None:
    assert t.grid_sample(np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ArgumentError, match="size: must be positive"):
        t.grid_sample(np.zeros((1, 3)), 0)
    with pytest.raises(ArgumentError, match="mode"):
        t.grid_sample(np.zeros((1, 3)), mode="first")
    with pytest.raises(ArgumentError, match="needs a generator"):
        t.grid_sample(np.zeros((1, 3)), mode="random")


def test_turned_and_thinned_voxels_keep_their_distances() -> None:
    coords = np.argwhere(rng().random((12, 12, 12)) < 0.4)
    turned = t.turn_and_thin_voxels(coords, rng(2))
    assert turned.shape == (256, 3)
    every = t.turn_and_thin_voxels(coords[:100], rng(2))
    assert np.allclose(
        np.linalg.norm(every[0] - every, axis=1),
        np.linalg.norm(coords[0] - coords[:100], axis=1),
        atol=1e-4,
    )
    assert t.turn_and_thin_voxels(coords[:0], rng()).shape == (0, 3)


def test_augment_turns_normals_with_points_and_repeats_by_generator() -> None:
    sample = {
        "points": rng().random((50, 3)).astype(np.float32),
        "normals": np.tile(np.float32([0, 0, 1]), (50, 1)),
        "label": 3,
    }
    first = t.augment(sample, t.sample_rng(0, 1, 2), points=40, rotation="all")
    again = t.augment(sample, t.sample_rng(0, 1, 2), points=40, rotation="all")
    other = t.augment(sample, t.sample_rng(0, 2, 2), points=40, rotation="all")
    assert first["points"].shape == first["normals"].shape == (40, 3)
    assert np.allclose(np.linalg.norm(first["normals"], axis=1), 1, atol=1e-6)
    assert np.array_equal(first["points"], again["points"])
    assert not np.array_equal(first["points"], other["points"])
    assert first["label"] == 3
    still = t.augment(sample, rng(), scale=None, shift=None)
    assert np.array_equal(still["points"], sample["points"])
    assert "normals" not in t.augment({"points": sample["points"]}, rng(), rotation="z")
