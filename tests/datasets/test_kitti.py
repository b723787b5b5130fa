"""Velodyne scans, and frames of KITTI's layout."""

import json
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurospike.datasets import (
    KITTI,
    Calibration,
    Objects,
    read_velodyne,
    write_kitti_frame,
)
from neurospike.datasets.kitti_layout import png_size
from neurospike.errors import ArgumentError, DataError


def scan(path: Path, points: int = 10, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((points, 4), dtype=np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.tofile(path)
    return rows


BOXES = np.array([[20.0, 3.0, -0.8, 4.0, 1.7, 1.5, 0.3], [12.0, -2.0, -0.7, 0.8, 0.6, 1.8, -2.0]])


def some_objects() -> Objects:
    return Calibration.typical().objects_of(BOXES, ("Car", "Pedestrian"))


def frame(root: Path, name: str, part: str = "training", seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((10, 4), dtype=np.float32)
    objects = some_objects() if part == "training" else None
    write_kitti_frame(root / part, name, rows, objects, Calibration.typical())
    return rows


def kitti_tree(root: Path, training: int = 20, testing: int = 3) -> None:
    for part, frames in (("training", training), ("testing", testing)):
        for number in range(frames):
            frame(root, f"{number:06d}", part, number)


def test_a_scan_comes_back_bit_for_bit(tmp_path: Path) -> None:
    rows = scan(tmp_path / "a.bin", 7)
    got = read_velodyne(tmp_path / "a.bin")
    assert got.dtype == np.float32
    assert np.array_equal(got, rows)
    got[0] = 1  # writable: torch takes it as it is
    assert read_velodyne(tmp_path / "a.bin", columns=7).shape == (4, 7)


def test_points_that_are_not_finite_are_counted_and_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = scan(tmp_path / "a.bin", 7)
    rows[2, 0], rows[5, 3] = np.nan, np.inf
    rows.tofile(tmp_path / "a.bin")
    with caplog.at_level(logging.WARNING):
        assert len(read_velodyne(tmp_path / "a.bin")) == 7
    assert "2 of 7 points are not finite" in caplog.text


@pytest.mark.parametrize(
    ("size", "columns", "match"),
    [
        (0, 4, "got an empty file"),
        (100, 4, r"whole rows of 16 bytes \(4 float32 columns\); got 100 bytes"),
        (160, 5, None),
        (160, 3, "whole rows of 12 bytes"),
        (161, 4, "got 161 bytes: truncated, or another number of columns"),
    ],
)
def test_files_that_are_not_whole_rows(
    tmp_path: Path, size: int, columns: int, match: str | None
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(size))
    if match is None:
        assert len(read_velodyne(path, columns=columns)) == size // (4 * columns)
        return
    with pytest.raises(DataError, match=match) as caught:
        read_velodyne(path, columns=columns)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_scans_folders_and_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*No such file"):
        read_velodyne(tmp_path / "a.bin")
    with pytest.raises(DataError, match="cannot read"):
        read_velodyne(tmp_path)
    with pytest.raises(ArgumentError, match="columns: at least x, y, z; got 2"):
        read_velodyne(tmp_path / "a.bin", columns=2)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_scan_or_a_data_error(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(raw)
    try:
        points = read_velodyne(tmp_path / "a.bin")
    except DataError:
        assert not raw or len(raw) % 16
    else:
        assert points.tobytes() == raw


def test_splits_of_the_official_layout(tmp_path: Path) -> None:
    kitti_tree(tmp_path)
    splits = {split: KITTI(root=tmp_path, split=split) for split in ("train", "val", "test")}
    assert [len(frames) for frames in splits.values()] == [18, 2, 3]
    assert not set(splits["train"].frames) & set(splits["val"].frames)
    assert len(KITTI(tmp_path, protocol="legacy")) == 20
    assert len(splits["test"][0]["label"]) == 0
    assert splits["test"][0]["boxes"].shape == (0, 7)
    with pytest.raises(IndexError):
        splits["test"][3]


def test_a_written_frame_comes_back(tmp_path: Path) -> None:
    rows = frame(tmp_path, "000000")
    sample = KITTI(tmp_path, protocol="legacy")[0]
    assert sample["name"] == "000000"
    assert np.array_equal(sample["points"], rows)
    assert sample["label"].names == sample["names"] == ("Car", "Pedestrian")
    np.testing.assert_allclose(sample["boxes"], BOXES, atol=1e-5)
    assert sample["boxes"].dtype == np.float64
    for name in ("p2", "r0_rect", "tr_velo_to_cam", "image_size"):
        assert np.array_equal(
            getattr(sample["calibration"], name), getattr(Calibration.typical(), name)
        )


def test_a_black_picture_tells_its_size(tmp_path: Path) -> None:
    calibration = Calibration.typical((31, 17))
    frame = (np.ones((1, 4)), Objects.empty(), calibration)
    write_kitti_frame(tmp_path / "training", "000000", *frame, picture=True)
    path = tmp_path / "training" / "image_2" / "000000.png"
    assert png_size(path) == (31, 17)
    pixels = pytest.importorskip("matplotlib.image").imread(path)
    assert pixels.shape == (17, 31)
    assert not pixels.any()
    assert KITTI(tmp_path, protocol="legacy")[0]["calibration"].image_size == (31, 17)


def test_the_crop_keeps_what_the_camera_sees(tmp_path: Path) -> None:
    rows = np.zeros((4, 4), dtype=np.float32)
    rows[:, 0] = 10, -10, 10, np.nan
    rows[2, 1] = 40
    write_kitti_frame(tmp_path / "training", "000000", rows, None, Calibration.typical())
    cropped = KITTI(tmp_path, protocol="legacy", crop_to_image=True)[0]["points"]
    assert np.array_equal(cropped, rows[:1])
    assert np.array_equal(KITTI(tmp_path, protocol="legacy")[0]["points"], rows[:3])


def test_regions_and_flat_objects_have_no_box(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame(tmp_path, "000000")
    with (tmp_path / "training" / "label_2" / "000000.txt").open("a") as file:
        file.write("DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10")
        file.write("\nVan 0 0 0 1 2 3 4 1.5 0 4 5 1.5 20 0\n")
    with caplog.at_level(logging.WARNING):
        frames = KITTI(tmp_path, protocol="legacy")
    assert "1 objects without extent have no box" in caplog.text
    assert frames[0]["label"].names == ("Car", "Pedestrian", "DontCare", "Van")
    assert frames[0]["names"] == ("Car", "Pedestrian")
    assert frames.object_counts() == {"Car": 1, "Pedestrian": 1, "DontCare": 1, "Van": 1}


def test_scans_without_labels_are_left_out_with_a_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kitti_tree(tmp_path, training=5)
    labels = tmp_path / "training" / "label_2"
    (labels / "000002.txt").unlink()
    (labels / "000009.txt").write_text("")
    with caplog.at_level(logging.WARNING):
        frames = KITTI(tmp_path, protocol="legacy")
    assert frames.frames == ("000000", "000001", "000003", "000004")
    assert frames.skipped == ("000002",)
    assert frames.stray == ("000009",)
    assert "1 scans without a label file are left out" in caplog.text
    assert "1 label files without a scan are passed over" in caplog.text


def test_a_folder_without_any_label_is_unlabelled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("000000", "000001"):
        write_kitti_frame(tmp_path / "training", name, np.ones((1, 4)), None, Calibration.typical())
    with caplog.at_level(logging.WARNING):
        frames = KITTI(tmp_path, protocol="legacy")
    assert "2 frames have no labels: objects are empty" in caplog.text
    assert [len(sample["label"]) for sample in frames] == [0, 0]
    assert frames[0]["points"].shape == (1, 4)  # a scan of one point is a scan


def damage(root: Path, what: str) -> None:
    training = root / "training"
    label = training / "label_2" / "000001.txt"
    if what == "no calib":
        (training / "calib" / "000001.txt").unlink()
    elif what == "short calib":
        (training / "calib" / "000001.txt").write_text("P2: 1 2 3\n")
    elif what == "empty scan":
        (training / "velodyne" / "000001.bin").write_bytes(b"")
    elif what == "cut scan":
        (training / "velodyne" / "000001.bin").write_bytes(bytes(33))
    elif what == "cut label":
        label.write_text(label.read_text()[:-40])
    elif what == "unknown class":
        label.write_text(label.read_text().replace("Car", "Zeppelin"))
    elif what == "negative size":
        label.write_text(label.read_text().replace(" 4.000000 ", " -4.000000 "))
    elif what == "nan":
        label.write_text(label.read_text().replace(" 4.000000 ", " nan "))


DAMAGES = {
    "no calib": "calib/000001.txt: missing; a scan without calib",
    "short calib": "000001.txt: P2 has 12 values; got 3",
    "empty scan": "000001.bin: 0 bytes; a scan is rows of 16",
    "cut scan": "000001.bin: 33 bytes",
    "cut label": "000001.txt: line 2: a class and 14 values.* was cut short",
    "unknown class": "line 1: unknown class 'Zeppelin'; known: Car, Van",
    "negative size": r"line 1: Car of negative size, \[1.5, 1.7, -4.0\]",
    "nan": "line 1: values must be finite",
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_named_when_the_data_set_is_made(tmp_path: Path, what: str) -> None:
    kitti_tree(tmp_path, training=3)
    KITTI(tmp_path, protocol="legacy")  # an index from before the damage must not hide it
    damage(tmp_path, what)
    with pytest.raises(DataError, match=DAMAGES[what]) as caught:
        KITTI(tmp_path, protocol="legacy")
    assert "1 of 3 frames" in str(caught.value)
    assert "neurospike data verify kitti" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_index_is_kept_and_follows_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurospike.datasets import kitti_layout

    looked: list[str] = []
    original = kitti_layout._facts
    monkeypatch.setattr(
        kitti_layout, "_facts", lambda folder, name: looked.append(name) or original(folder, name)
    )
    kitti_tree(tmp_path, training=3)
    for _ in range(2):
        KITTI(tmp_path, protocol="legacy")
    assert looked == ["000000", "000001", "000002"]
    frame(tmp_path, "000003")
    (tmp_path / "training" / "label_2" / "000001.txt").write_text("")
    KITTI(tmp_path, protocol="legacy")
    assert looked[3:] == ["000001", "000003"]
    place = tmp_path / ".neurospike" / "kitti-training.json"
    place.write_text("{")
    KITTI(tmp_path, protocol="legacy")
    assert len(looked) == 5 + 4
    assert len(json.loads(place.read_text())["rows"]) == 4


def test_the_index_keeps_no_damage(tmp_path: Path) -> None:
    """What it would say of a file's place, or of what this version can read, may not hold."""
    kitti_tree(tmp_path / "old", training=3)
    (tmp_path / "old" / "training" / "calib" / "000001.txt").write_text("P2: 1")
    with pytest.raises(DataError, match="old/training/calib/000001"):
        KITTI(tmp_path / "old", protocol="legacy")
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(DataError, match="new/training/calib/000001"):
        KITTI(tmp_path / "new", protocol="legacy")
    place = tmp_path / "new" / ".neurospike" / "kitti-training.json"
    assert set(json.loads(place.read_text())["rows"]) == {"000000", "000002"}


def test_the_index_lies_in_the_cache_or_nowhere(tmp_path: Path) -> None:
    root = tmp_path / "data"
    frame(root, "000000")
    KITTI(root, protocol="legacy", cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    root.chmod(0o555)
    KITTI(root, protocol="legacy")
    root.chmod(0o755)
    assert not (root / ".neurospike").exists()


def test_image_sizes_come_from_the_head_of_the_picture(tmp_path: Path) -> None:
    frame(tmp_path, "000000")
    picture = tmp_path / "training" / "image_2" / "000000.png"
    picture.parent.mkdir()
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1224, 370)
    picture.write_bytes(head)
    assert KITTI(tmp_path, protocol="legacy")[0]["calibration"].image_size == (1224, 370)
    picture.write_bytes(head[:20])
    assert KITTI(tmp_path, protocol="legacy")[0]["calibration"].image_size == (1242, 375)


def test_image_sets_decide_where_they_are(tmp_path: Path) -> None:
    kitti_tree(tmp_path)
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "val.txt").write_text("000003\n000007\n")
    assert KITTI(tmp_path, split="val").frames == ("000003", "000007")
    assert len(KITTI(tmp_path).frames) == 18  # none of them seen twice
    assert not {"000003", "000007"} & set(KITTI(tmp_path).frames)
    (tmp_path / "ImageSets" / "train.txt").write_text("000001\n")
    assert KITTI(tmp_path).frames == ("000001",)
    (tmp_path / "ImageSets" / "val.txt").write_text("")
    with pytest.raises(DataError, match="none of 20 scans is to val"):
        KITTI(tmp_path, split="val")
    (tmp_path / "ImageSets" / "val.txt").write_text("000003\n000077\n")
    with pytest.raises(DataError, match="names 1 frames without a scan, 000077"):
        KITTI(tmp_path, split="val")


def test_missing_kitti_says_where_to_get_it(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"does not exist; .*cvlibs.*login"):
            KITTI(root)
    (tmp_path / "training" / "velodyne").mkdir(parents=True)
    with pytest.raises(DataError, match="no scans; unpack"):
        KITTI(tmp_path)
