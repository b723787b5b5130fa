"""KITTI's average precision against figures worked out by hand.

80 objects that are all found fill the 41 recall positions with 1, 2, 4, ..., 80 hits.
"""

import json
from dataclasses import replace
from math import cos, isnan, nan, pi, sin
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import kitti_labels, read_objects, write_objects
from neurospike.datasets.objects import Objects
from neurospike.errors import ArgumentError
from neurospike.metrics import KittiAP, kitti_ap
from neurospike.metrics.kitti_result import MEASURES
from neurospike.metrics.kitti_rules import (
    DIFFICULTIES,
    MAX_OCCLUDED,
    MAX_TRUNCATED,
    MIN_HEIGHT_PX,
)
from tests.metrics.scenes import SIZES, both, moved, regions, row, scored

HITS = [1, *range(2, 81, 2)]


def cars(labels: Objects, detections: Objects, **options: object) -> KittiAP:
    return kitti_ap([labels], [detections], classes=["Car"], **options)  # type: ignore[arg-type]


def every(result: KittiAP) -> set[float]:
    return {
        result[name, measure, level, points]
        for name in result.classes
        for measure in MEASURES
        for level in DIFFICULTIES
        for points in (40, 11)
    }


def both_averages(precision: list[float]) -> dict[int, float]:
    return {40: 100 * sum(precision[1:]) / 40, 11: 100 * sum(precision[::4]) / 11}


def test_ground_truth_is_perfect_in_every_metric() -> None:
    frames = []
    for count in (0, 1, 30, 50):
        parts = [row(count, name, lane=20 * (i + 1)) for i, name in enumerate(SIZES)]
        extra = [row(3, name, lane=90) for name in ("Van", "Person_sitting", "Truck")]
        frames.append(both(*parts, *extra, regions((0, 0, 300, 300))))
    result = kitti_ap(frames, [scored(frame, np.ones(len(frame))) for frame in frames])
    assert every(result) == {100.0}
    assert result.objects["Car", "easy"] == 81
    assert result.mean() == 100.0
    assert result.frames == 4


def test_one_false_alarm_by_its_place_among_the_scores() -> None:
    labels, hits = row(80), scored(row(80), np.linspace(0.9, 0.1, 80))
    alarm = row(1, lane=200, top=600)
    # Best of all: one alarm beside any number of hits, and later positions are better.
    first = cars(labels, both(hits, scored(alarm, [0.95])))
    assert first["Car", "3d", "easy", 40] == pytest.approx(100 * 80 / 81)
    assert first["Car", "2d", "hard", 11] == pytest.approx(100 * 80 / 81)
    # Between the 40th and the 41st hit: positions with 40 hits or fewer are untouched.
    middle = cars(labels, both(hits, scored(alarm, [hits.score[39:41].mean()])))
    expected = both_averages([1.0 if count <= 40 else 80 / 81 for count in HITS])
    for points, value in expected.items():
        assert middle["Car", "bev", "moderate", points] == pytest.approx(value)
        assert middle["Car", "aos", "moderate", points] == pytest.approx(value)
    assert expected[40] == pytest.approx(100 * (20 + 20 * 80 / 81) / 40)
    # Worse than every hit: no threshold reaches it.
    assert every(cars(labels, both(hits, scored(alarm, [0.05])))) == {100.0}


def test_missed_objects_leave_positions_empty() -> None:
    result = cars(row(80), scored(row(40)))
    expected = both_averages([1.0] * 21 + [0.0] * 20)
    assert expected == {40: 50.0, 11: pytest.approx(100 * 6 / 11)}
    for points, value in expected.items():
        assert result["Car", "3d", "easy", points] == pytest.approx(value)
    nothing = cars(row(80), scored(row(0)))
    assert every(nothing) == {0.0}


def test_fewer_objects_than_positions_cannot_reach_100() -> None:
    for count, r40, r11 in [(1, 0, 1), (5, 4, 2), (40, 39, 10), (41, 40, 11)]:
        result = cars(row(count), scored(row(count)))
        assert result["Car", "3d", "easy", 40] == pytest.approx(100 * r40 / 40)
        assert result["Car", "3d", "easy", 11] == pytest.approx(100 * r11 / 11)
        assert ("fewer than 41 objects" in result.table()) == (count < 41)


