"""Boxes of a scan in a file: one JSON document that says its frame, its units and its classes.

::

    {
     "format": "neurospike-boxes",
     "version": 1,
     "frame": "lidar: x forward, y left, z up; yaw counter-clockwise about z, 0 along x",
     "units": {"length": "m", "angle": "rad"},
     "columns": ["x", "y", "z", "length", "width", "height", "yaw"],
     "classes": ["Car", "Pedestrian", "Cyclist"],
     "scan": "000001.bin",
     "boxes": [[12.1, -3.0, -0.9, 3.9, 1.6, 1.5, 0.02]],
     "names": ["Car"],
     "scores": [0.93],
     "meta": {}
    }

x, y and z are the middle of the box. ``classes`` are all that could have been found; a name of a
box is one of them. ``scores`` lie in 0..1, or are null where boxes are true. ``meta`` is the
writer's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically

FORMAT = "neurospike-boxes"
VERSION = 1

_CONSTANT = {
    "format": FORMAT,
    "version": VERSION,
    "frame": "lidar: x forward, y left, z up; yaw counter-clockwise about z, 0 along x",
    "units": {"length": "m", "angle": "rad"},
    "columns": ["x", "y", "z", "length", "width", "height", "yaw"],
}
_DECIMALS = 6  # a micrometre
_AGAIN = "write it again with `neurospike detect`"


@dataclass(frozen=True)
class BoxesFile:
    """What a boxes file holds.

    Attributes
    ----------
    boxes
        float64 (M, 7): middle, length, width, height in metres, yaw in radians.
    scores
        float64 (M,) in 0..1; None of true boxes.
    """

    boxes: NDArray[np.float64]
    names: tuple[str, ...]
    scores: NDArray[np.float64] | None
    classes: tuple[str, ...]
    scan: str = ""
    meta: dict[str, Any] = field(default_factory=dict)


def write_boxes(
    path: str | Path,
    boxes: ArrayLike,
    names: Sequence[str],
    scores: ArrayLike | None,
    *,
    classes: Sequence[str],
    scan: str = "",
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Write boxes (M, 7) of the LiDAR frame, their names and scores; M may be 0.

    Raises
    ------
    ArgumentError
        Shapes that do not fit, values that are not finite, a negative edge, a name that is no
        class, a score outside 0..1, or ``meta`` that JSON cannot hold.
    DataError
        A place that cannot be written; nothing is left behind.
    """
    rows = np.asarray(boxes, np.float64)
    rows = rows.reshape(0, 7) if rows.size == 0 else rows
    sure = None if scores is None else np.asarray(scores, np.float64)
    problem = _problem(rows, tuple(names), sure, tuple(classes))
    if problem:
        raise ArgumentError(f"write_boxes: {problem}.")
    document = {
        **_CONSTANT,
        "classes": list(classes),
        "scan": scan,
        "boxes": np.round(rows, _DECIMALS).tolist(),
        "names": list(names),
        "scores": None if sure is None else np.round(sure, _DECIMALS).tolist(),
        "meta": dict(meta or {}),
    }
    try:
        lines = [f" {json.dumps(key)}: {_shown(key, value)}" for key, value in document.items()]
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"write_boxes.meta: must be JSON values; got {error}.") from error
    write_atomically(path, "{\n" + ",\n".join(lines) + "\n}\n")


def read_boxes(path: str | Path) -> BoxesFile:
    """Read what ``write_boxes`` has written, or anybody in its format.

    Raises
    ------
    DataError
        A file that is missing, no JSON, of another format, of a newer version, or damaged.
    """
    document = _document(Path(path))
    try:
        boxes = np.asarray(document["boxes"], np.float64)
        boxes = boxes.reshape(0, 7) if boxes.size == 0 else boxes
        given = document["scores"]
        scores = None if given is None else np.asarray(given, np.float64)
        names = tuple(str(name) for name in document["names"])
        classes = tuple(str(name) for name in document["classes"])
        found = BoxesFile(
            boxes, names, scores, classes, str(document.get("scan", "")),
            dict(document.get("meta") or {}),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: does not describe boxes ({error!r}); {_AGAIN}.") from error
    problem = _problem(boxes, names, scores, classes)
    if problem:
        raise DataError(f"{path}: {problem}; {_AGAIN}.")
    return found


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON, or cut short ({error}); {_AGAIN}.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataError(f"{path}: is JSON, but no file of boxes; {_AGAIN}.")
    version = document.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise DataError(
            f"{path}: is of version {version}, this neurospike reads up to {VERSION}; upgrade it."
        )
    for key in ("frame", "units", "columns"):
        if document.get(key) != _CONSTANT[key]:
            raise DataError(
                f"{path}: {key} must be {json.dumps(_CONSTANT[key])}; got "
                f"{json.dumps(document.get(key))}; convert the boxes."
            )
    return document


def _problem(
    boxes: NDArray[np.float64],
    names: tuple[str, ...],
    scores: NDArray[np.float64] | None,
    classes: tuple[str, ...],
) -> str:
    """What is wrong with boxes, in a few words; empty where nothing is."""
    if boxes.ndim != 2 or boxes.shape[1] != 7:
        return f"boxes must be (M, 7); got {boxes.shape}"
    if not np.isfinite(boxes).all() or (boxes[:, 3:6] < 0).any():
        return "boxes must be finite, with edges of 0 m or more"
    if len(names) != len(boxes):
        return f"names must be one a box, {len(boxes)}; got {len(names)}"
    unknown = sorted(set(names) - set(classes))
    if unknown:
        return f"names must be among the classes {', '.join(classes)}; got {', '.join(unknown)}"
    if scores is None:
        return ""
    if scores.shape != (len(boxes),):
        return f"scores must be one a box, ({len(boxes)},); got {scores.shape}"
    inside = bool(((scores >= 0) & (scores <= 1)).all())  # no, too, where one is NaN
    return "" if inside else "scores must lie in 0..1"


def _shown(key: str, value: Any) -> str:
    """JSON of a value, boxes a line each."""
    if key == "boxes" and value:
        rows = ",\n  ".join(json.dumps(row) for row in value)
        return f"[\n  {rows}\n ]"
    return json.dumps(value, allow_nan=False)
