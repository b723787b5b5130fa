"""Projections of clouds: the pictures of slow loops, exact or near inverses, clear errors."""

from typing import Any

import numpy as np
import pytest

from neurospike.encoders.projections import (
    BirdsEye,
    DenseVoxels,
    DepthViews,
    Mosaic,
    Projection,
    RangeImage,
    create_projection,
    projection_names,
)
from neurospike.errors import ArgumentError
from tests.encoders.projections import oracles
from tests.encoders.projections.clouds import NAMES, RANGE, cloud

ALL = tuple(oracles.EYES)
SIZE = (8, 6)
_SIGNS = {"+": 1, "-": -1}


def project(projection: Projection, points: Any) -> Any:
    image = projection({"points": points, "label": 3})
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert image.shape == (projection.channels, *projection.size)
    return image


@pytest.mark.parametrize("name", NAMES)
def test_voxels_are_those_of_a_loop(name: str) -> None:
    points = cloud(name)
    made = DenseVoxels(SIZE, slices=5, point_range=RANGE)
    assert np.array_equal(project(made, points), oracles.voxels(points, RANGE, SIZE, 5))


@pytest.mark.parametrize("name", NAMES)
def test_a_birds_eye_sees_what_a_loop_sees(name: str) -> None:
    points = cloud(name)
    expected = oracles.birds_eye(points, RANGE, SIZE)
    image = project(BirdsEye(SIZE, point_range=RANGE, intensity=True), points)
    np.testing.assert_allclose(image, expected, atol=1e-6)
    assert np.array_equal(project(BirdsEye(SIZE, point_range=RANGE), points), image[:3])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("views", [ALL, ("top", "left")])
def test_depth_is_that_of_a_loop(name: str, views: tuple[str, ...]) -> None:
    points = cloud(name)
    image = project(DepthViews(SIZE, views=views, point_range=RANGE), points)
    np.testing.assert_allclose(image, oracles.depth(points, RANGE, SIZE, views), atol=1e-6)


@pytest.mark.parametrize("dot", [1, 3])
def test_normals_are_those_of_the_point_seen(dot: int) -> None:
    points = cloud("many")[:, :3]
    rng = np.random.default_rng(3)
    normals = rng.normal(size=points.shape).astype(np.float32)
    made = DepthViews(SIZE, views=ALL, point_range=RANGE, normals=True, dot=dot)
    image = project(made, np.concatenate([points, normals], axis=1))
    plain = project(DepthViews(SIZE, views=ALL, point_range=RANGE, dot=dot), points)
    assert np.array_equal(image[::4], plain)
    for number, eyes in enumerate(oracles.EYES[name] for name in ALL):
        near, *seen = image[4 * number : 4 * number + 4]
        assert (seen[0] >= 0).all()
        (sign, axis), *_ = [(_SIGNS[s], "xyz".index(c)) for s, c in eyes]
        low, high = RANGE[axis], RANGE[axis + 3]
        nearness = 0.5 + 0.5 * (points[:, axis] - (low if sign > 0 else high)) * sign / (high - low)
        for row, column in np.argwhere(near > 0):
            who = int(np.abs(nearness - near[row, column]).argmin())
            own = [_SIGNS[s] * normals[who, "xyz".index(c)] for s, c in eyes]
            expected = np.array(own) * (-1 if own[0] < 0 else 1)
            found = [part[row, column] for part in seen]
            np.testing.assert_allclose(found, expected, atol=1e-6)
        assert not np.array(seen)[:, near == 0].any()


