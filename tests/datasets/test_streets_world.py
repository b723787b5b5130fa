"""What streets are made of: meshes in their boxes, courses and back, rays, echoes, occlusion."""

import numpy as np
import pytest

from neurospike.datasets.calibration import Calibration
from neurospike.datasets.streets_world import annotate, materials, mesh, scanner, traffic
from neurospike.datasets.streets_world.encounters import windows
from neurospike.datasets.streets_world.road import Course, draw_road
from neurospike.datasets.streets_world.scanner import (
    BEAMS_DEG,
    Caster,
    Hits,
    hidden,
    incidence,
    rays,
    returned,
)
from neurospike.datasets.streets_world.world import Scan, Seen, World


@pytest.fixture(scope="module")
def world() -> World:
    return World((7, 0, 0), 4)


@pytest.mark.parametrize("kind", traffic.KINDS)
def test_meshes_fill_their_boxes(kind: str) -> None:
    for version in range(6):
        body, (length, width, height) = traffic.model(kind, (1, version))
        low, high = body.extent()
        mirrors = 0.101 if kind in ("car", "van") else 1e-6
        assert np.allclose((low[0], high[0]), (-length / 2, length / 2), atol=0.011)
        assert -width / 2 - mirrors <= low[1] <= -width / 2 + 1e-6
        assert width / 2 - 1e-6 <= high[1] <= width / 2 + mirrors
        assert low[2] >= -1e-9
        assert abs(high[2] - height) < 1e-6
        assert np.isfinite(body.corners).all()
        assert len(body.corners) == len(body.material) == len(body.label)


def test_cars_have_kitti_sizes() -> None:
    sizes = np.array([traffic.model("car", (2, k))[1] for k in range(400)])
    assert np.allclose(sizes.mean(axis=0), (3.88, 1.63, 1.53), atol=0.06)
    assert np.allclose(sizes.std(axis=0), (0.43, 0.10, 0.14), atol=0.05)


def test_a_kind_has_its_class() -> None:
    for kind, name in (("car", "car"), ("cyclist", "bicyclist"), ("pedestrian", "person")):
        body, _ = traffic.model(kind, (0,))
        assert set(body.label.tolist()) == {materials.CLASS[name]}


@pytest.mark.parametrize("bend", [0.0, 1e-5, 0.005, -0.005])
def test_courses_invert(bend: float) -> None:
    course = Course(3.0, -2.0, 0.7, bend)
    along, across = (axis.ravel() for axis in np.meshgrid([-40.0, 0.0, 90.0], [-30.0, 0.0, 25.0]))
    x, y, _ = course.at(along, across)
    back = course.of(x, y)
    assert np.allclose(back, (along, across), atol=1e-6)


def test_a_course_bends_to_its_left() -> None:
    x, y, heading = Course(0.0, 0.0, 0.0, 1 / 100).at(50 * np.pi, 0.0)
    assert np.allclose((x, y, heading), (100.0, 100.0, np.pi / 2))


def test_ground_is_road_within_the_lanes() -> None:
    road = draw_road(np.random.default_rng(0), 100.0)
    x, y, _ = road.course.at(np.linspace(0, 100, 50), 0.9)
    label, _ = road.ground(x, y)
    assert (label == materials.CLASS["road"]).all()
    far = road.course.at(road.crossings[0][0] + 25.0 if road.crossings else 25.0, 80.0)
    assert road.ground(np.atleast_1d(far[0]), np.atleast_1d(far[1]))[0].shape == (1,)


