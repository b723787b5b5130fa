"""SemanticKITTI's classes and label files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.datasets._common import read_bytes
from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically

IGNORED = -1
"""Train id of points that are not scored."""

# Train ids are places in this table: the raw id that stands for the class, then those that a
# single scan cannot tell from it, moving ones among them.
_RAW: dict[str, tuple[int, ...]] = {
    "car": (10, 252),
    "bicycle": (11,),
    "motorcycle": (15,),
    "truck": (18, 258),
    "other-vehicle": (20, 13, 16, 256, 257, 259),
    "person": (30, 254),
    "bicyclist": (31, 253),
    "motorcyclist": (32, 255),
    "road": (40, 60),
    "parking": (44,),
    "sidewalk": (48,),
    "other-ground": (49,),
    "building": (50,),
    "fence": (51,),
    "vegetation": (70,),
    "trunk": (71,),
    "terrain": (72,),
    "pole": (80,),
    "traffic-sign": (81,),
}
_IGNORED_RAW = (0, 1, 52, 99)  # unlabelled, outlier, other structure, other object

CLASSES = tuple(_RAW)
"""The official 19 classes in the official order; source: semantic-kitti.yaml of the authors' API
(Behley et al., SemanticKITTI, ICCV 2019)."""

SHARES = np.array(
    [
        *(0.0426078, 0.000166096, 0.000398386, 0.00216494, 0.00180705, 0.000337583, 0.000127111),
        *(3.74611e-05, 0.198796, 0.0147172, 0.143923, 0.00390486, 0.132686, 0.0723592, 0.266815),
        *(0.00603501, 0.0781422, 0.0028555, 0.000615596),
    ]
)
"""Share of each class in all labelled points, by the same file's ``content``."""

_UNKNOWN = -2
_TO_TRAIN = np.full(1 << 16, _UNKNOWN, dtype=np.int64)
_TO_TRAIN[list(_IGNORED_RAW)] = IGNORED
for _train, _raw in enumerate(_RAW.values()):
    _TO_TRAIN[list(_raw)] = _train
_TO_RAW = np.array([raw[0] for raw in _RAW.values()] + [0], dtype=np.uint32)  # -1 is the last


def to_train_ids(raw: ArrayLike) -> NDArray[np.int64]:
    """Official ids, such as 252 for a moving car, as train ids 0..18, -1 where ignored.

    Raises
    ------
    ArgumentError
        An id that the official file does not have, or no whole numbers.

    Examples
    --------
    >>> to_train_ids([10, 252, 40, 0]).tolist()
    [0, 0, 8, -1]
    """
    ids = _whole("to_train_ids.raw", raw)
    inside = ids.size == 0 or (ids.min() >= 0 and ids.max() < len(_TO_TRAIN))
    train = _TO_TRAIN[ids] if inside else np.full(ids.shape, _UNKNOWN)
    if (train == _UNKNOWN).any():
        unknown = np.unique(ids[train == _UNKNOWN])
        raise ArgumentError(
            f"to_train_ids.raw: ids of semantic-kitti.yaml; got {unknown[:5].tolist()} on "
            f"{int((train == _UNKNOWN).sum())} points; map your own classes to official ids"
        )
    return train


def to_raw_ids(train: ArrayLike) -> NDArray[np.uint32]:
    """Train ids as the official ids that the benchmark's server takes; -1 becomes 0.

    Raises
    ------
    ArgumentError
        An id outside -1..18, or no whole numbers.

    Examples
    --------
    >>> to_raw_ids([0, 18, -1]).tolist()
    [10, 81, 0]
    """
    ids = _whole("to_raw_ids.train", train)
    if ids.size and (ids.min() < IGNORED or ids.max() >= len(CLASSES)):
        raise ArgumentError(
            f"to_raw_ids.train: from -1 to {len(CLASSES) - 1}; got {ids.min()} to {ids.max()}"
        )
    return np.asarray(_TO_RAW[ids])


def read_labels(path: str | Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Train ids (N,) and instances (N,) of a ``.label`` file; instance 0 is none.

    Raises
    ------
    DataError
        A file that is missing, empty, cut short, or with an id that is not official.

    Cost
    ----
    2 ms for 120,000 points.
    """
    path = Path(path)
    again = "unpack data_odometry_labels.zip again"
    data = read_bytes("read_labels", path, again)
    if not data or len(data) % 4:
        raise DataError(
            f"read_labels: {path}: a uint32 a point; got {len(data)} bytes: cut short; {again}"
        )
    packed = np.frombuffer(data, dtype="<u4")
    try:
        train = to_train_ids(packed & 0xFFFF)
    except ArgumentError as error:
        raise DataError(f"read_labels: {path}: {error}") from error
    return train, (packed >> 16).astype(np.int64)


def write_labels(path: str | Path, label: ArrayLike, instance: ArrayLike | None = None) -> None:
    """Write train ids (N,), and instances (N,), as a ``.label`` file of official ids.

    Predictions for the benchmark's server go to ``sequences/11/predictions/000000.label``.

    Raises
    ------
    ArgumentError
        Train ids outside -1..18, instances outside 0..65535, no whole numbers, or arrays of
        different lengths.
    DataError
        A place that cannot be written.
    """
    write_atomically(path, label_bytes(label, instance))


def label_bytes(label: ArrayLike, instance: ArrayLike | None = None) -> bytes:
    """The content of a ``.label`` file; ArgumentError as in ``write_labels``."""
    raw = to_raw_ids(label)
    objects = (
        np.zeros(raw.shape, np.int64)
        if instance is None
        else _whole("write_labels.instance", instance)
    )
    if raw.ndim != 1 or objects.shape != raw.shape:
        raise ArgumentError(
            f"write_labels.instance: one for every label (N,); got {objects.shape} and {raw.shape}"
        )
    if objects.size and (objects.min() < 0 or objects.max() > 0xFFFF):
        raise ArgumentError(
            f"write_labels.instance: from 0 to 65535; got {objects.min()} to {objects.max()}"
        )
    return (raw | objects.astype(np.uint32) << 16).astype("<u4").tobytes()


def _whole(argument: str, values: ArrayLike) -> NDArray[Any]:
    table = np.asarray(values)
    if not table.size:
        return table.astype(np.int64)
    if table.dtype.kind not in "iu":
        raise ArgumentError(f"{argument}: whole numbers; got {table.dtype}")
    return table
