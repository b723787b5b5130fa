"""SemanticKITTI: labels, poses and scans of its layout."""

import logging
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import SemanticKITTI, read_labels, write_labels, write_semantic_scan
from neurospike.datasets.semantic_kitti_labels import CLASSES, SHARES, to_raw_ids, to_train_ids
from neurospike.datasets.semantic_kitti_poses import read_poses, write_poses
from neurospike.errors import ArgumentError, DataError

OFFICIAL = [
    "car",
    "bicycle",
    "motorcycle",
    "truck",
    "other-vehicle",
    "person",
    "bicyclist",
    "motorcyclist",
    "road",
    "parking",
    "sidewalk",
    "other-ground",
    "building",
    "fence",
    "vegetation",
    "trunk",
    "terrain",
    "pole",
    "traffic-sign",
]


def poses(count: int) -> np.ndarray:
    """A drive along x that slowly turns left."""
    out = np.tile(np.eye(4), (count, 1, 1))
    for number in range(count):
        cosine, sine = np.cos(0.1 * number), np.sin(0.1 * number)
        out[number, :2, :2] = [[cosine, -sine], [sine, cosine]]
        out[number, :2, 3] = number, 0.05 * number**2
    return out


def scan(
    root: Path, sequence: str, name: str, points: int = 12
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng([int(sequence), int(name), points])
    cloud = rng.random((points, 4), dtype=np.float32)
    label, instance = rng.integers(-1, 19, points), rng.integers(0, 1 << 16, points)
    write_semantic_scan(root, sequence, name, cloud, label, instance)
    return cloud, label, instance


def tree(root: Path, sequences: dict[str, int]) -> None:
    for sequence, scans in sequences.items():
        for number in range(scans):
            scan(root, sequence, f"{number:06d}")
        write_poses(root / "sequences" / sequence, poses(scans))


def test_classes_are_the_official_ones() -> None:
    assert list(CLASSES) == OFFICIAL
    raw = [10, 11, 15, 18, 20, 30, 31, 32, 40, 44, 48, 49, 50, 51, 70, 71, 72, 80, 81]
    assert to_raw_ids(np.arange(19)).tolist() == raw
    assert to_train_ids(raw).tolist() == list(range(19))
    merged = {13: 4, 16: 4, 60: 8, 252: 0, 253: 6, 254: 5, 255: 7, 256: 4, 257: 4, 258: 3, 259: 4}
    assert to_train_ids(list(merged)).tolist() == list(merged.values())
    assert to_train_ids([0, 1, 52, 99]).tolist() == [-1] * 4
    assert SHARES.shape == (19,)
    assert 0.96 < SHARES.sum() < 1  # the rest is ignored


def test_ids_outside_are_refused() -> None:
    for raw in ([10, 2], [-1], [70_000]):
        with pytest.raises(ArgumentError, match=r"ids of semantic-kitti\.yaml; got"):
            to_train_ids(raw)
    for train in ([19], [-2]):
        with pytest.raises(ArgumentError, match="from -1 to 18"):
            to_raw_ids(train)
    assert to_train_ids([]).shape == to_raw_ids([]).shape == (0,)


def test_labels_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a" / "000000.label"
    label, instance = np.arange(-1, 19), np.arange(20) * 3449
    write_labels(path, label, instance)
    for got, expected in zip(read_labels(path), (label, instance), strict=True):
        assert got.dtype == np.int64
        assert np.array_equal(got, expected)
    packed = np.fromfile(path, "<u4")
    assert (packed[1] & 0xFFFF, packed[1] >> 16) == (10, 3449)  # as the authors' API packs them
    write_labels(path, label)
    assert not read_labels(path)[1].any()
    with pytest.raises(ArgumentError, match="one for every label"):
        write_labels(path, label, instance[:3])
    with pytest.raises(ArgumentError, match="from 0 to 65535; got 0 to 65536"):
        write_labels(path, [0, 0], [0, 65536])
    with pytest.raises(ArgumentError, match=r"instance: whole numbers; got float64"):
        write_labels(path, [0, 0], [0, np.nan])


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\2\0\0\0"])
def test_damaged_labels(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "000000.label"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"cut short|ids of semantic-kitti") as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_poses_come_back_in_the_lidar_frame(tmp_path: Path) -> None:
    write_poses(tmp_path, poses(5))
    np.testing.assert_allclose(read_poses(tmp_path), poses(5), atol=1e-12)
    # The file is the camera's: driving ahead is its z.
    second = np.loadtxt(tmp_path / "poses.txt")[1].reshape(3, 4)
    np.testing.assert_allclose(second[:, 3], [-0.05, 0, 1], atol=1e-12)


def test_damaged_poses(tmp_path: Path) -> None:
    write_poses(tmp_path, poses(2))
    (tmp_path / "poses.txt").write_text("1 2 3\n")
    with pytest.raises(DataError, match="a pose is 12 finite numbers; got 3"):
        read_poses(tmp_path)
    (tmp_path / "poses.txt").write_text("x " * 12)
    with pytest.raises(DataError, match="could not convert"):
        read_poses(tmp_path)
    (tmp_path / "poses.txt").write_text("")
    assert read_poses(tmp_path).shape == (0, 4, 4)
    (tmp_path / "calib.txt").write_text("P0: 1\n")
    with pytest.raises(DataError, match="no line of Tr"):
        read_poses(tmp_path)
    with pytest.raises(ArgumentError, match=r"write_poses.poses: \(F, 4, 4\); got \(4, 4\)"):
        write_poses(tmp_path, np.eye(4))


def test_a_written_scan_comes_back(tmp_path: Path) -> None:
    tree(tmp_path, {"08": 3})
    cloud, label, instance = scan(tmp_path, "08", "000001")
    sample = SemanticKITTI(tmp_path, split="val")[1]
    assert sample["name"] == "08/000001"
    assert np.array_equal(sample["points"], cloud)
    assert np.array_equal(sample["label"], label)
    assert np.array_equal(sample["instance"], instance)
    np.testing.assert_allclose(sample["pose"], poses(3)[1], atol=1e-12)


def test_splits_are_the_official_ones(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    everything = {f"{number:02d}": 1 for number in range(22)}
    tree(tmp_path / "dataset", everything)
    with caplog.at_level(logging.WARNING):
        parts = {
            split: SemanticKITTI(tmp_path, split=split).sequences
            for split in ("train", "val", "test")
        }
    assert not caplog.text
    assert parts["train"] == ("00", "01", "02", "03", "04", "05", "06", "07", "09", "10")
    assert parts["val"] == ("08",)
    assert parts["test"] == tuple(str(number) for number in range(11, 22))
    legacy = SemanticKITTI(tmp_path, protocol="legacy")
    assert legacy.sequences == tuple(f"{number:02d}" for number in range(11))
    assert SemanticKITTI(tmp_path, sequences=("03",)).names == ("03/000000",)


def test_sequences_and_labels_that_are_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree(tmp_path, {"00": 3, "01": 2, "11": 1})
    top = tmp_path / "sequences"
    (top / "00" / "labels" / "000001.label").unlink()
    (top / "01" / "velodyne" / "000000.bin").unlink()
    (top / "01" / "poses.txt").unlink()
    with caplog.at_level(logging.WARNING):
        scans = SemanticKITTI(tmp_path)
    assert scans.names == ("00/000000", "00/000002", "01/000001")
    assert scans.skipped == ("00/000001",)
    assert scans.stray == ("01/000000",)
    assert "8 sequences are not there (02, 03" in caplog.text
    assert "1 scans without a label file are left out" in caplog.text
    assert "1 label files without a scan are passed over" in caplog.text
    assert np.isnan(scans[2]["pose"]).all()
    (top / "11" / "labels" / "000000.label").unlink()
    test = SemanticKITTI(tmp_path, split="test")[0]
    assert set(test["label"]) == {-1}
    with pytest.raises(DataError, match="no scans to val"):
        SemanticKITTI(tmp_path, split="val")


@pytest.mark.parametrize(
    ("file", "size", "match"),
    [
        ("velodyne/000001.bin", 0, "000001.bin: 0 bytes; a scan is rows of 16"),
        ("velodyne/000001.bin", 33, "000001.bin: 33 bytes"),
        ("labels/000001.label", 44, "000001.label: 44 bytes; 12 points have labels of 48"),
    ],
)
def test_damage_is_named_when_the_data_set_is_made(
    tmp_path: Path, file: str, size: int, match: str
) -> None:
    tree(tmp_path, {"08": 2})
    SemanticKITTI(tmp_path, split="val")  # an index from before the damage must not hide it
    (tmp_path / "sequences" / "08" / file).write_bytes(bytes(size))
    with pytest.raises(DataError, match=match) as caught:
        SemanticKITTI(tmp_path, split="val")
    assert "1 of 2 scans" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_that_only_reading_finds(tmp_path: Path) -> None:
    tree(tmp_path, {"08": 2})
    folder = tmp_path / "sequences" / "08"
    (folder / "labels" / "000001.label").write_bytes(b"\2\0\0\0" * 12)
    scans = SemanticKITTI(tmp_path, split="val")
    with pytest.raises(DataError, match=r"000001.label.*got \[2\] on 12 points"):
        scans[1]
    write_poses(folder, poses(1))
    scan(tmp_path, "08", "000001")
    with pytest.raises(DataError, match="a line for every scan; got 1, and none for 000001"):
        scans[1]


def test_missing_data_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not exist; .*login.*semantic-kitti\.org"):
        SemanticKITTI(tmp_path)
    with pytest.raises(ArgumentError, match="split: one of"):
        SemanticKITTI(tmp_path, split="valid")  # type: ignore[arg-type]


def test_scans_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="one for every point; got 3 for 2"):
        write_semantic_scan(tmp_path, "00", "000000", np.zeros((2, 4)), np.zeros(3, int))
    with pytest.raises(ArgumentError, match="a scan without points is no scan"):
        write_semantic_scan(tmp_path, "00", "000000", np.zeros((0, 4)), None)
    with pytest.raises(ArgumentError, match="from -1 to 18"):
        write_semantic_scan(tmp_path, "00", "000000", np.zeros((2, 4)), [0, 19])
    with pytest.raises(ArgumentError, match="whole numbers; got float64"):
        write_semantic_scan(tmp_path, "00", "000000", np.zeros((2, 4)), np.zeros(2))
    assert not list(tmp_path.rglob("*.*"))  # not a scan without its labels either
    write_semantic_scan(tmp_path, "11", "000000", np.zeros((1, 4)), None)
    assert len(SemanticKITTI(tmp_path, split="test")[0]["points"]) == 1
