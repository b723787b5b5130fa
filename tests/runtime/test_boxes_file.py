"""Boxes in a file: what is written comes back, what is damaged is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike.errors import ArgumentError, DataError
from neurospike.runtime import read_boxes, write_boxes

CLASSES = ("Car", "Pedestrian", "Cyclist")
BOXES = np.array([[12.1, -3.0, -0.9, 3.9, 1.6, 1.5, 0.02], [8.0, 1.0, -0.7, 0.8, 0.6, 1.7, -3.1]])
NAMES = ("Car", "Pedestrian")


def written(path: Path, **changes: Any) -> Path:
    write_boxes(path, BOXES, NAMES, [0.93, 0.4], classes=CLASSES, scan="000001.bin", meta={"a": 1})
    if changes:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    found = read_boxes(written(tmp_path / "boxes.json"))
    assert np.array_equal(found.boxes, BOXES)
    assert (found.names, found.classes) == (NAMES, CLASSES)
    assert found.scores is not None
    assert found.scores.tolist() == [0.93, 0.4]
    assert (found.scan, found.meta) == ("000001.bin", {"a": 1})


@pytest.mark.parametrize("scores", [None, []])
def test_a_scan_may_be_empty_and_boxes_may_be_true(tmp_path: Path, scores: Any) -> None:
    path = tmp_path / "none.json"
    write_boxes(path, [], [], scores, classes=CLASSES)
    found = read_boxes(path)
    assert found.boxes.shape == (0, 7)
    assert (found.scores is None) is (scores is None)


def test_the_document_says_its_frame_units_and_classes(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path / "boxes.json").read_text())
    assert document["frame"].startswith("lidar: x forward, y left, z up")
    assert document["units"] == {"length": "m", "angle": "rad"}
    assert document["columns"] == ["x", "y", "z", "length", "width", "height", "yaw"]
    assert document["classes"] == list(CLASSES)
    assert [len(row) for row in document["boxes"]] == [7, 7]


DAMAGED = {
    "format": ({"format": "other"}, "no file of boxes"),
    "newer": ({"version": 2}, "version 2"),
    "frame": ({"frame": "camera"}, "frame must be"),
    "units": ({"units": {"length": "ft"}}, "units must be"),
    "shape": ({"boxes": [[1, 2, 3]]}, r"\(M, 7\)"),
    "text": ({"boxes": [["a"] * 7]}, "does not describe boxes"),
    "ragged": ({"boxes": [[1] * 7, [1] * 6]}, "does not describe boxes"),
    "negative": ({"boxes": [[0, 0, 0, -1, 1, 1, 0]] * 2}, "0 m or more"),
    "names": ({"names": ["Car"]}, "one a box"),
    "unknown": ({"names": ["Car", "Cow"]}, "among the classes"),
    "scores": ({"scores": [1.0]}, "one a box"),
    "range": ({"scores": [1.0, 2.0]}, r"0\.\.1"),
    "missing": ({"scores": "no"}, "does not describe boxes"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, case: str) -> None:
    changes, match = DAMAGED[case]
    path = written(tmp_path / "boxes.json", **changes)
    with pytest.raises(DataError, match=match) as caught:
        read_boxes(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "[1"])
def test_a_file_cut_short_is_no_boxes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(DataError, match="boxes"):
        read_boxes(path)


def test_a_missing_file_and_a_missing_key_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_boxes(tmp_path / "none.json")
    path = written(tmp_path / "boxes.json")
    document = json.loads(path.read_text())
    del document["names"]
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match="names"):
        read_boxes(path)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((BOXES[:, :6], NAMES, None), r"\(M, 7\)"),
        ((BOXES * np.nan, NAMES, None), "finite"),
        ((BOXES, NAMES, [0.1, np.nan]), r"0\.\.1"),
        ((BOXES, ("Car", "Cow"), None), "Cow"),
    ],
)
def test_bad_boxes_are_not_written(tmp_path: Path, arguments: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        write_boxes(tmp_path / "boxes.json", *arguments, classes=CLASSES)
    with pytest.raises(ArgumentError, match="meta"):
        write_boxes(tmp_path / "b.json", [], [], None, classes=CLASSES, meta={"a": object()})
    assert not list(tmp_path.iterdir())
