"""A fixed number of points, and patches of them."""

from typing import Any

import numpy as np
import pytest

from neurospike.encoders.projections import PointPatches, PointSet, create_projection
from neurospike.encoders.projections._pick import LARGEST
from neurospike.errors import ArgumentError
from neurospike.kernels.points import reference
from tests.encoders.projections.clouds import cloud


def test_the_farthest_are_chosen_from_the_one_farthest_from_the_middle() -> None:
    points = cloud("many")
    image = PointSet(64)({"points": points})
    xyz = points[:, :3]
    start = int(np.argmax(((xyz - xyz.mean(axis=0)) ** 2).sum(axis=1)))
    assert np.array_equal(image, xyz[reference.farthest(xyz, start, 64)])


def test_as_many_as_there_are_stay_in_their_order_and_fewer_are_repeated() -> None:
    points = cloud("many")[:7]
    assert np.array_equal(PointSet(7, columns=4)({"points": points}), points)
    image = PointSet(17, columns=4)({"points": points})
    assert np.array_equal(image, points[np.arange(17) % 7])
    one = PointSet(3)({"points": cloud("one")})
    assert np.array_equal(one, np.repeat(cloud("one")[:, :3], 3, axis=0))


def test_random_points_are_the_same_every_time_and_differ_by_seed() -> None:
    points = cloud("many")
    images = [PointSet(99, sampling="random", seed=s)({"points": points}) for s in (0, 0, 1)]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    assert len(np.unique(images[0], axis=0)) == 99


@pytest.mark.parametrize("sampling", ["farthest", "random"])
def test_large_clouds_are_thinned_first(sampling: Any) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3 * LARGEST, 3)).astype(np.float32)
    made = PointSet(100, sampling=sampling)
    assert len(np.unique(made({"points": points}), axis=0)) == 100
    many = PointSet(2 * LARGEST, sampling="random")({"points": points})
    assert len(np.unique(many, axis=0)) == 2 * LARGEST
    image = PointPatches((32, 8), sampling=sampling)({"points": points})
    assert image.shape == (3, 32, 8)


def test_large_sets_hold_all_points_that_there_are() -> None:
    points = np.random.default_rng(0).normal(size=(LARGEST + 40, 3)).astype(np.float32)
    assert np.array_equal(PointSet(LARGEST + 40)({"points": points}), points)


def test_patches_are_a_centre_and_the_points_around_it() -> None:
    points = cloud("many")
    made = PointPatches((10, 5), columns=4)
    image = made({"points": points})
    assert image.shape == (4, 10, 5)
    assert np.array_equal(image[:3, :, 0].T, PointSet(10)({"points": points}))
    for patch in image.transpose(1, 2, 0):
        distance = np.linalg.norm(points[:, :3] - patch[0, :3], axis=1)
        found = np.linalg.norm(patch[:, :3] - patch[0, :3], axis=1)
        np.testing.assert_allclose(found, np.sort(distance)[:5], atol=1e-6)
        assert (patch[:, None] == points[None]).all(axis=2).any(axis=1).all()


def test_patches_of_few_points_are_filled_with_them() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0]])
    image = PointPatches((3, 5))({"points": points})
    assert image[0].tolist() == [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]


@pytest.mark.parametrize("made", [PointSet(9, columns=4), PointPatches((3, 4), columns=4)])
def test_no_points_are_zeros_and_back(made: Any) -> None:
    image = made({"points": cloud("none")})
    assert not image.any()
    assert made.inverse(image)["points"].shape == (0, 3)
    assert made.panels(image)


@pytest.mark.parametrize("name", ["points", "patches"])
def test_each_point_comes_back_once(name: str) -> None:
    points = cloud("copies") * np.float32(8.0)
    made = create_projection(name, size=64, columns=4, unit=8.0)
    image = made({"points": points})
    assert np.abs(image[..., :3] if name == "points" else image[:3]).max() < 4
    back = made.inverse(image)["points"]
    whole = np.unique(points[:, :3], axis=0)
    np.testing.assert_allclose(np.unique(back, axis=0), whole, rtol=1e-6)


def test_points_for_networks_of_points_are_rows() -> None:
    made = create_projection("points", size=12, columns=4)
    assert made({"points": cloud("many")}).shape == (12, 4)
    assert made.size == (12, 12)
    assert made.channels == 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"size": (4, 5)}, "must be one number of points"),
        ({"size": 4, "columns": 2}, "PointSet.columns: must be a whole number, 3 or more"),
        ({"size": 4, "sampling": "first"}, "must be farthest or random"),
        ({"size": 4, "seed": -1}, "PointSet.seed"),
        ({"size": 4, "unit": 0}, "PointSet.unit"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        create_projection("points", **options)


def test_columns_that_are_missing_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"PointSet.points: must be \(N, 6\) or wider"):
        PointSet(4, columns=6)({"points": cloud("many")})