def test_a_second_detection_of_one_object_is_a_false_alarm() -> None:
    twice = both(scored(row(80), np.full(80, 0.8)), scored(moved(row(80), alpha=1.0), [0.9] * 80))
    result = cars(row(80), twice)
    assert result["Car", "3d", "easy", 40] == pytest.approx(100.0)  # at 0.9, no copy is left
    same = both(scored(row(80), np.full(80, 0.9)), scored(row(80), np.full(80, 0.9)))
    assert cars(row(80), same)["Car", "3d", "easy", 40] == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("name", "axis", "passes", "fails"),
    [
        # Shifted by s along an edge e, boxes share (e - s) / (e + s).
        ("Car", 2, 0.70, 0.71),  # e = 4 m, least 0.7: s = 0.7059
        ("Pedestrian", 2, 0.26, 0.27),  # e = 0.8 m, least 0.5: s = 0.2667
        ("Cyclist", 0, 0.19, 0.21),  # e = 0.6 m, least 0.5: s = 0.2
    ],
)
def test_shifts_on_the_ground(name: str, axis: int, passes: float, fails: float) -> None:
    labels = row(50, name)
    for shift, expected in ((passes, 100.0), (fails, 0.0), (-passes, 100.0), (-fails, 0.0)):
        by = shift * np.eye(3)[axis]
        result = kitti_ap([labels], [scored(moved(labels, location=by))], classes=[name])
        assert result[name, "bev", "easy", 40] == expected
        assert result[name, "3d", "easy", 40] == expected
        assert result[name, "2d", "easy", 40] == 100.0


def test_a_shift_in_height_is_seen_in_3d_only() -> None:
    labels = row(50)
    for shift, expected in ((0.26, 100.0), (0.27, 0.0)):  # e = 1.5 m, least 0.7: s = 0.2647
        result = cars(labels, scored(moved(labels, location=np.array([0, shift, 0]))))
        assert result["Car", "3d", "easy", 40] == expected
        assert result["Car", "bev", "easy", 40] == 100.0


def test_boxes_stand_on_their_location_and_turn_about_y() -> None:
    labels = row(50)
    low = replace(labels, dimensions=labels.dimensions - [0.3, 0, 0])
    for up, expected in ((0.0, 100.0), (0.3, 100.0), (-0.3, 0.0)):  # within, within, below
        result = cars(labels, scored(moved(low, location=np.array([0, -up, 0]))))
        assert result["Car", "3d", "easy", 40] == expected
    turned = replace(labels, rotation_y=np.full(50, 0.5))
    ahead = np.array([cos(0.5), 0, -sin(0.5)])  # along the length: shares 3.35 / 4.65
    assert (
        cars(turned, scored(moved(turned, location=0.65 * ahead)))["Car", "bev", "easy", 40]
        == 100.0
    )
    mirrored = ahead * [1, 1, -1]
    assert (
        cars(turned, scored(moved(turned, location=0.65 * mirrored)))["Car", "bev", "easy", 40]
        == 0.0
    )


def test_a_shift_in_the_image_is_seen_in_2d_only() -> None:
    labels = row(50)
    for shift, expected in ((14.0, 100.0), (14.2, 0.0)):  # 80 pixels wide: s = 14.12
        result = cars(labels, scored(moved(labels, bbox=np.array([shift, 0, shift, 0]))))
        assert result["Car", "2d", "easy", 40] == expected
        assert result["Car", "aos", "easy", 40] == expected
        assert result["Car", "3d", "easy", 40] == 100.0


def test_a_quarter_turn_is_a_cross() -> None:
    """4 x 2 across 2 x 4 shares 4 of 12; a half turn changes nothing."""
    labels = row(50)
    quarter = scored(moved(labels, rotation_y=pi / 2))
    assert cars(labels, quarter)["Car", "bev", "easy", 40] == 0.0
    assert cars(labels, quarter, overlaps={"Car": 0.33})["Car", "bev", "easy", 40] == 100.0
    assert cars(labels, scored(moved(labels, rotation_y=pi)))["Car", "3d", "easy", 40] == 100.0


