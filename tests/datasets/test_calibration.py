"""Calibrations, and boxes on their way between LiDAR and camera."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurospike.datasets import Calibration, Objects
from neurospike.errors import ArgumentError, DataError


def turn(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Rotation about x, then y, then z."""
    (a, b, c), (d, e, f) = np.cos((roll, pitch, yaw)), np.sin((roll, pitch, yaw))
    about_x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    about_z = np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def tilted(*angles: float) -> Calibration:
    """A rig whose camera is turned against the LiDAR by small angles."""
    level = Calibration.typical()
    move = level.tr_velo_to_cam.copy()
    move[:, :3] = turn(*angles[:3]) @ move[:, :3]
    return Calibration(level.p2, turn(*angles[3:]), move)


def boxes(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = (5, -20, -2, 0.3, 0.3, 0.3, -np.pi)
    high = (70, 20, 2, 12, 3, 3, np.pi)
    return rng.uniform(low, high, (count, 7))


def test_the_axes_of_the_two_frames() -> None:
    """Ahead, left and up of the LiDAR are the camera's z, -x and -y."""
    level = Calibration(np.eye(3, 4), np.eye(3), Calibration.typical().tr_velo_to_cam)
    origin = level.to_camera([[0, 0, 0]])
    axes = level.to_camera(np.eye(3)) - origin
    np.testing.assert_allclose(axes, [[0, 0, 1], [-1, 0, 0], [0, -1, 0]])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-0.05, 0.05), min_size=6, max_size=6), st.integers(0, 2**31))
def test_points_and_boxes_go_there_and_back(angles: list[float], seed: int) -> None:
    rig = tilted(*angles)
    points = np.random.default_rng(seed).uniform(-80, 80, (50, 3))
    np.testing.assert_allclose(rig.to_lidar(rig.to_camera(points)), points, atol=1e-9)
    before = boxes(50, seed)
    objects = rig.objects_of(before, ["Car"] * 50)
    after = rig.boxes_to_lidar(objects)
    np.testing.assert_allclose(after[:, :6], before[:, :6], atol=1e-9)
    gap = np.angle(np.exp(1j * (after[:, 6] - before[:, 6])))
    assert np.abs(gap).max() < 1e-9
    again = rig.objects_of(after, ["Car"] * 50)
    np.testing.assert_allclose(again.location, objects.location, atol=1e-9)
    gap = np.angle(np.exp(1j * (again.rotation_y - objects.rotation_y)))
    assert np.abs(gap).max() < 1e-9


def test_a_box_by_hand() -> None:
    """Ten metres ahead of the camera, 1.5 m high: its bottom lies 0.75 m below its centre."""
    rig = Calibration.typical()
    (box,) = np.array([[10.27, 0, -0.08, 4, 2, 1.5, 0]])[:, None]
    objects = rig.objects_of(box, ("Car",))
    np.testing.assert_allclose(objects.location, [[0, 0.75, 10]], atol=1e-12)
    np.testing.assert_allclose(objects.dimensions, [[1.5, 2, 4]])  # height, width, length
    # Its length points away from the camera: a quarter turn from the camera's x.
    np.testing.assert_allclose(objects.rotation_y, [-np.pi / 2])
    np.testing.assert_allclose(objects.alpha, [-np.pi / 2])
    # The near face, 8 m away, is 2 m wide and 1.5 m high.
    half = 721.5377 * np.array([1, 0.75]) / 8
    middle = np.array([621, 187.5])
    expected = np.concatenate([middle - half, middle + half])
    np.testing.assert_allclose(objects.bbox[0], expected)
    assert objects.truncated.tolist() == [0]


def test_headings_follow_the_common_rule_where_the_rig_is_level() -> None:
    rig = Calibration.typical()
    table = boxes(20)
    objects = rig.objects_of(table, ["Car"] * 20)
    gap = -objects.rotation_y - np.pi / 2 - table[:, 6]
    np.testing.assert_allclose(np.angle(np.exp(1j * gap)), 0, atol=1e-12)


