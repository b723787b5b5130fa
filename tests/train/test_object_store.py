import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike import metrics
from neurospike.errors import ArgumentError
from neurospike.train.boxed_points import points_in_boxes
from neurospike.train.object_store import ObjectStore, build_store, open_store, paste_objects
from tests.train.scenes import RANGE, Scenes

CLASSES = ("Car", "Pedestrian")


@pytest.fixture(scope="module")
def store() -> ObjectStore:
    return build_store(Scenes(6), CLASSES)


def test_objects_are_cut_out_where_they_stood(store: ObjectStore) -> None:
    assert len(store) == 6 * 3
    assert np.bincount(store.kinds).tolist() == [12, 6]
    for row in range(len(store)):
        points = store.points_of(row)
        assert len(points) >= 60
        assert len(points_in_boxes(points, store.boxes[[row]])[0]) == len(points)


def test_objects_of_few_points_are_left() -> None:
    assert len(build_store(Scenes(2, points=4), ("Pedestrian",))) == 0


def test_pasted_objects_touch_nothing_and_clear_their_place(store: ObjectStore) -> None:
    sample = Scenes(1, seed=9)[0]
    wanted = {"Car": 8, "Pedestrian": 3}
    found = paste_objects(sample, store, wanted, RANGE, np.random.default_rng(0))
    added = len(found["names"]) - len(sample["names"])
    assert added > 0
    assert found["names"][:4] == sample["names"]
    assert found["names"].count("Car") <= 8
    overlaps = metrics.rotated_iou(found["boxes"], found["boxes"], mode="bev")
    for row in range(4, len(found["boxes"])):
        others = [place for place in range(len(found["boxes"])) if place != row]
        assert overlaps[row, others].max() == 0
    own = {tuple(point) for point in store.points.tolist()}
    for rows in points_in_boxes(found["points"], found["boxes"][4:]):
        assert all(tuple(point) in own for point in found["points"][rows].tolist())


def test_a_full_scan_stays_as_it_is(store: ObjectStore) -> None:
    sample = Scenes(1)[0]
    rng = np.random.default_rng(0)
    assert paste_objects(sample, store, {"Car": 2, "Pedestrian": 1}, RANGE, rng) is sample
    # A store of the same scan collides with itself.
    same = build_store(Scenes(1), CLASSES)
    assert paste_objects(sample, same, {"Car": 9}, RANGE, rng) is sample


def test_objects_out_of_range_are_not_pasted(store: ObjectStore) -> None:
    near = (0.0, -12.8, -3.0, 2.0, 12.8, 1.0)
    sample = Scenes(1, seed=9)[0]
    assert paste_objects(sample, store, {"Car": 9}, near, np.random.default_rng(0)) is sample


def test_the_same_generator_pastes_the_same(store: ObjectStore) -> None:
    sample = Scenes(1, seed=9)[0]
    a, b = (
        paste_objects(sample, store, {"Car": 9}, RANGE, np.random.default_rng(4)) for _ in range(2)
    )
    np.testing.assert_array_equal(a["points"], b["points"])
    np.testing.assert_array_equal(a["boxes"], b["boxes"])


class Counted(Scenes):
    reads = 0

    def __getitem__(self, index: int) -> dict[str, Any]:
        Counted.reads += 1
        return super().__getitem__(index)


def test_a_store_is_built_once_and_mended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = open_store(Counted(5), CLASSES, tmp_path, key="a")
    (path,) = tmp_path.iterdir()
    Counted.reads = 0
    again = open_store(Counted(5), CLASSES, tmp_path, key="a")
    assert Counted.reads == 2
    np.testing.assert_array_equal(first.points, again.points)
    assert first.classes == again.classes
    open_store(Counted(5, seed=1), CLASSES, tmp_path, key="a")
    open_store(Counted(5), CLASSES, tmp_path, key="b")
    assert len(list(tmp_path.iterdir())) == 3
    path.write_bytes(path.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        mended = open_store(Counted(5), CLASSES, tmp_path, key="a")
    assert "damaged" in caplog.text
    np.testing.assert_array_equal(first.points, mended.points)


def test_no_scans_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="needs training scans"):
        open_store(Scenes(0), CLASSES, tmp_path, key="")