def test_the_least_overlap_itself_is_too_little() -> None:
    labels = row(50)
    half = scored(replace(labels, bbox=labels.bbox - [0, 0, 40, 0]))
    assert cars(labels, half, overlaps={"Car": 0.5})["Car", "2d", "easy", 40] == 0.0
    assert cars(labels, half, overlaps={"Car": 0.49})["Car", "2d", "easy", 40] == 100.0


def test_directions_weigh_hits() -> None:
    labels = row(80)
    for turn in (0.0, 0.4, pi / 2, pi, 7.0):
        result = cars(labels, scored(moved(labels, alpha=turn)))
        assert result["Car", "2d", "easy", 40] == 100.0
        assert result["Car", "aos", "easy", 40] == pytest.approx(50 * (1 + cos(turn)))
    unknown = cars(labels, scored(replace(labels, alpha=np.full(80, -10.0))))
    assert isnan(unknown["Car", "aos", "easy", 40])
    assert unknown["Car", "2d", "easy", 40] == 100.0


def test_an_extra_overlap_is_an_argument() -> None:
    labels = row(50)
    loose = scored(moved(labels, location=np.array([0, 0, 1.0])))  # shares 3 / 5
    assert cars(labels, loose)["Car", "3d", "easy", 40] == 0.0
    result = cars(labels, loose, overlaps={"Car": 0.5})
    assert result["Car", "3d", "easy", 40] == 100.0
    assert result.overlaps == {"Car": 0.5}
    vans = replace(labels, names=("Van",) * 50)
    other = kitti_ap([vans], [scored(vans)], classes=["Van"], overlaps={"Van": 0.7})
    assert other["Van", "3d", "easy", 40] == 100.0


@pytest.mark.parametrize(
    ("field", "value", "counted"),
    [
        ("occluded", 0, (50, 50, 50)),
        ("occluded", 1, (0, 50, 50)),
        ("occluded", 2, (0, 0, 50)),
        ("occluded", 3, (0, 0, 0)),
        ("truncated", 0.15, (50, 50, 50)),
        ("truncated", 0.16, (0, 50, 50)),
        ("truncated", 0.3, (0, 50, 50)),
        ("truncated", 0.5, (0, 0, 50)),
        ("truncated", 0.51, (0, 0, 0)),
        ("height", 40.5, (50, 50, 50)),
        ("height", 40.0, (0, 50, 50)),
        ("height", 25.5, (0, 50, 50)),
        ("height", 25.0, (0, 0, 0)),
    ],
)
def test_hard_objects_are_neither_missed_nor_found(
    field: str, value: float, counted: tuple[int, int, int]
) -> None:
    easy, hard = row(50), row(50, lane=60, top=300)
    if field == "height":
        hard = replace(hard, bbox=hard.bbox - [0, 0, 0, 60 - value])
    else:
        kind = getattr(hard, field).dtype
        hard = replace(hard, **{field: np.full(50, value, kind)})
    found, all_found = scored(easy), both(scored(easy), scored(hard, np.ones(50)))
    assert every(cars(both(easy, hard), all_found)) == {100.0}
    missed = cars(both(easy, hard), found)
    for level, extra in zip(DIFFICULTIES, counted, strict=True):
        assert missed.objects["Car", level] == 50 + extra
        expected = 100.0 if not extra else 50.0
        assert missed["Car", "3d", level, 40] == pytest.approx(expected)


def test_neighbours_and_other_classes() -> None:
    labels, found = row(50), scored(row(50))
    near = row(50, lane=60, top=300)
    for label, name, alarm in [
        ("Van", "Car", False),
        ("van", "CAR", False),
        ("Truck", "Car", True),
        ("Pedestrian", "Car", True),
        ("Person_sitting", "Pedestrian", False),
        ("Cyclist", "Pedestrian", True),
    ]:
        official = name.capitalize()
        own = replace(labels, names=(official,) * 50)
        third = replace(near, names=(label,) * 50)
        detections = both(
            replace(found, names=(name,) * 50), scored(replace(near, names=(name,) * 50), [1] * 50)
        )
        result = kitti_ap([both(own, third)], [detections], classes=[official])
        hits = [count / (count + 50) for count in HITS[:1] + list(range(1, 51))]
        expected = 100 * hits[-1] if alarm else 100.0
        assert result[official, "3d", "easy", 40] == pytest.approx(expected), label
        assert result.objects[official, "easy"] == 50