def test_boxes_at_the_edge_behind_and_around_the_camera() -> None:
    rig = Calibration.typical()
    half_out = 10 * rig.image_size[0] / 2 / rig.p2[0, 0]  # the image's left edge, 10 m ahead
    table = np.array(
        [
            [10.27, half_out, -0.08, 1e-6, 2, 2, 0],  # half of it left of the image
            [-20, 0, 0, 4, 2, 1.5, 0],  # behind
            [0, 0, 0, 4, 4, 4, 0.3],  # the camera stands inside it
            [10, 60, 0, 4, 2, 1.5, 0],  # ahead, far outside
        ]
    )
    objects = rig.objects_of(table, ["Car"] * 4)
    np.testing.assert_allclose(objects.truncated[:2], [0.5, 1], atol=0.01)
    assert objects.bbox[0, 0] == 0
    assert not objects.bbox[[1, 3]].any()
    assert objects.truncated[3] == 1
    assert objects.bbox[2].tolist() == [0, 0, 1241, 374]
    assert np.isfinite(objects.bbox).all()


def test_rectangles_hold_the_projected_corners() -> None:
    rig = tilted(0.01, -0.02, 0.015, 0.01, 0.0, -0.01)
    table = boxes(100, 3)
    objects = rig.objects_of(table, ["Car"] * 100)
    from neurospike.datasets.camera_boxes import corners

    eight = corners(objects.location, objects.dimensions, objects.rotation_y)
    whole = np.flatnonzero((objects.truncated == 0) & (eight[:, :, 2].min(axis=1) > 0.5))
    assert len(whole) > 30
    for row in whole:
        pixels, depth = rig.project(rig.to_lidar(eight[row]))
        assert (depth > 0).all()
        expected = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
        np.testing.assert_allclose(objects.bbox[row], expected, atol=1e-6)


def test_rectangles_of_boxes_that_reach_behind_the_camera() -> None:
    """Against points strewn over the edges, of which those ahead of the near plane are seen."""
    from neurospike.datasets.camera_boxes import _EDGES, corners

    rig = Calibration.typical()
    rng = np.random.default_rng(0)
    table = rng.uniform((-6, -6, -2, 1, 1, 1, -3), (8, 6, 2, 12, 4, 4, 3), (300, 7))
    objects = rig.objects_of(table, ["Car"] * 300)
    eight = corners(objects.location, objects.dimensions, objects.rotation_y)
    crossing = np.flatnonzero((eight[..., 2].min(axis=1) < 0.1) & (eight[..., 2].max(axis=1) > 1))
    assert len(crossing) > 100
    share = np.linspace(0, 1, 20_001)[:, None, None]
    for row in crossing[:40]:
        a, b = eight[row][_EDGES[:, 0]], eight[row][_EDGES[:, 1]]
        strewn = (a + share * (b - a)).reshape(-1, 3)
        strewn = strewn[strewn[:, 2] >= 0.1]
        pixels = strewn @ rig.p2[:, :3].T + rig.p2[:, 3]
        pixels = pixels[:, :2] / pixels[:, 2:]
        low = pixels.min(axis=0).clip(0, (1241, 374))
        high = pixels.max(axis=0).clip(0, (1241, 374))
        expected = np.concatenate([low, high])
        if (high > low).all():
            np.testing.assert_allclose(objects.bbox[row], expected, atol=2)
        else:
            assert not objects.bbox[row].any()


def test_points_in_the_image_project_into_it() -> None:
    rig = tilted(0.01, -0.02, 0.015, 0.01, 0.0, -0.01)
    points = np.random.default_rng(0).uniform((-50, -50, -3), (50, 50, 3), (5000, 3))
    pixels, depth = rig.project(points)
    width, height = rig.image_size
    inside = (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1) & (depth > 0)
    assert 100 < inside.sum() < 2000
    assert np.array_equal(rig.in_image(points), inside)
    assert rig.in_image(np.full((2, 4), np.nan)).tolist() == [False, False]
    assert rig.in_image(np.zeros((0, 4))).shape == (0,)


def test_no_boxes_are_no_objects() -> None:
    rig = Calibration.typical()
    objects = rig.objects_of(np.zeros((0, 7)), ())
    assert len(objects) == 0
    assert objects.bbox.shape == (0, 4)
    assert rig.boxes_to_lidar(objects).shape == (0, 7)
    assert rig.boxes_to_lidar(Objects.empty()).shape == (0, 7)
    assert len(rig.objects_of([], (), [])) == 0


def test_detections_say_that_occlusion_is_unknown() -> None:
    objects = Calibration.typical().objects_of(boxes(2), ("Car", "Van"), scores=[0.5, 1])
    assert objects.occluded.tolist() == [-1, -1]
    assert objects.score is not None
    assert objects.score.tolist() == [0.5, 1]
    labels = Calibration.typical().objects_of(boxes(2), ("Car", "Van"), occluded=[2, 3])
    assert labels.occluded.tolist() == [2, 3]
    assert labels.score is None