def test_beams_are_those_of_an_hdl_64e() -> None:
    assert len(BEAMS_DEG) == 64
    assert BEAMS_DEG[0] == 2.0
    assert np.isclose(BEAMS_DEG[31], -8.33, atol=0.01)
    assert BEAMS_DEG[32] == -8.83
    assert np.isclose(BEAMS_DEG[63], -24.33)
    assert (np.diff(BEAMS_DEG) < 0).all()
    whole, front = rays(), rays(84.0)
    assert whole.directions.shape == (64, 2150, 3)
    assert np.isclose(360 / 2150, 0.167, atol=0.001)
    assert np.abs(np.degrees(front.azimuth)).max() <= 42
    assert (np.diff(np.mod(whole.azimuth, 2 * np.pi)) > 0).all()
    # A part of the turn has the very rays of the whole.
    same = np.isin(whole.columns, front.columns)
    assert np.array_equal(whole.directions[:, same], front.directions)
    # Real frames: the 8 lowest rings lose 37 % of 2,150 points, the 10 above them some 9 %.
    assert 0.05 < hidden(whole).mean() < 0.07


def wall(distance: float, tilt: float, material: str) -> Hits:
    shape = (64, 200)
    return Hits(
        np.full(shape, distance, np.float32),
        np.full(shape, np.cos(tilt), np.float32),
        np.full(shape, materials.MATERIAL[material], np.int16),
        np.zeros(shape, np.int16),
        np.zeros(shape, np.int32),
    )


def test_echoes_fade_with_distance_angle_and_darkness() -> None:
    def share(*of: float | str) -> float:
        return float(returned(wall(*of), np.random.default_rng(0))[2].mean())  # type: ignore[arg-type]

    assert share(10.0, 0.0, "plaster") > 0.98
    assert share(75.0, 0.0, "paint_dark") < share(30.0, 0.0, "paint_dark")
    assert share(60.0, 1.54, "asphalt") < 0.5 * share(20.0, 1.54, "asphalt")
    assert share(10.0, 0.0, "car_glass") < 0.3
    assert share(100.0, 0.0, "sign") == 0
    assert share(np.inf, 0.0, "sign") == 0


def test_distances_have_two_centimetres_of_noise_and_intensities_their_order() -> None:
    measured, bright, kept = returned(wall(10.0, 0.0, "sign"), np.random.default_rng(1))
    assert abs(measured[kept].mean() - 10) < 0.001
    assert abs(measured[kept].std() - 0.02) < 0.001
    _, dark, _ = returned(wall(10.0, 0.0, "rubber"), np.random.default_rng(1))
    _, slanted, _ = returned(wall(10.0, 1.4, "sign"), np.random.default_rng(1))
    assert bright.mean() > slanted.mean() > dark.mean() >= 0
    assert bright.max() < 1


def test_rays_meet_a_box_where_it_is() -> None:
    caster = Caster(mesh.box((2, 2, 2), (5, 0, -1)))
    origins = np.zeros((3, 3), np.float32)
    directions = np.array([[1, 0, 0], [-1, 0, 0], [0.8, 0.6, 0]], np.float32)
    distance, _, normals = caster.cast(origins, directions)
    assert np.isclose(distance[0], 4)
    assert np.isclose(incidence(normals, directions)[0], 1)
    assert np.isinf(distance[1:]).all()


@pytest.mark.parametrize("field_deg", [360.0, 84.0])
def test_windows_hold_every_ray_that_may_meet_a_box(field_deg: float) -> None:
    part, rng = rays(field_deg), np.random.default_rng(0)
    look = part.directions.astype(np.float64)
    boxes = np.concatenate(
        [rng.uniform(-25, 25, (60, 2)), rng.uniform(-1.5, 1, (60, 1)),
         rng.uniform(0.5, 6, (60, 3)), rng.uniform(-4, 4, (60, 1))], axis=1,
    )  # fmt: skip
    boxes = boxes[np.hypot(boxes[:, 0], boxes[:, 1]) > 5]  # a car beside us is the nearest
    boxes[1, :2] = -20, 0  # across the end of the turn
    boxes[2, :2] = 20, 0  # across its beginning
    found = windows(boxes, part)
    for box, window in zip(boxes, found, strict=True):
        # Slabs: where a ray enters the last of three, and leaves the first.
        start, along = mesh.turned(-box[None, :3], -box[6]), mesh.turned(look, -box[6])
        with np.errstate(divide="ignore"):
            walls = np.stack([(side * box[3:6] / 2 - start) / along for side in (-1, 1)])
        enter, leave = walls.min(axis=0).max(axis=-1), walls.max(axis=0).min(axis=-1)
        meets = leave >= np.maximum(enter, 0)
        if window is not None:
            inside = np.zeros_like(meets)
            inside[window] = True
            meets &= ~inside
        assert not meets.any()
    if field_deg < 360:
        assert any(window is None for window in found)