@pytest.mark.parametrize("normals", [False, True])
def test_a_mosaic_has_its_views_in_two_rows(normals: bool) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (300, 6)).astype(np.float32)
    options: dict[str, Any] = {"point_range": 1.0, "normals": normals}
    mosaic = Mosaic((11, 20), **options)
    views = DepthViews((5, 6), **options)
    image, apart = project(mosaic, points), project(views, points)
    assert image.shape == (mosaic.channels, 11, 20) == (4 if normals else 1, 11, 20)
    assert not image[:, 10:].any()
    assert not image[:, :, 18:].any()
    for number in range(6):
        row, column = 5 * (number // 3), 6 * (number % 3)
        own = apart[mosaic.channels * number : mosaic.channels * (number + 1)]
        assert np.array_equal(image[:, row : row + 5, column : column + 6], own)
    back, expected = mosaic.inverse(image)["points"], views.inverse(apart)["points"]
    assert np.array_equal(back, expected)
    assert back.shape[1] == (6 if normals else 3)
    panels = mosaic.panels(image)
    assert [panel.title for panel in panels][:1] == ["nearness"]
    assert len(panels) == mosaic.channels
    assert panels[0].across == "front, back, left"
    assert panels[0].down == "below: right, top, bottom"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("angles", [(3.0, -25.0), (90.0, -90.0)])
def test_a_scan_is_that_of_a_loop(name: str, angles: tuple[float, float]) -> None:
    points = cloud(name)
    up, down = angles
    made = RangeImage((6, 16), up_deg=up, down_deg=down, far=1.5, intensity=True)
    expected = oracles.scan(points, (6, 16), up_deg=up, down_deg=down, far=1.5)
    np.testing.assert_allclose(project(made, points), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("birds-eye", {"point_range": RANGE}),
        ("depth", {"point_range": RANGE}),
        ("depth", {"point_range": RANGE, "dot": 3}),
        ("voxels", {"point_range": RANGE}),
        ("range", {"up_deg": 90, "down_deg": -90, "far": 3.0}),
    ],
)
def test_what_an_inverse_gives_looks_the_same(name: str, options: dict[str, Any]) -> None:
    made = create_projection(name, size=(16, 24), **options)
    image = project(made, cloud("many"))
    points = made.inverse(image)["points"]
    assert points.dtype == np.float32
    if "dot" in options:  # each dot comes back as points, and those are dots again
        made = create_projection(name, size=(16, 24), point_range=RANGE)
    again = project(made, points)
    if name == "depth":  # other views add what this one sees, never hide it
        assert (again >= image - 1e-4).all()
    elif name == "birds-eye":
        np.testing.assert_allclose(again[:2], image[:2], atol=1e-5)
    else:
        np.testing.assert_allclose(again, image, atol=1e-5)
    empty = made.inverse(np.zeros_like(image))["points"]
    assert empty.shape == (0, 3)


def test_a_point_comes_back_to_half_a_pixel() -> None:
    point = np.array([[0.4, -1.1, 0.3]])
    edge = np.array([2.5, 3.0, 1.25])
    for name, options in (("voxels", {"slices": 20}), ("depth", {}), ("birds-eye", {})):
        made = create_projection(name, size=20, point_range=RANGE, **options)
        found = made.inverse(made({"points": point}))["points"]
        assert len(found) == (6 if name == "depth" else 1)
        assert (np.abs(found - point) <= edge / 40 + 1e-6).all(), name


def test_a_scan_gives_its_nearest_points_back() -> None:
    points = cloud("many")
    made = RangeImage((64, 256), up_deg=90, down_deg=-90, far=5.0)
    back = made.inverse(project(made, points))["points"]
    apart = np.linalg.norm(points[None, :, :3] - back[:, None], axis=2).min(axis=1)
    assert len(back) > 600
    assert apart.max() < 1e-6


def test_all_around_wraps_behind() -> None:
    made = RangeImage((1, 8), up_deg=10, down_deg=-10, far=4.0)
    behind = [[-1.0, 0.0, 0.0], [-1.0, -0.0, 0.0]]
    ahead, left, right = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]
    for points, column in ((behind[:1], 0), (behind[1:], 0), ([ahead], 4), ([left], 2)):
        assert np.argwhere(made({"points": np.array(points)})[0]).tolist() == [[0, column]]
    assert np.argwhere(made({"points": np.array([right])})[0]).tolist() == [[0, 6]]


def test_the_nearest_of_a_pixel_is_seen_and_the_first_of_equals() -> None:
    made = RangeImage((1, 1), up_deg=90, down_deg=-90, far=4.0, intensity=True)
    points = np.array([[2.0, 0, 0, 0.1], [0, 1.0, 0, 0.2], [0, 0, 1.0, 0.3], [3.0, 0, 0, 0.4]])
    assert made({"points": points})[:, 0, 0].tolist() == pytest.approx([0.25, 0, 0.25, 0, 0.2])


@pytest.mark.parametrize("points", [[[0.0, 0, 0]], [[1e-200, 0, 1e-200]], [[1e200, 1e200, 0]]])
def test_points_without_a_direction_or_too_far_are_not_seen(points: Any) -> None:
    assert not RangeImage(4)({"points": np.array(points)}).any()


def test_dots_cover_squares_and_stay_in_the_picture() -> None:
    thin = DepthViews((8, 8), views=["top"])
    wide = DepthViews((8, 8), views=["top"], dot=3)
    points = np.array([[0.9, 0.9, 0.0], [-0.1, -0.1, 0.5]])
    dots = wide({"points": points})[0]
    assert (thin({"points": points}) > 0).sum() == 2
    assert (dots > 0).sum() == 4 + 9
    assert dots[0, 0] == dots[1, 1] == pytest.approx(0.75)
    assert dots[3, 3] == dots[5, 5] == pytest.approx(0.875)


def test_the_order_of_points_means_nothing() -> None:
    points = cloud("many")
    turned = points[np.random.default_rng(1).permutation(len(points))]
    for name, options in (
        ("voxels", {"point_range": RANGE}),
        ("depth", {"point_range": RANGE}),
        ("birds-eye", {"point_range": RANGE, "intensity": True}),
        ("range", {"far": 3.0, "intensity": True}),
    ):
        made = create_projection(name, size=16, **options)
        assert np.array_equal(project(made, points), project(made, turned)), name


