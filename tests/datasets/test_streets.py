"""Streets: equal bits by seed, worlds apart, boxes around their points, layouts read back."""

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import KITTI, SemanticKITTI, Streets
from neurospike.datasets.semantic_kitti_labels import CLASSES
from neurospike.errors import ArgumentError

SCANS = 24
THREE = ("Car", "Pedestrian", "Cyclist")


@pytest.fixture(scope="module")
def detect() -> Streets:
    return Streets("train", SCANS, seed=3, scans_per_world=4, interval_s=2.0)


@pytest.fixture(scope="module")
def segment() -> Streets:
    return Streets("val", 4, seed=3, task="segment", scans_per_world=2)


def inside(points: np.ndarray, box: np.ndarray, margin: float) -> np.ndarray:
    offset = points[:, :3].astype(np.float64) - box[:3]
    c, s = np.cos(box[6]), np.sin(box[6])
    own = np.stack(
        [c * offset[:, 0] + s * offset[:, 1], c * offset[:, 1] - s * offset[:, 0], offset[:, 2]], 1
    )
    return (np.abs(own) <= box[3:6] / 2 + margin).all(axis=1)


def test_samples_have_points_boxes_and_labels(detect: Streets) -> None:
    for sample in detect:
        points, label = sample["points"], sample["label"]
        assert points.dtype == np.float32
        assert points.shape[1] == 4
        assert 0 <= points[:, 3].min() <= points[:, 3].max() <= 1
        assert sample["calibration"].in_image(points).all()
        solid = tuple(name for name in label.names if name != "DontCare")
        assert solid == sample["names"]
        assert sample["boxes"].shape == (len(solid), 7)
        back = sample["calibration"].boxes_to_lidar(label)[: len(solid)]
        assert np.abs(back[:, :6] - sample["boxes"][:, :6]).max(initial=0) < 1e-6
        for box in sample["boxes"]:
            assert inside(points, box, 0.15).sum() >= 5


def test_cars_are_as_far_as_hidden_and_as_large_as_asked_for(detect: Streets) -> None:
    names = np.concatenate([sample["names"] for sample in detect])
    boxes = np.concatenate([sample["boxes"] for sample in detect])
    objects = [sample["label"] for sample in detect]
    occluded = np.concatenate([label.occluded[label.occluded >= 0] for label in objects])
    cars = names == "Car"
    assert cars.sum() > 4 * SCANS
    assert (occluded[cars] >= 1).mean() >= 1 / 3
    away = np.hypot(boxes[cars, 0], boxes[cars, 1])
    assert away.min() < 15
    assert away.max() > 50
    assert np.abs(boxes[cars, 3:6].mean(axis=0) - (3.88, 1.63, 1.53)).max() < 0.2
    turn = np.abs(np.sin(boxes[cars, 6]))
    assert (turn > 0.7).any()  # some stand across


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_every_split_has_three_classes(split: str) -> None:
    found = Streets(split, 4, scans_per_world=2, interval_s=4.0)  # type: ignore[arg-type]
    names = {name for sample in found for name in sample["names"]}
    assert names >= set(THREE)


def test_equal_bits_in_any_order_with_or_without_memory() -> None:
    forward = Streets("val", 3, seed=5, scans_per_world=2)
    backward = Streets("val", 9, seed=5, scans_per_world=2, keep=False)
    first = list(forward)
    for index in (2, 0, 1):
        again = backward[index]
        assert np.array_equal(first[index]["points"], again["points"])
        assert np.array_equal(first[index]["boxes"], again["boxes"])
        assert first[index]["names"] == again["names"]


def test_seeds_splits_and_streets_differ() -> None:
    makers = [
        Streets(split, 2, seed, scans_per_world=1)  # type: ignore[arg-type]
        for split, seed in (("train", 0), ("val", 0), ("test", 0), ("train", 1))
    ]
    scans = {sample["points"].tobytes() for maker in makers for sample in maker}
    assert len(scans) == 8


def test_legacy_validates_on_the_test_split() -> None:
    legacy = Streets("val", 1, scans_per_world=1, protocol="legacy", root=None)
    clean = Streets("test", 1, scans_per_world=1)
    assert np.array_equal(legacy[0]["points"], clean[0]["points"])


def test_what_is_kept_is_out_of_reach_and_pickles(detect: Streets) -> None:
    first = detect[0]
    first["points"][:] = 0
    first["boxes"][:] = 0
    assert detect[0]["points"].any()
    assert detect[0]["boxes"].any()
    assert np.array_equal(pickle.loads(pickle.dumps(detect))[1]["points"], detect[1]["points"])


def test_segments_have_labels_all_around(segment: Streets) -> None:
    for index, sample in enumerate(segment):
        points, label = sample["points"], sample["label"]
        assert len(points) == len(label) == len(sample["instance"])
        assert label.dtype == sample["instance"].dtype == np.int64
        assert -1 <= label.min() <= label.max() < len(CLASSES)
        assert 90_000 < len(points) < 137_600
        turn = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
        assert (np.histogram(turn, 12, (-180, 180))[0] > 3000).all()
        cars = label == CLASSES.index("car")
        assert cars.any()
        assert (sample["instance"][cars] > 0).all()
        assert (sample["instance"][label == CLASSES.index("road")] == 0).all()
        assert np.allclose(sample["pose"], np.eye(4)) == (index % 2 == 0)
    seen = {name for sample in segment for name in np.unique(sample["label"]).tolist()}
    assert len(seen) >= 17


