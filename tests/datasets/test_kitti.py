"""Velodyne scans."""

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurospike.datasets import KITTI, read_velodyne
from neurospike.errors import ArgumentError, DataError


def scan(path: Path, points: int = 10, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((points, 4), dtype=np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.tofile(path)
    return rows


def kitti_tree(root: Path, training: int = 20, testing: int = 3) -> None:
    for part, frames in (("training", training), ("testing", testing)):
        for frame in range(frames):
            scan(root / part / "velodyne" / f"{frame:06d}.bin", seed=frame)
    (root / "training" / "label_2").mkdir()
    (root / "training" / "label_2" / "000000.txt").write_text("Car 0 0 0\nVan 0 0 0\n")


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
    sample = KITTI(tmp_path, protocol="legacy")[0]
    assert sample["name"] == "000000"
    assert sample["points"].shape == (10, 4)
    assert sample["label"] == ("Car 0 0 0", "Van 0 0 0")
    assert splits["test"][0]["label"] == ()
    with pytest.raises(IndexError):
        splits["test"][3]


def test_image_sets_decide_where_they_are(tmp_path: Path) -> None:
    kitti_tree(tmp_path)
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "val.txt").write_text("000003\n000007\n")
    assert KITTI(tmp_path, split="val").frames == ("000003", "000007")
    (tmp_path / "ImageSets" / "val.txt").write_text("000003\n000077\n")
    with pytest.raises(DataError, match="names 1 frames without a scan, 000077"):
        KITTI(tmp_path, split="val")


def test_missing_kitti_says_where_to_get_it(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"does not exist; .*cvlibs.*login"):
            KITTI(root)
    (tmp_path / "training" / "velodyne").mkdir(parents=True)
    with pytest.raises(DataError, match="no scans to train"):
        KITTI(tmp_path)