def test_points_lie_in_the_boxes_of_their_objects(world: World) -> None:
    checked = 0
    for number in (0, 3):
        scan = world.scan(number)
        for seen in scan.seen:
            own = scan.points[scan.instance == seen.instance, :3].astype(np.float64)
            if len(own) < 10:
                continue
            offset = np.abs(mesh.turned(own - seen.box[:3], -seen.box[6]))
            beyond = (offset - seen.box[3:6] / 2).max(axis=1)
            assert beyond.max() < 0.2  # mirrors, and noise
            assert (beyond > 0.07).mean() < 0.12
            assert len(own) <= seen.reached <= seen.alone
            checked += 1
    assert checked > 20


def test_a_part_of_the_turn_sees_what_the_whole_sees(world: World) -> None:
    whole, front = world.scan(1), world.scan(1, 84.0)
    boxes = {seen.instance: seen for seen in whole.seen}
    for seen in front.seen:
        assert np.array_equal(seen.box, boxes[seen.instance].box)
        assert seen.reached <= boxes[seen.instance].reached


def test_worlds_repeat_by_key_whatever_was_scanned_before(world: World) -> None:
    fresh = World((7, 0, 0), 4).scan(2)
    assert np.array_equal(fresh.points, world.scan(2).points)
    assert not np.array_equal(fresh.points, World((7, 1, 0), 4).scan(2).points)


def test_annotators_leave_out_what_they_cannot_see() -> None:
    def seen(instance: int, x: float, alone: int, reached: int, name: str | None = "Car") -> Seen:
        box = np.array([x, 0.3 * instance, -0.9, 4.0, 1.7, 1.5, 0.1])
        return Seen(name, instance, box, alone, reached)

    actors = (
        seen(1, 12, 100, 95),
        seen(2, 15, 100, 60),
        seen(3, 18, 100, 20),
        seen(4, 20, 100, 3),  # too few points: a region
        seen(5, 22, 100, 0),  # no point: nothing
        seen(6, 78, 50, 50),  # too far: a region
        seen(7, -20, 100, 100),  # behind the camera
        seen(8, 25, 100, 100, name=None),
    )
    points_of = np.array([0, 90, 50, 15, 3, 0, 40, 0, 80])
    empty = np.zeros(0, np.int64)
    scan = Scan(np.zeros((0, 4), np.float32), empty, empty, np.eye(4), actors, 8)
    camera = Calibration.typical()
    made = annotate.annotate(scan, points_of, camera)
    boxes, names, level, regions = made
    assert names == ("Car",) * 3
    assert boxes[:, 0].tolist() == [12, 15, 18]
    assert level.tolist() == [0, 1, 2]
    assert regions.shape == (2, 4)
    objects = annotate.objects_of(made, camera)
    assert objects.names == ("Car", "Car", "Car", "DontCare", "DontCare")
    assert objects.occluded.tolist() == [0, 1, 2, -1, -1]
    assert (objects.bbox[:, 2] > objects.bbox[:, 0]).all()
    none = annotate.annotate(Scan(scan.points, empty, empty, np.eye(4), (), 0), points_of, camera)
    assert len(annotate.objects_of(none, camera)) == 0


def test_open3d_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurospike.errors import MissingExtraError

    monkeypatch.setitem(__import__("sys").modules, "open3d.t.geometry", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        scanner.raycasting()