def test_files_come_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "calib" / "000000.txt"
    for size in ((1242, 375), (800, 600)):
        rig = tilted(0.01, -0.02, 0.015, 0.01, 0.0, -0.01)
        rig = Calibration(rig.p2, rig.r0_rect, rig.tr_velo_to_cam, size)
        rig.write(path)
        again = Calibration.read(path)
        for name in ("p2", "r0_rect", "tr_velo_to_cam"):
            assert np.array_equal(getattr(rig, name), getattr(again, name))
        assert again.image_size == size
    assert Calibration.read(path, (1224, 370)).image_size == (1224, 370)
    # Others' tools take lines by their place.
    keys = [line.split(":")[0] for line in path.read_text().splitlines()]
    assert keys[:7] == ["P0", "P1", "P2", "P3", "R0_rect", "Tr_velo_to_cam", "Tr_imu_to_velo"]


def test_other_benchmarks_files_and_sizes_by_focal_length(tmp_path: Path) -> None:
    path = tmp_path / "calib.txt"
    p2 = "P2: 718.856 0 607.1928 45.38225 0 718.856 185.2157 -0.1130887 0 0 1 0.003779761\n"
    path.write_text(p2 + "Tr: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27\n")
    odometry = Calibration.read(path)
    assert np.array_equal(odometry.r0_rect, np.eye(3))
    assert odometry.image_size == (1241, 376)
    path.write_text(p2 + "R_rect 1 0 0 0 1 0 0 0 1\nTr_velo_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n")
    assert Calibration.read(path).to_camera([[1, 0, 0]]).tolist() == [[0, 0, 1]]
    # As the tracking benchmark's own files have them.
    path.write_text(path.read_text().replace("velo_cam:", "velo_cam"))
    assert Calibration.read(path).to_camera([[1, 0, 0]]).tolist() == [[0, 0, 1]]


GOOD = "P2: 1 0 0 0 0 1 0 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no line of P2"),
        (GOOD, "no line of Tr_velo_to_cam"),
        (GOOD + "Tr_velo_to_cam: 1 2 3\n", "Tr_velo_to_cam has 12 values; got 3"),
        (GOOD + "Tr_velo_to_cam: 1 2 3 x 5 6 7 8 9 10 11 12\n", "could not convert"),
        (GOOD + "Tr_velo_to_cam: 1 0 0 nan 0 1 0 0 0 0 1 0\n", "finite numbers"),
        (
            GOOD + "Tr_velo_to_cam: 0 0 0 0 0 0 0 0 0 0 0 0\n",
            "tr_velo_to_cam: must turn, not stretch",
        ),
        (
            GOOD + "Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\nimage_size: 12\n",
            "image_size is two whole numbers",
        ),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=match) as caught:
        Calibration.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=100), st.lists(st.floats(), min_size=12, max_size=12))
def test_any_bytes_are_a_calibration_or_a_data_error(
    tmp_path: Path, raw: bytes, numbers: list[float]
) -> None:
    path = tmp_path / "000000.txt"
    matrix = f"Tr_velo_to_cam: {' '.join(map(str, numbers))}\n"
    for data in (raw, (GOOD + matrix).encode() + raw):
        path.write_bytes(data)
        try:
            Calibration.read(path)
        except DataError as error:
            assert "\n" not in str(error)


def test_missing_file_and_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*000000.txt"):
        Calibration.read(tmp_path / "000000.txt")
    rig = Calibration.typical()
    with pytest.raises(ArgumentError, match=r"Calibration.p2: \(3, 4\) finite numbers"):
        Calibration(np.eye(3), rig.r0_rect, rig.tr_velo_to_cam)
    for size in ((0, 5), (1.5, 3), (1, 2, 3), None, "ab"):
        with pytest.raises(ArgumentError, match="image_size: width and height"):
            Calibration(rig.p2, rig.r0_rect, rig.tr_velo_to_cam, size)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"to_camera.points: \(N, 3 or more\).*got \(3,\)"):
        rig.to_camera([1, 2, 3])
    with pytest.raises(ArgumentError, match=r"objects_of.boxes: \(M, 7\); got \(1, 6\)"):
        rig.objects_of(np.zeros((1, 6)), ("Car",))
    with pytest.raises(ArgumentError, match=r"objects_of.names: one of each for 1 boxes"):
        rig.objects_of(np.zeros((1, 7)), ())
    with pytest.raises(ArgumentError, match=r"objects_of.scores: one of each for 1 boxes"):
        rig.objects_of(np.zeros((1, 7)), ("Car",), [1, 2])
