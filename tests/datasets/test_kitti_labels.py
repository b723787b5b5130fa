"""Label and result files, and levels of difficulty."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurospike.datasets import Calibration, Objects, difficulty, read_objects, write_objects
from neurospike.errors import ArgumentError, DataError

LINE = "Car 0.10 1 1.85 387.63 181.54 423.81 223.12 1.67 1.87 3.69 -16.53 2.39 58.49 1.57"


def some(count: int, scores: object = None) -> Objects:
    rng = np.random.default_rng(0)
    boxes = rng.uniform((5, -20, -2, 1, 1, 1, -3), (70, 20, 2, 12, 3, 3, 3), (count, 7))
    return Calibration.typical().objects_of(boxes, ["Car"] * count, scores)


def test_every_value_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(LINE + "\n\n")
    objects = read_objects(path)
    assert objects.names == ("Car",)
    assert objects.truncated.tolist() == [0.1]
    assert objects.occluded.tolist() == [1]
    assert objects.occluded.dtype == np.int64
    assert objects.alpha.tolist() == [1.85]
    assert objects.bbox.tolist() == [[387.63, 181.54, 423.81, 223.12]]
    assert objects.dimensions.tolist() == [[1.67, 1.87, 3.69]]
    assert objects.location.tolist() == [[-16.53, 2.39, 58.49]]
    assert objects.rotation_y.tolist() == [1.57]
    assert objects.score is None
    path.write_text(LINE + " 0.75")
    scored = read_objects(path)
    assert scored.score is not None
    assert scored.score.tolist() == [0.75]


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("scored", [False, True])
def test_objects_come_back(tmp_path: Path, count: int, scored: bool) -> None:
    objects = some(count, np.linspace(0, 1, count) if scored else None)
    path = tmp_path / "new" / "000000.txt"
    write_objects(path, objects)
    again = read_objects(path)
    assert again.names == objects.names
    fields = ("truncated", "alpha", "bbox", "dimensions", "location", "rotation_y")
    for field in (*fields, "score") if scored and count else fields:
        got, expected = getattr(again, field), getattr(objects, field)
        assert got.shape == expected.shape
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, atol=1e-6)
    assert np.array_equal(again.occluded, objects.occluded)
    assert (again.score is not None) == bool(scored and count)


def test_chosen_rows_keep_all_their_values() -> None:
    objects = some(4, np.arange(4))
    some_rows = objects.chosen(np.array([True, False, False, True]))
    assert some_rows.score is not None
    assert some_rows.score.tolist() == [0, 3]
    assert np.array_equal(some_rows.location, objects.location[[0, 3]])
    assert len(objects.chosen(np.zeros(4, dtype=bool))) == 0


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (LINE[:40], "line 1: a class and 14 values, or 15 with a score; got 7 values"),
        (LINE + " 1 2", "got 16 values"),
        (LINE.replace("Car", "Boat"), "line 1: unknown class 'Boat'; known: Car, Van"),
        (LINE.replace("1.87", "-1.87"), "line 1: Car of negative size"),
        (LINE.replace("1.87", "nan"), "line 1: values must be finite"),
        (LINE.replace("1.87", "wide"), "line 1: could not convert string to float: 'wide'"),
        (LINE.replace(" 1 ", " 4 "), "line 1: occlusion is a level from -1 to 3; got 4"),
        (LINE + "\n" + LINE + " 0.5", "scores on some lines only"),
        (LINE + "\n" + LINE[:-30], "line 2: a class and 14 values"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=match) as caught:
        read_objects(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_text_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "000000.txt"
    with pytest.raises(DataError, match="cannot read"):
        read_objects(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_objects(path)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=120))
def test_any_bytes_are_objects_or_a_data_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "000000.txt"
    for data in (raw, LINE.encode() + raw):
        path.write_bytes(data)
        try:
            read_objects(path)
        except DataError as error:
            assert "\n" not in str(error)


def test_other_classes_on_demand(tmp_path: Path) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(LINE.replace("Car", "Boat"))
    assert read_objects(path, classes=None).names == ("Boat",)
    assert read_objects(path, classes=("Boat",)).names == ("Boat",)
    with pytest.raises(ArgumentError, match="names without blanks; got 'A boat'"):
        write_objects(path, replace(some(1), names=("A boat",)))
    assert read_objects(path, classes=None).names == ("Boat",)  # what was there stays


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "000000.txt"
    objects = some(2, [0.5, 0.6])
    for field in ("location", "dimensions", "score", "truncated"):
        broken = np.array(getattr(objects, field))
        broken[1] = np.nan
        with pytest.raises(ArgumentError, match=r"finite values; got \[.*nan.*\] of Car"):
            write_objects(path, replace(objects, **{field: broken}))
    with pytest.raises(ArgumentError, match=r"sizes of 0 or more; got \[-"):
        write_objects(path, replace(objects, dimensions=-objects.dimensions))
    assert not path.exists()


def test_levels_by_hand() -> None:
    """Height in pixels, occlusion, truncation; limits themselves are inside but for the height."""
    rows = [
        (41, 0, 0.15, 0),
        (40, 0, 0.15, 1),
        (41, 1, 0.15, 1),
        (41, 0, 0.16, 1),
        (26, 1, 0.30, 1),
        (26, 2, 0.30, 2),
        (26, 1, 0.31, 2),
        (26, 2, 0.50, 2),
        (25, 0, 0.00, -1),
        (99, 3, 0.00, -1),
        (99, 0, 0.51, -1),
    ]
    height, occluded, truncated, level = np.array(rows).T
    bbox = np.stack([0 * height, 0 * height, 0 * height + 50, height], axis=1)
    objects = replace(
        some(len(rows)), bbox=bbox, occluded=occluded.astype(np.int64), truncated=truncated
    )
    assert difficulty(objects).tolist() == level.tolist()
    regions = replace(objects, names=("DontCare",) * len(rows))
    assert set(difficulty(regions)) == {-1}