def test_further_columns_are_left_alone() -> None:
    points = cloud("many")
    odd = points.copy()
    odd[:, 3] = np.nan
    made = DepthViews(16, point_range=RANGE)
    assert np.array_equal(project(made, odd), project(made, points))


def test_points_are_not_written_to() -> None:
    points = cloud("many")
    points.flags.writeable = False
    for name in projection_names():
        if name != "sequence":
            create_projection(name, size=8)({"points": points})


@pytest.mark.parametrize("name", [n for n in projection_names() if n != "sequence"])
@pytest.mark.parametrize(
    ("points", "match"),
    [
        (np.array([[0.0, np.nan, 0.0], [0, 0, 0]]), "must be finite; got 1 of 2"),
        (np.array([[0.0, np.inf, 0.0]], np.float32), "must be finite"),
        (np.zeros((4, 2)), r"must be \(N, 3\) or wider"),
        (np.zeros(3), r"must be \(N, 3\) or wider"),
        (np.array([["a", "b", "c"]]), "must be real"),
    ],
)
def test_points_that_cannot_be_projected_are_named(name: str, points: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match) as caught:
        create_projection(name, size=4)({"points": points})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("voxels", {"size": 0}, "DenseVoxels.size: must be a whole number, 1 or more"),
        ("voxels", {"size": (4, 4, 4)}, "must be height and width"),
        ("voxels", {"size": 4, "slices": 0}, "DenseVoxels.slices"),
        ("voxels", {"size": 4, "point_range": -1.0}, "must be x_low"),
        ("depth", {"size": 4, "point_range": (0, 0, 0, 1, 1)}, "must be x_low"),
        ("depth", {"size": 4, "point_range": (0, 0, 0, 1, 0, 1)}, "must be x_low"),
        ("depth", {"size": 4, "point_range": float("nan")}, "must be finite"),
        ("depth", {"size": 4, "views": ["north"]}, "must be a list of some of front, back"),
        ("depth", {"size": 4, "views": []}, "must be a list of some of front, back"),
        ("depth", {"size": 4, "views": "top"}, "must be a list of some of front, back"),
        ("depth", {"size": 4, "dot": 2}, "DepthViews.dot: must be odd"),
        ("range", {"size": 4, "up_deg": -30}, "must lie below up_deg"),
        ("range", {"size": 4, "up_deg": float("nan")}, "RangeImage.up_deg: must be finite"),
        ("range", {"size": 4, "up_deg": "high"}, "RangeImage.up_deg: must be real"),
        ("range", {"size": 4, "down_deg": [1, 2]}, "RangeImage.down_deg: must be one number"),
        ("range", {"size": "64"}, "RangeImage.size: must be a whole number"),
        ("mosaic", {"size": (1, 3)}, "Mosaic.size: must have a pixel for each of 2 x 3 views"),
        ("mosaic", {"size": 8, "views": []}, "must be a list of some of front, back"),
        ("depth", {"size": 4, "views": 3}, "must be a list of some of front, back"),
        ("depth", {"size": 4, "views": [["top"]]}, "must be a list of some of front, back"),
        ("depth", {"size": 4, "point_range": "wide"}, "DepthViews.point_range: must be real"),
        ("range", {"size": 4, "far": 0.0}, "RangeImage.far: must be a number above 0"),
        ("birds-eye", {"size": 4, "colour": True}, "'colour'; it has point_range, intensity"),
        ("fisheye", {"size": 4}, "must be one of birds-eye, depth, .*; got 'fisheye'"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        create_projection(name, **options)


def test_what_a_projection_does_not_read_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"RangeImage.sample: must have points; got frames"):
        RangeImage(4)({"frames": np.zeros((3, 3))})
    with pytest.raises(ArgumentError, match=r"must be \(N, 4\) or wider"):
        RangeImage(4, intensity=True)({"points": np.zeros((3, 3))})


@pytest.mark.parametrize("name", projection_names())
def test_panels_are_flat_and_say_what_they_are(name: str) -> None:
    made = create_projection(name, size=12)
    sample = {"points": cloud("many"), "frames": np.ones((20, 10))}
    panels = made.panels(made(sample))
    assert panels
    for panel in panels:
        assert panel.values.ndim == 2
        assert panel.title
        assert panel.across
        assert panel.down
    assert len({panel.title for panel in panels}) == len(panels)


def test_slices_are_seen_from_three_sides() -> None:
    """A point ahead, left and high stands where each eye would see it."""
    made = DenseVoxels((4, 6), slices=8)
    above, ahead, right = made.panels(made({"points": np.array([[0.9, 0.9, 0.9]])}))
    for panel, place in ((above, (0, 0)), (ahead, (0, 5)), (right, (0, 3))):
        assert np.argwhere(panel.values).tolist() == [list(place)], panel.title
    assert above.across == "y, 1 to -1"
    assert ahead.across == "y, -1 to 1"
    assert right.across == "x, -1 to 1"