def test_small_detections_are_ignored() -> None:
    labels = row(50)
    specks = row(50, lane=200, top=600)
    for height, levels in [(24.9, ()), (25.0, ("moderate", "hard")), (40.0, DIFFICULTIES)]:
        small = replace(specks, bbox=specks.bbox - [0, 0, 0, 60 - height])
        result = cars(labels, both(scored(labels), scored(small, np.ones(50))))
        for level in DIFFICULTIES:
            expected = 50.0 if level in levels else 100.0
            assert result["Car", "3d", level, 40] == pytest.approx(expected)


def test_regions_forgive_in_the_image_by_the_detections_own_area() -> None:
    labels, stray = row(50), row(1, lane=200, top=600)
    detections = both(scored(labels), scored(stray, [1.0]))
    left, top, right, bottom = stray.bbox[0]
    for share, forgiven in [(1.0, True), (0.71, True), (0.69, False)]:
        region = regions((left - 500, top - 50, left + share * (right - left), bottom + 50))
        result = cars(both(labels, region), detections)
        expected = 100.0 if forgiven else pytest.approx(100 * 50 / 51)
        assert result["Car", "2d", "easy", 40] == expected
        assert result["Car", "aos", "easy", 40] == expected
        # A region has no place in space.
        assert result["Car", "3d", "easy", 40] == pytest.approx(100 * 50 / 51)
        assert result["Car", "bev", "easy", 40] == pytest.approx(100 * 50 / 51)
    halves = regions((left, top, left + 40, bottom), (left + 40, top, right, bottom))
    split = cars(both(labels, halves), detections)
    assert split["Car", "2d", "easy", 40] == pytest.approx(100 * 50 / 51)  # 0.5 each: no region


def test_regions_among_the_detections_are_no_detections() -> None:
    labels = row(50)
    low = replace(labels, bbox=labels.bbox - [0, 0, 0, 19.5])  # 40.5 pixels
    region = replace(low, names=("DontCare",) * 50, bbox=low.bbox - [0, 0, 0, 1])
    detections = both(scored(low), scored(region, np.ones(50)))
    assert cars(low, detections)["Car", "2d", "easy", 40] == 100.0


def test_nothing_to_find_is_not_zero() -> None:
    empty = row(0)
    result = kitti_ap([empty, empty], [scored(empty), scored(row(3))])
    assert all(isnan(value) for value in every(result))
    assert isnan(result.mean())
    assert json.loads(result.to_json())["ap"]["Car"]["3d"]["hard"] == {"R40": None, "R11": None}
    mixed = kitti_ap([row(50)], [scored(row(50))])
    assert mixed.mean() == 100.0  # of the one class that is there
    assert isnan(mixed["Cyclist", "2d", "easy", 11])


def test_limits_are_those_of_the_data_set() -> None:
    """Metrics import no data sets, so both have them."""
    ours = (DIFFICULTIES, MIN_HEIGHT_PX, MAX_OCCLUDED, MAX_TRUNCATED)
    theirs = (kitti_labels.LEVELS, kitti_labels.MIN_HEIGHT)
    assert ours == (*theirs, kitti_labels.MAX_OCCLUDED, kitti_labels.MAX_TRUNCATED)


def test_an_empty_result_file_is_a_frame_without_detections(tmp_path: Path) -> None:
    cars = row(50)
    write_objects(tmp_path / "0.txt", Objects.empty(scored=True))
    result = kitti_ap([cars, row(1)], [scored(cars), read_objects(tmp_path / "0.txt")])
    assert result.frames == 2
    assert result["Car", "3d", "moderate", 40] == pytest.approx(97.5)


