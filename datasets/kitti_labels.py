"""KITTI's label and result files, and its levels of difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import read_lines
from neurospike.datasets.objects import Objects
from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically

CLASSES = (
    "Car",
    "Van",
    "Truck",
    "Pedestrian",
    "Person_sitting",
    "Cyclist",
    "Tram",
    "Misc",
    "DontCare",
)
"""Every name that the benchmark's labels use."""

LEVELS = ("easy", "moderate", "hard")
MIN_HEIGHT = (40, 25, 25)
"""Pixels that a 2D box must be higher than, by level; the benchmark's page has them."""
MAX_OCCLUDED = (0, 1, 2)
MAX_TRUNCATED = (0.15, 0.30, 0.50)

_OCCLUDED = (-1, 0, 1, 2, 3)
_FIELDS = 15
_AGAIN = "unpack data_object_label_2.zip again, or mend the line"


def read_objects(path: str | Path, *, classes: Sequence[str] | None = CLASSES) -> Objects:
    """The objects of a label file, or of a result file, whose lines end with a score.

    Parameters
    ----------
    classes
        Names that may occur; None takes any.

    Shape
    -----
    out: Objects (M,), regions ("DontCare") included; an empty file has none

    Raises
    ------
    DataError
        A file that is missing, a line cut short or too long, a value that is no finite number,
        an unknown name, a negative size, or scores on some lines only.

    Cost
    ----
    Some 50 µs a file.
    """
    path = Path(path)
    rows, names = [], []
    for number, line in enumerate(read_lines("read_objects", path, _AGAIN), start=1):
        name, *fields = line.split()
        if classes is not None and name not in classes:
            raise _broken(path, number, f"unknown class {name!r}; known: {', '.join(classes)}")
        rows.append(_numbers(path, number, fields))
        names.append(name)
        if name != "DontCare" and min(rows[-1][7:10]) < 0:
            raise _broken(
                path, number, f"{name} of negative size, {rows[-1][7:10]} (height, width, length)"
            )
    if len({len(row) for row in rows}) > 1:
        raise DataError(f"read_objects: {path}: scores on some lines only; {_AGAIN}")
    table = np.array(rows, dtype=np.float64).reshape(len(rows), -1 if rows else _FIELDS - 1)
    return Objects(
        names=tuple(names),
        truncated=table[:, 0],
        occluded=table[:, 1].astype(np.int64),
        alpha=table[:, 2],
        bbox=table[:, 3:7],
        dimensions=table[:, 7:10],
        location=table[:, 10:13],
        rotation_y=table[:, 13],
        score=table[:, 14] if table.shape[1] == _FIELDS else None,
    )


def write_objects(path: str | Path, objects: Objects, *, decimals: int = 6) -> None:
    """Write a label file, or where there are scores a result file.

    The benchmark's own labels have two decimals; six keep a box to a micrometre.

    Raises
    ------
    ArgumentError
        What no reader would take: a name with a blank in it, values that are not finite, or an
        object of negative size.
    DataError
        A place that cannot be written.
    """
    lines = []
    columns = [
        objects.alpha[:, None],
        objects.bbox,
        objects.dimensions,
        objects.location,
        objects.rotation_y[:, None],
    ]
    if objects.score is not None:
        columns.append(objects.score[:, None])
    table = np.concatenate(columns, axis=1)
    _check_rows(objects, table)
    for name, truncated, occluded, row in zip(
        objects.names, objects.truncated, objects.occluded, table, strict=True
    ):
        values = " ".join(f"{value:.{decimals}f}" for value in row)
        lines.append(f"{name} {truncated:.{decimals}f} {occluded} {values}\n")
    write_atomically(path, "".join(lines))


def difficulty(objects: Objects) -> NDArray[np.int64]:
    """The easiest level that each object belongs to: (M,) 0 easy, 1 moderate, 2 hard, -1 none.

    Levels contain one another: what is easy counts as moderate and hard too. Regions are -1.

    Examples
    --------
    >>> difficulty(Objects.empty()).tolist()
    []
    """
    height = objects.bbox[:, 3] - objects.bbox[:, 1]
    real = np.array([name != "DontCare" for name in objects.names], dtype=bool)
    level = np.full(len(objects), -1, dtype=np.int64)
    for rank in reversed(range(len(LEVELS))):
        belongs = (
            real
            & (height > MIN_HEIGHT[rank])
            & (objects.occluded <= MAX_OCCLUDED[rank])
            & (objects.truncated <= MAX_TRUNCATED[rank])
        )
        level[belongs] = rank
    return level


def _check_rows(objects: Objects, table: NDArray[np.float64]) -> None:
    numbers = np.column_stack([objects.truncated, table])
    for name, row, size in zip(objects.names, numbers, objects.dimensions, strict=True):
        if len(name.split()) != 1:
            raise ArgumentError(f"write_objects.objects: names without blanks; got {name!r}")
        if not np.isfinite(row).all():
            raise ArgumentError(
                f"write_objects.objects: finite values; got {row.tolist()} of {name}; leave it out"
            )
        if name != "DontCare" and size.min() < 0:
            raise ArgumentError(
                f"write_objects.objects: sizes of 0 or more; got {size.tolist()} of {name}; "
                "leave it out"
            )


def _numbers(path: Path, number: int, fields: list[str]) -> list[float]:
    if len(fields) not in (_FIELDS - 1, _FIELDS):
        raise _broken(
            path,
            number,
            f"a class and {_FIELDS - 1} values, or {_FIELDS} with a score; got "
            f"{len(fields)} values, so the file was cut short or is no label file",
        )
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        raise _broken(path, number, str(error)) from error
    if not np.isfinite(values).all():
        raise _broken(path, number, f"values must be finite; got {' '.join(fields)}")
    if values[1] not in _OCCLUDED:
        raise _broken(path, number, f"occlusion is a level from -1 to 3; got {fields[1]}")
    return values


def _broken(path: Path, number: int, what: str) -> DataError:
    return DataError(f"read_objects: {path}: line {number}: {what}; {_AGAIN}")
