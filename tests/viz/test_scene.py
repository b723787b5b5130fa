"""Scenes: boxes stand where they are said to, pictures are whole files, pages ask nobody."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike import viz
from neurospike.errors import ArgumentError, BackendUnavailableError, DataError
from neurospike.viz.scene import EDGES, box_corners, ground_height, heading_ticks
from neurospike.viz.scene_bird import default_region
from neurospike.viz.scene_page import scene_figure
from neurospike.viz.scene_perspective import Eye, default_eye
from neurospike.viz.scene_style import CLASS_COLOURS, box_colour, class_colour, point_colours
from neurospike.viz.scene_window import scene_geometries

RNG = np.random.default_rng(0)
CLOUD = np.concatenate(
    [RNG.uniform(-40, 40, (800, 2)), RNG.normal(-1.7, 0.05, (800, 1)), RNG.random((800, 1))], 1
)
CAR = [12.0, 3.0, -0.9, 4.0, 1.6, 1.5, 0.3]
BEHIND = [-9.0, -2.0, -0.9, 0.8, 0.6, 1.8, 3.0]
LABELLED = viz.scene_boxes([CAR, BEHIND], ["Car", "Pedestrian"])
DETECTED = viz.scene_boxes([CAR], ["Car"], [0.9])
NOTHING = viz.scene_boxes([], [])

SCENES = {
    "empty": viz.scan_scene(np.empty((0, 4))),
    "one point": viz.scan_scene([[1.0, 2.0, 3.0]]),
    "points": viz.scan_scene(CLOUD),
    "labels": viz.scan_scene(CLOUD, labelled=LABELLED),
    "both": viz.scan_scene(CLOUD, labelled=LABELLED, detected=DETECTED),
    "nothing found": viz.scan_scene(CLOUD, labelled=LABELLED, detected=NOTHING),
    "classes": viz.scan_scene(
        CLOUD, point_labels=RNG.integers(-1, 3, 800), classes=("car", "road", "my own")
    ),
}


def test_corners_are_turned_about_the_centre_and_keep_the_edges() -> None:
    boxes = np.array([CAR, BEHIND])
    corners = box_corners(boxes)
    assert np.allclose(corners.mean(axis=1), boxes[:, :3])
    lengths = np.linalg.norm(np.diff(corners[:, np.array(EDGES)], axis=2)[:, :, 0], axis=-1)
    assert np.allclose(np.sort(lengths), np.sort(np.repeat(boxes[:, 3:6], 4, axis=1)))
    front = corners[:, [0, 3, 4, 7], :2].mean(axis=1) - boxes[:, :2]
    assert np.allclose(np.arctan2(front[:, 1], front[:, 0]), boxes[:, 6])


def test_ticks_point_ahead_on_the_ground() -> None:
    ((foot, tip),) = heading_ticks(np.array([[0.0, 0, 0, 4, 2, 1.5, np.pi / 2]]))
    assert np.allclose(foot, [0, 0, -0.75])
    assert np.allclose(tip, [0, 2 + 1.3, -0.75])


def test_what_is_not_finite_is_left_out_with_its_label() -> None:
    points = np.array([[1.0, 1, 1, 0], [np.nan, 1, 1, 0], [2.0, 2, 2, 0]])
    shown = viz.scan_scene(points, point_labels=np.array([0, 1, 2]), classes="abc")
    assert shown.points[:, 0].tolist() == [1.0, 2.0]
    assert shown.point_labels is not None
    assert shown.point_labels.tolist() == [0, 2]


def test_the_ground_is_where_the_low_points_are() -> None:
    assert ground_height(CLOUD) == pytest.approx(-1.7, abs=0.15)
    assert ground_height(np.empty((0, 4))) == 0.0


def test_the_eye_sees_ahead_in_the_middle_and_left_to_the_left() -> None:
    eye = Eye(np.array([-10.0, 0, 5]), np.array([10.0, 0, 0]), wide_deg=60)
    middle, left, above = eye.see(np.array([[10.0, 0, 0], [10.0, 3, 0], [10.0, 0, 2]]))
    assert np.allclose(middle[:2], 0)
    assert middle[2] == pytest.approx(np.hypot(20, 5))
    assert left[0] < 0 < above[1]
    # At the edge of the picture stands what is half the angle away.
    edge = eye.place + middle[2] * (eye.axes[2] + np.tan(np.pi / 6) * eye.axes[0])
    assert eye.see(edge)[0] == pytest.approx(1.0)


def test_lines_are_cut_where_they_pass_behind_the_eye() -> None:
    eye = Eye(np.zeros(3), np.array([1.0, 0, 0]))
    ahead, across, behind = [[2.0, 0, 0], [4, 1, 0]], [[-4.0, 1, 0], [4, 1, 0]], [[-1.0, 0, 0]] * 2
    lines = eye.see_lines(np.array([ahead, across, behind]))
    assert lines.shape == (2, 2, 2)
    assert np.isfinite(lines).all()
    assert np.allclose(lines[1, 1], eye.see(np.array([4.0, 1, 0]))[:2])
    assert np.allclose(lines[1, 0], eye.see(np.array([0.5, 1, 0]))[:2])


def test_a_scan_with_boxes_ahead_is_shown_from_the_sensor_on() -> None:
    ahead = default_region(viz.scan_scene(CLOUD, labelled=DETECTED))
    around = default_region(SCENES["labels"])
    assert -10 < ahead[0] < 0 < ahead[2]
    assert around[0] == -around[2]
    assert around[2] >= 40


def test_classes_have_colours_of_their_own() -> None:
    assert len(set(CLASS_COLOURS.values())) == 19
    flat = CLOUD.copy()
    flat[:, 3] = 0
    labels = np.arange(800) % 4 - 1
    shown = viz.scan_scene(flat, point_labels=labels, classes=("car", "road", "my own"))
    colours = point_colours(shown)
    assert np.unique(colours, axis=0).shape == (4, 3)
    assert np.allclose(colours[labels == 1], 0.85 * np.array(class_colour("road", 1)))
    assert len({box_colour(name) for name in ("Car", "Pedestrian", "Cyclist", "Van")}) == 4
    assert box_colour("my own") == box_colour("my own")


def test_brighter_points_reflect_more() -> None:
    low, high = (viz.scan_scene([[5.0, 0, 0, shine]]) for shine in (0.0, 1.0))
    assert point_colours(low).sum() < point_colours(high).sum()


@pytest.mark.parametrize("view", ["both", "bird", "perspective"])
@pytest.mark.parametrize("name", SCENES)
def test_a_picture_is_one_file(tmp_path: Path, name: str, view: Any) -> None:
    path = tmp_path / "deep" / "scene.png"
    assert viz.scene_picture(SCENES[name], path, view=view) == path
    assert path.read_bytes().startswith(b"\x89PNG")
    assert os.listdir(path.parent) == [path.name]


def test_pictures_are_equal_files_for_equal_scenes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        viz.scene_picture(SCENES["both"], tmp_path / name, region=(-20, -10, 20, 10))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda out: viz.scan_scene(np.zeros((3, 2))), r"\(N, 3\) or \(N, 4\)"),
        (lambda out: viz.scan_scene(CLOUD, point_labels=[0]), "one integer a point"),
        (lambda out: viz.scan_scene(CLOUD, point_labels=np.zeros(800)), "one integer a point"),
        (lambda out: viz.scan_scene(CLOUD, point_labels=np.full(800, 2), classes="ab"), r"-1\.\.1"),
        (lambda out: viz.scene_boxes(np.zeros((2, 6)), ["a", "b"]), r"\(M, 7\)"),
        (lambda out: viz.scene_boxes([CAR], []), "one a box"),
        (lambda out: viz.scene_boxes([CAR], ["Car"], [1.0, 2.0]), "one a box"),
        (lambda out: viz.scene_boxes([[0, 0, 0, -1, 1, 1, 0]], ["Car"]), "0 m or more"),
        (lambda out: viz.scene_boxes([[np.nan] * 7], ["Car"]), "finite"),
        (lambda out: viz.scene_picture(SCENES["points"], out, view="top"), "must be one of"),
        (lambda out: viz.scene_picture(SCENES["points"], out, region=(1, 0, 1, 2)), "low below"),
        (lambda out: viz.scene_page("none", [], out), "one scene or more"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(tmp_path: Path, call: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        call(tmp_path / "out.png")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written"):
        viz.scene_picture(SCENES["points"], tmp_path / "file" / "a.png")


def test_a_figure_thins_points_and_keeps_every_box() -> None:
    many = np.tile(CLOUD, (60, 1))
    spec = scene_figure(viz.scan_scene(many, labelled=LABELLED, detected=DETECTED))
    traces = {trace["name"]: trace for trace in spec["data"]}
    assert len(traces["points"]["x"]) == 30_000
    assert set(traces) >= {"Car", "Car (label)", "Pedestrian (label)"}
    assert len(traces["Car"]["x"]) == 3 * (12 + 1)
    assert "Car 0.90, 12.4 m (detection)" in traces["Car"]["text"]


def test_classes_of_points_are_traces_of_their_own() -> None:
    names = {trace["name"] for trace in scene_figure(SCENES["classes"])["data"]}
    assert names >= {"car", "road", "my own", "unlabelled"}


def test_a_page_holds_its_scenes_and_escapes_their_titles(tmp_path: Path) -> None:
    shown = viz.scan_scene(CLOUD, detected=DETECTED, title="</script><b>scan")
    path = viz.scene_page(
        "A <page>", [shown, SCENES["empty"]], tmp_path / "p.html", tables={"t": [{"a": 1}]}
    )
    text = path.read_text(encoding="utf-8")
    assert "<title>A &lt;page&gt;</title>" in text
    assert "</script><b>scan" not in text
    assert text.count('class="plot"') == 2


def test_a_window_needs_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert not viz.has_display()
    with pytest.raises(BackendUnavailableError, match="needs a screen"):
        viz.scene_window(SCENES["points"])
    monkeypatch.setenv("DISPLAY", ":0")
    assert viz.has_display()


def test_a_window_gets_points_and_lines() -> None:
    pytest.importorskip("open3d")
    cloud, detections, labels = scene_geometries(SCENES["both"])
    assert len(cloud.points) == len(cloud.colors) == 800
    assert len(detections.lines) == len(detections.colors) == 13
    assert len(labels.lines) == 26


def test_the_default_eye_looks_ahead_from_behind() -> None:
    eye = default_eye(SCENES["points"])
    assert eye.place[0] < 0 < eye.axes[2][0]
