"""KITTI's calibration files: three of their matrices, and what they imply of the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurospike.datasets._common import read_lines
from neurospike.datasets.objects import Floats
from neurospike.errors import DataError

SHAPES = {"p2": (3, 4), "r0_rect": (3, 3), "tr_velo_to_cam": (3, 4)}

IMAGE_SIZE = (1242, 375)
"""Width and height of most of KITTI's images, where nothing says better."""

IMAGE_SIZES = {
    721.5377: (1242, 375),
    707.0493: (1224, 370),
    718.3351: (1238, 374),
    707.0912: (1226, 370),
    718.856: (1241, 376),
}
"""By the focal length of P2: each of the five days of recording has its own rectified image, as
``S_rect_02`` and ``P_rect_02`` of the raw data's ``calib_cam_to_cam.txt`` say."""

# What the object, tracking and odometry benchmarks call the same matrix; odometry has no R0.
_KEYS = {
    "p2": ("P2",),
    "r0_rect": ("R0_rect", "R_rect"),
    "tr_velo_to_cam": ("Tr_velo_to_cam", "Tr_velo_cam", "Tr"),
}
_AGAIN = "unpack data_object_calib.zip again, docs/data.md says where from"


def read_calibration(path: Path) -> tuple[dict[str, Floats], tuple[int, int]]:
    """The matrices of ``SHAPES``, and the image's size: a line of its own, or what P2 implies.

    Raises
    ------
    DataError
        As in ``Calibration.read``.
    """
    found = {}
    for line in read_lines("Calibration.read", path, _AGAIN):
        # The tracking benchmark writes some of its keys without a colon.
        key, *values = line.replace(":", " ", 1).split() or [""]
        found[key] = values
    matrices = {name: _matrix(path, found, name) for name in SHAPES}
    if "image_size" in found:
        return matrices, _size(path, found["image_size"])
    return matrices, _usual_size(matrices["p2"])


def calibration_text(
    p2: Floats, r0_rect: Floats, tr_velo_to_cam: Floats, image_size: tuple[int, int]
) -> str:
    """The content of a calibration file; 17 digits keep every bit."""
    rows = {f"P{camera}": p2 for camera in range(4)}
    rows |= {"R0_rect": r0_rect, "Tr_velo_to_cam": tr_velo_to_cam}
    rows |= {"Tr_imu_to_velo": np.eye(3, 4)}
    lines = [
        f"{key}: " + " ".join(f"{value:.17g}" for value in matrix.ravel())
        for key, matrix in rows.items()
    ]
    if image_size != _usual_size(p2):
        lines.append(f"image_size: {image_size[0]} {image_size[1]}")
    return "\n".join(lines) + "\n"


def _usual_size(p2: Floats) -> tuple[int, int]:
    return IMAGE_SIZES.get(round(float(p2[0, 0]), 4), IMAGE_SIZE)


def _matrix(path: Path, found: dict[str, list[str]], name: str) -> Floats:
    key = next((key for key in _KEYS[name] if key in found), None)
    if key is None and name == "r0_rect" and "Tr" in found:
        return np.eye(3)
    if key is None:
        raise DataError(f"Calibration.read: {path}: no line of {_KEYS[name][0]}; {_AGAIN}")
    rows, columns = SHAPES[name]
    try:
        numbers = np.array([float(value) for value in found[key]])
    except ValueError as error:
        raise DataError(f"Calibration.read: {path}: {key}: {error}; {_AGAIN}") from error
    if len(numbers) != rows * columns:
        raise DataError(
            f"Calibration.read: {path}: {key} has {rows * columns} values; got {len(numbers)}; "
            f"{_AGAIN}"
        )
    return numbers.reshape(rows, columns)


def _size(path: Path, values: list[str]) -> tuple[int, int]:
    try:
        width, height = (int(value) for value in values)
    except ValueError as error:
        raise DataError(
            f"Calibration.read: {path}: image_size is two whole numbers; got {values}; {_AGAIN}"
        ) from error
    return width, height
