"""From scans to boxes and pictures on the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike import models
from neurospike.cli.main import main
from neurospike.datasets.calibration import Calibration
from neurospike.datasets.kitti_labels import read_objects, write_objects
from neurospike.datasets.semantic_kitti_labels import CLASSES, read_labels, write_labels
from neurospike.runtime import read_boxes, write_boxes
from neurospike.train import load_recipe

RANGE = (0.0, -10.0, -3.0, 20.0, 10.0, 1.0)
CAR = [[9.0, 1.0, -0.9, 3.9, 1.6, 1.5, 0.2]]


def small_detector(path: Path, **changes: Any) -> Path:
    arguments: dict[str, Any] = {
        "point_range": RANGE, "voxel_size": (0.5, 0.5, 0.5), "stem": 4, "channels": (4, 4),
        "blocks": 1, "out_channels": 8, "bev_channels": (8,), "bev_layers": (1,),
        "up_channels": 8, **changes,
    }  # fmt: skip
    models.save(models.create("e3dsnn_detector", **arguments), path)
    return path


def write_scan(path: Path, points: int = 700, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    place = rng.uniform((-20, -10, -2), (20, 10, 0.5), (points, 3))
    rows = np.concatenate([place, rng.random((points, 1))], axis=1).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.tofile(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scan, its camera, labels of both kinds, a detector; no display."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.chdir(tmp_path)
    write_scan(tmp_path / "scan.bin")
    small_detector(tmp_path / "net.safetensors")
    calibration = Calibration.typical()
    calibration.write(tmp_path / "calib.txt")
    write_objects(tmp_path / "label.txt", calibration.objects_of(CAR, ["Car"]))
    write_labels(tmp_path / "scan.label", np.arange(700) % 20 - 1)
    write_boxes(tmp_path / "true.json", CAR, ["Car"], [0.9], classes=("Car",))
    return tmp_path


def detect(*arguments: str) -> int:
    return main(["detect", *arguments, "--ckpt", "net.safetensors"])


def test_a_scan_becomes_a_file_of_boxes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect("scan.bin", "--score", "0", "--out", "boxes.json") == 0
    out = capsys.readouterr().out
    found = read_boxes(folder / "boxes.json")
    assert found.classes == ("Car", "Pedestrian", "Cyclist")
    assert found.scan == "scan.bin"
    assert found.meta["points"] == 700
    assert 0 < len(found.boxes) <= 100
    assert "scan.bin: " in out
    assert "boxes: boxes.json" in out


def test_nothing_found_is_a_file_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect("scan.bin", "--score", "0.99", "--out", "boxes.json") == 0
    assert read_boxes(folder / "boxes.json").boxes.shape == (0, 7)
    assert "nothing found" in capsys.readouterr().out


def test_a_calibration_crops_and_gives_kittis_results(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--calib", "calib.txt", "--kitti-out", "result.txt", "--json", "--score", "0"]
    assert detect("scan.bin", "--out", "boxes.json", *arguments) == 0
    document = json.loads(capsys.readouterr().out)
    (row,) = document["scans"]
    scan = np.fromfile("scan.bin", np.float32).reshape(-1, 4)
    assert row["outside_image"] == int((~Calibration.typical().in_image(scan)).sum()) > 0
    assert document["latency"]["scans"] == 1
    results = read_objects(folder / "result.txt")
    assert results.score is not None
    assert 0 < len(results) <= len(read_boxes(folder / "boxes.json").boxes)
    assert (results.bbox[:, 2:] > results.bbox[:, :2]).all()


def test_many_scans_have_a_file_each_and_a_latency(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write_scan(folder / "velodyne" / f"{number:06}.bin", 50 * number + 1, seed=number)
    options = ["--calib", "calib.txt", "--kitti-out", "results"]
    assert detect("velodyne", "scan.bin", "--out", "boxes", *options) == 0
    names = sorted(path.name for path in (folder / "boxes").iterdir())
    assert names == ["000000.json", "000001.json", "000002.json", "scan.json"]
    assert len(list((folder / "results").iterdir())) == 4
    out = capsys.readouterr().out
    assert "4 scans: p50" in out
    assert "p99" in out


def test_a_folder_of_one_scan_gives_a_folder_too(folder: Path) -> None:
    write_scan(folder / "velodyne" / "000007.bin", 60)
    assert detect("velodyne", "--out", "boxes") == 0
    assert [path.name for path in (folder / "boxes").iterdir()] == ["000007.json"]


def test_points_that_are_not_finite_are_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.fromfile("scan.bin", np.float32).reshape(-1, 4)
    rows[:7, 2] = np.nan
    rows.tofile("holes.bin")
    assert detect("holes.bin", "--out", "boxes.json") == 0
    assert "700 points, 7 not finite" in capsys.readouterr().out


def test_relative_features_are_made_for_networks_that_take_them(folder: Path) -> None:
    small_detector(folder / "net.safetensors", in_features=7)
    assert detect("scan.bin", "--out", "boxes.json") == 0


def test_a_scan_is_drawn_beside_its_boxes(folder: Path) -> None:
    assert detect("scan.bin", "--out", "b.json", "--figure", "b.png", "--html", "b.html") == 0
    assert Path("b.png").read_bytes().startswith(b"\x89PNG")
    assert "Objects in scan.bin" in Path("b.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("option", "place"),
    [("--figure", "file/b.png"), ("--html", "file/b.html"), ("--figure", "b.gif")],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_file(
    folder: Path, capsys: pytest.CaptureFixture[str], option: str, place: str
) -> None:
    (folder / "file").write_text("in the way")
    assert detect("scan.bin", "--out", "made/b.json", option, place) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (folder / "made").exists()


def test_without_a_display_a_view_is_a_picture(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", "scan.bin", "--boxes", "true.json"]) == 0
    out = capsys.readouterr().out
    assert "scan.bin: 700 points, 1 boxes" in out
    assert "no display: drawn into scan.png" in out
    assert (folder / "scan.png").is_file()


VIEWS = {
    "labels": ["scan.bin", "--labels", "label.txt", "--calib", "calib.txt"],
    "both": ["scan.bin", "--boxes", "true.json", "--labels", "label.txt", "--calib", "calib.txt"],
    "results": ["scan.bin", "--boxes", "label.txt", "--calib", "calib.txt", "--from", "bird"],
    "classes": ["scan.bin", "--labels", "scan.label", "--region", "0,-5,20,5"],
    "spikes": ["scan.svc", "--boxes", "true.json"],
}


@pytest.mark.parametrize("case", VIEWS)
def test_views_are_drawn_where_they_are_wanted(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encode", "scan.bin", "--voxel-size", "0.5", "--out", "scan.svc"]) == 0
    capsys.readouterr()
    for out in ("view.png", "view.html"):
        assert main(["view", *VIEWS[case], "--out", out, "--json"]) == 0
        row = json.loads(capsys.readouterr().out)
        assert row["out"] == out
        assert (folder / out).stat().st_size > 5_000
        if case == "both":
            assert (row["points"], row["boxes"], row["labels"]) == (700, 1, 1)


def test_with_a_display_a_view_is_a_window(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("open3d")
    opened: list[Any] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("neurospike.viz.scene_window", opened.append)
    assert main(["view", "scan.bin"]) == 0
    assert [len(shown.points) for shown in opened] == [700]
    assert not (folder / "scan.png").exists()


BAD = {
    "no scan": (["detect", "none.bin", "--out", "o.json"], "none.bin"),
    "no scans": (["detect", "void", "--out", "o"], "void: holds no .bin scans"),
    "cut": (["detect", "cut.bin", "--out", "o.json"], "cut.bin"),
    "empty": (["detect", "empty.bin", "--out", "o.json"], "empty.bin"),
    "nan": (["detect", "nan.bin", "--out", "o.json"], "nan.bin: none of the 3 points"),
    "score": (["detect", "scan.bin", "--out", "o.json", "--score", "2"], "--score"),
    "columns": (["detect", "scan.bin", "--out", "o.json", "--columns", "3"], "--columns"),
    "suffix": (["detect", "scan.bin", "--out", "o.txt"], "must end in .json"),
    "folder": (["detect", "scan.bin", "nan.bin", "--out", "o.json"], "must be a folder"),
    "twice": (["detect", "scan.bin", "scan.bin", "--out", "o"], "scan twice"),
    "draw": (["detect", "scan.bin", "nan.bin", "--out", "o", "--html", "h.html"], "one scan"),
    "kitti": (["detect", "scan.bin", "--out", "o.json", "--kitti-out", "k.txt"], "--calib"),
    "calib": (["detect", "scan.bin", "--out", "o.json", "--calib", "scan.bin"], "scan.bin"),
    "no calib": (["detect", "scan.bin", "--out", "o.json", "--calib", "no.txt"], "no.txt"),
    "place": (["detect", "scan.bin", "--out", "scan.bin/o.json"], "cannot be written"),
    "view nothing": (["view", "none.bin"], "none.bin"),
    "view suffix": (["view", "scan.bin", "--out", "o.gif"], "must end in"),
    "view region": (["view", "scan.bin", "--region", "1,2"], "--region"),
    "view inside out": (["view", "scan.bin", "--region", "2,0,1,1"], "low below"),
    "view place": (["view", "scan.bin", "--out", "scan.bin/o.png"], "cannot be written"),
    "view boxes": (["view", "scan.bin", "--boxes", "calib.json"], "calib.json"),
    "view kind": (["view", "scan.bin", "--boxes", "scan.bin"], "scan.bin"),
    "view camera": (["view", "scan.bin", "--labels", "label.txt"], "--calib"),
    "view others": (["view", "cut4.bin", "--labels", "scan.label"], "holds 700 labels"),
    "view cut": (["view", "scan.bin", "--labels", "cut.label"], "cut.label"),
    "view nan": (["view", "nan.bin"], "none of the 3 points"),
    "view svc": (["view", "no.svc"], "no.svc"),
    "view damaged": (["view", "scan.bin", "--boxes", "damaged.json"], "damaged.json"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (folder / "scan.bin").read_bytes()
    (folder / "void").mkdir()
    (folder / "cut.bin").write_bytes(rows[:-3])
    (folder / "cut4.bin").write_bytes(rows[:-16])
    (folder / "empty.bin").write_bytes(b"")
    np.full((3, 4), np.nan, np.float32).tofile(folder / "nan.bin")
    (folder / "cut.label").write_bytes((folder / "scan.label").read_bytes()[:-1])
    (folder / "damaged.json").write_text((folder / "true.json").read_text()[:-9])
    before = sorted(path.name for path in folder.rglob("*") if path.is_file())
    arguments, message = BAD[case]
    more = ["--ckpt", "net.safetensors"] if arguments[0] == "detect" else []
    assert main([*arguments, *more]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert error[0].startswith("neurospike: ")
    assert message in error[0]
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == before


def test_a_network_that_finds_no_boxes_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models.save(models.create("e3dsnn", num_classes=2), folder / "net.safetensors")
    assert detect("scan.bin", "--out", "o.json") == 2
    assert "finds no boxes" in capsys.readouterr().err


@pytest.fixture
def segmenter(folder: Path) -> Path:
    """A checkpoint as a run of streets-segment writes it, untrained and coarse."""
    recipe = load_recipe("streets-segment").model_dump(mode="json")
    recipe["scan"] |= {"voxel_size": [0.5] * 3, "point_range": list(RANGE), "relative": False}
    model = models.create("e3dsnn_segmenter", in_features=4, **recipe["model"]["arguments"])
    path = folder / "segment.safetensors"
    models.save(model, path, extra={"recipe": recipe, "classes": list(CLASSES), "seed": 0})
    return path


def test_a_segmenter_labels_points(
    segmenter: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.fromfile("scan.bin", np.float32).reshape(-1, 4)
    rows[:7, 2] = np.nan
    rows.tofile("holes.bin")
    drawn = ["--figure", "seg.png", "--html", "seg.html"]
    arguments = ["detect", "holes.bin", "--ckpt", str(segmenter), "--out", "seg.label", *drawn]
    assert main(arguments) == 0
    labels, _ = read_labels(folder / "seg.label")
    inside = ((rows[:, :3] >= RANGE[:3]) & (rows[:, :3] < RANGE[3:])).all(axis=1)
    assert not inside[7:].all()  # those outside have the class of the nearest voxel
    assert np.array_equal(labels >= 0, np.isfinite(rows).all(axis=1))
    assert "693 of 700 points labelled" in capsys.readouterr().out
    assert all((folder / name).stat().st_size > 5_000 for name in ("seg.png", "seg.html"))
    assert main(["view", "holes.bin", "--labels", "seg.label", "--out", "back.png"]) == 0
    many = ["detect", "holes.bin", "scan.bin", "--ckpt", str(segmenter), "--out", "labels"]
    capsys.readouterr()
    assert main([*many, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert sum(document["scans"][1]["shares"].values()) == pytest.approx(1.0)
    assert len(list((folder / "labels").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "o.json"], "must end in .label"),
        (["nan.bin", "--out", "o.label"], "must be a folder"),
        (["--out", "o.label", "--calib", "calib.txt"], "--calib"),
        (["--out", "o.label", "--kitti-out", "o.txt"], "--kitti-out"),
        (["--out", "o.label", "--columns", "3"], "--columns"),
    ],
)
def test_bad_input_to_a_segmenter_is_one_line(
    segmenter: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert main(["detect", "scan.bin", *arguments, "--ckpt", str(segmenter)]) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert message in error
    assert not (folder / "o.label").exists()


def test_a_segmenter_of_other_classes_is_refused(
    segmenter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = {**models.read_info(segmenter).extra, "classes": ["a", "b"]}
    models.save(models.load(segmenter), segmenter, extra=extra)
    assert main(["detect", "scan.bin", "--ckpt", str(segmenter), "--out", "o.label"]) == 2
    assert "not SemanticKITTI's 19" in capsys.readouterr().err
