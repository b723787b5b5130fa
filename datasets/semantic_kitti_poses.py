"""Where the LiDAR stood: the poses of a sequence, read and written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from neurospike.datasets._common import read_lines
from neurospike.datasets.objects import Floats
from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically

_AGAIN = "unpack data_odometry_labels.zip and data_odometry_calib.zip again"


def read_poses(folder: str | Path) -> Floats:
    """LiDAR poses (F, 4, 4) of a sequence: from each scan's frame to the first scan's.

    ``poses.txt`` holds those of the left camera; ``Tr`` in ``calib.txt`` is what lies between.

    Raises
    ------
    DataError
        A file that is missing, cut short, or of no numbers.
    """
    folder = Path(folder)
    lines = read_lines("read_poses", folder / "poses.txt", _AGAIN)
    camera = np.stack([_rigid(folder / "poses.txt", line) for line in lines] or [np.eye(4)])
    move = _lidar_to_camera(folder / "calib.txt")
    return np.asarray(np.linalg.inv(move) @ camera @ move)[: len(lines)]


def write_poses(folder: str | Path, poses: ArrayLike) -> None:
    """Write ``poses.txt`` and a ``calib.txt`` for LiDAR poses (F, 4, 4).

    The camera of that file stands where the LiDAR does and looks along its x axis.

    Raises
    ------
    ArgumentError
        Poses of another shape.
    DataError
        A place that cannot be written.
    """
    table = np.asarray(poses, dtype=np.float64)
    if table.ndim != 3 or table.shape[1:] != (4, 4):
        raise ArgumentError(f"write_poses.poses: (F, 4, 4); got {table.shape}")
    move = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64)
    camera = move @ table @ move.T
    lines = [_text(pose) for pose in camera]
    write_atomically(Path(folder) / "poses.txt", "".join(f"{line}\n" for line in lines))
    projection = _text(np.array([[721.5377, 0, 621, 0], [0, 721.5377, 187.5, 0], [0, 0, 1, 0]]))
    calib = [f"P{camera}: {projection}" for camera in range(4)] + [f"Tr: {_text(move)}"]
    write_atomically(Path(folder) / "calib.txt", "".join(f"{line}\n" for line in calib))


def _text(matrix: Floats) -> str:
    return " ".join(f"{value:.17g}" for value in matrix[:3].ravel())


def _lidar_to_camera(path: Path) -> Floats:
    for line in read_lines("read_poses", path, _AGAIN):
        key, _, values = line.partition(":")
        if key.strip() == "Tr":
            return _rigid(path, values)
    raise DataError(f"read_poses: {path}: no line of Tr; {_AGAIN}")


def _rigid(path: Path, line: str) -> Floats:
    try:
        numbers = np.array([float(value) for value in line.split()])
    except ValueError as error:
        raise DataError(f"read_poses: {path}: {error}; {_AGAIN}") from error
    if len(numbers) != 12 or not np.isfinite(numbers).all():
        raise DataError(
            f"read_poses: {path}: a pose is 12 finite numbers; got {len(numbers)}; {_AGAIN}"
        )
    pose = np.eye(4)
    pose[:3] = numbers.reshape(3, 4)
    return pose