def test_poses_lay_scans_of_a_street_over_one_another(segment: Streets) -> None:
    """What stands still is where it was: walls seen from one place lie on those from another."""
    first, second = segment[0], segment[1]
    wall = CLASSES.index("building")
    one = first["points"][first["label"] == wall, :3].astype(np.float64)
    other = second["points"][second["label"] == wall, :3].astype(np.float64)
    other = other @ second["pose"][:3, :3].T + second["pose"][:3, 3]
    cells = [set(map(tuple, np.floor(points / 0.5).astype(int))) for points in (one, other)]
    assert len(cells[0] & cells[1]) > 0.3 * min(map(len, cells))


def test_a_folder_keeps_scans(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def made() -> Streets:
        return Streets("val", 2, seed=5, scans_per_world=2, cache=tmp_path)

    first = made().prepare(progress=False)[1]
    files = sorted(tmp_path.rglob("*.npz"))
    assert len(files) == 2
    stamp = files[1].stat().st_mtime_ns
    again = made()[1]
    assert np.array_equal(first["points"], again["points"])
    assert first["names"] == again["names"]
    assert files[1].stat().st_mtime_ns == stamp
    files[1].write_bytes(files[1].read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(made()[1]["points"], first["points"])
    assert "damaged" in caplog.text


def test_workers_make_the_same_scans() -> None:
    alone = Streets("val", 2, scans_per_world=1).prepare(progress=False)
    shared = Streets("val", 2, scans_per_world=1, workers=2).prepare(progress=False)
    for first, second in zip(alone, shared, strict=True):
        assert np.array_equal(first["points"], second["points"])
        assert np.array_equal(first["boxes"], second["boxes"])


def test_kitti_layout_reads_back(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        made = Streets(split, 2, scans_per_world=2)  # type: ignore[arg-type]
        made.write_kitti(tmp_path)
        read = KITTI(tmp_path, split=split)  # type: ignore[arg-type]
        assert len(read) == 2
        for ours, theirs in zip(made, read, strict=True):
            assert np.array_equal(ours["points"], theirs["points"])
            assert ours["names"] == theirs["names"]
            assert np.abs(ours["boxes"] - theirs["boxes"]).max(initial=0) < 1e-5
            assert ours["label"].names == theirs["label"].names
            assert np.array_equal(ours["label"].occluded, theirs["label"].occluded)


def test_semantic_kitti_layout_reads_back(segment: Streets, tmp_path: Path) -> None:
    segment.write_semantic_kitti(tmp_path)
    read = SemanticKITTI(tmp_path, split="val")
    assert len(read) == len(segment)
    for ours, theirs in zip(segment, read, strict=True):
        for key in ("points", "label", "instance"):
            assert np.array_equal(ours[key], theirs[key]), key
        assert np.allclose(ours["pose"], theirs["pose"], atol=1e-9)


def test_sequences_hold_whole_streets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    streets = Streets("train", 26, task="segment", scans_per_world=2)
    scan = {"points": np.ones((1, 4)), "label": np.zeros(1, int), "instance": np.zeros(1, int)}
    monkeypatch.setattr(
        Streets, "_sample", lambda _self, index: {**scan, "pose": np.eye(4) * (1 - index % 2)}
    )
    streets.write_semantic_kitti(tmp_path)
    read = SemanticKITTI(tmp_path, split="train")
    assert [read.names[place] for place in (0, 3, 4, 25)] == [
        *("00/000000", "00/000003", "01/000000"),
        "06/000001",
    ]
    firsts = [place for place, name in enumerate(read.names) if name.endswith("000000")]
    assert all(np.array_equal(read[place]["pose"], np.eye(4)) for place in firsts)


def test_the_other_layout_is_refused(detect: Streets, segment: Streets, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="needs task 'segment'"):
        detect.write_semantic_kitti(tmp_path)
    with pytest.raises(ArgumentError, match="needs task 'detect'"):
        segment.write_kitti(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "classify"}, r"Streets\.task: one of"),
        ({"split": "all"}, r"Streets\.split: one of"),
        ({"scans": -1}, r"Streets\.scans: a whole number, at least 0"),
        ({"scans": 2.5}, r"Streets\.scans: a whole number, at least 0; got 2\.5"),
        ({"seed": "a"}, r"Streets\.seed: a whole number"),
        ({"workers": 0}, r"Streets\.workers: a whole number, at least 1"),
        ({"interval_s": 0}, r"Streets\.interval_s: 0 < interval_s"),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Streets(**arguments)


def test_no_scans_are_legal() -> None:
    assert list(Streets(scans=0).prepare()) == []


def test_nothing_is_made_that_nobody_keeps() -> None:
    assert len(Streets(keep=False).prepare(progress=False)) == 2000