def test_boxes_without_size_find_nothing() -> None:
    labels = row(50)
    for change in ({"dimensions": np.zeros((50, 3))}, {"bbox": np.zeros((50, 4))}):
        flat = replace(scored(labels), **change)
        values = every(cars(labels, flat))
        assert not any(isnan(value) for value in values)
        assert 0.0 in values
    twins = both(labels, replace(labels, dimensions=np.zeros((50, 3))))
    assert cars(twins, scored(labels))["Car", "3d", "easy", 40] == pytest.approx(50.0)


def test_frames_are_kept_apart_and_their_order_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    labels = [row(count) for count in rng.integers(0, 12, 30)]
    detections = [
        scored(moved(part, location=rng.normal(0, 0.4, (len(part), 3))), rng.random(len(part)))
        for part in labels
    ]
    forward = kitti_ap(labels, detections, classes=["Car"])
    backward = kitti_ap(labels[::-1], detections[::-1], classes=["Car"])
    assert every(forward) == every(backward)
    assert 0 < forward["Car", "3d", "easy", 40] < 100
    shifted = kitti_ap(labels, [*detections[1:], detections[0]], classes=["Car"])
    assert shifted["Car", "3d", "easy", 40] != forward["Car", "3d", "easy", 40]


def test_table_and_json_say_the_same() -> None:
    result = kitti_ap([row(80)], [scored(row(40))], classes=["Car", "Cyclist"])
    lines = result.table().splitlines()
    assert lines[0].split()[:3] == ["class", "measure", "overlap"]
    assert lines[3].split() == ["Car", "3d", "0.7", *["50.00"] * 3, *["54.55"] * 3]
    assert lines[6].split()[3:] == ["-"] * 6
    assert "Car 80 / 80 / 80, Cyclist 0 / 0 / 0; 1 frames" in result.table()
    document = json.loads(result.to_json())
    assert document["ap"]["Car"]["3d"]["easy"] == {"R40": 50.0, "R11": pytest.approx(600 / 11)}
    assert document["objects"]["Car"] == {"easy": 80, "moderate": 80, "hard": 80}
    assert document["overlaps"] == {"Car": 0.7, "Cyclist": 0.5}


def test_unknown_keys_are_named() -> None:
    result = cars(row(1), scored(row(1)))
    with pytest.raises(ArgumentError, match="must be among Car; got 'Cyclist'"):
        result["Cyclist", "3d", "easy", 40]
    with pytest.raises(ArgumentError, match="must be among 2d, bev, 3d, aos; got '3D'"):
        result["Car", "3D", "easy", 40]
    with pytest.raises(ArgumentError, match="must be among 40, 11; got 41"):
        result["Car", "3d", "easy", 41]
    with pytest.raises(ArgumentError, match=r"must be \(class, measure"):
        result["Car"]  # type: ignore[index]


def test_bad_frames_are_named() -> None:
    good, found = row(2), scored(row(2))
    short = replace(found, alpha=np.zeros(3))
    unknown = replace(found, location=np.full((2, 3), nan))
    negative = replace(found, dimensions=-found.dimensions)
    cases = [
        ([], [], "as many frames as labels, and at least one; got 0 for 0"),
        ([good], [found, found], "got 2 for 1"),
        ([good], [good], r"detections\[0\]\.score: detections need scores"),
        ([good, good], [found, short], r"detections\[1\]\.alpha: must have a row for each of 2"),
        ([good], [unknown], r"detections\[0\]: values must be finite; .* row 0 \(Car\)"),
        ([good], [negative], r"detections\[0\]\.dimensions: must lie within"),
        ([negative], [found], r"labels\[0\]\.dimensions: must lie within"),
    ]
    for labels, detections, message in cases:
        with pytest.raises(ArgumentError, match=message):
            kitti_ap(labels, detections)


def test_bad_classes_are_named() -> None:
    frames = [row(1)], [scored(row(1))]
    with pytest.raises(ArgumentError, match=r"classes: must be a list of class names; got 'Car'"):
        kitti_ap(*frames, classes="Car")
    with pytest.raises(ArgumentError, match=r"must be among Car, Pedestrian, Cyclist; got 'Tram'"):
        kitti_ap(*frames, classes=["Tram"])
    with pytest.raises(ArgumentError, match=r"overlaps: must lie within 0\.\.1; got 1\.5"):
        kitti_ap(*frames, overlaps={"Car": 1.5})
