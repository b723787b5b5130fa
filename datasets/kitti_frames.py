"""A frame of KITTI's layout, written."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from neurospike.datasets.calibration import Calibration
from neurospike.datasets.kitti_labels import write_objects
from neurospike.datasets.objects import Objects
from neurospike.errors import ArgumentError
from neurospike.files import write_atomically


def write_velodyne(path: str | Path, points: ArrayLike) -> None:
    """Write points (N, 4), x, y, z in metres and intensity, as little-endian float32 rows.

    Raises
    ------
    ArgumentError
        Points of another shape, or none, which no reader would take.
    DataError
        A place that cannot be written.
    """
    write_atomically(path, scan_bytes(points))


def scan_bytes(points: ArrayLike) -> bytes:
    """The content of a ``.bin`` scan; ArgumentError as in ``write_velodyne``."""
    table = np.asarray(points)
    if table.ndim != 2 or table.shape[1] != 4 or not len(table):
        raise ArgumentError(
            f"write_velodyne.points: (N, 4) with N at least 1; got {table.shape}; a scan without "
            "points is no scan"
        )
    return table.astype("<f4").tobytes()


def write_kitti_frame(
    folder: str | Path,
    name: str,
    points: ArrayLike,
    objects: Objects | None,
    calibration: Calibration,
    *,
    picture: bool = False,
) -> None:
    """Write a frame that ``KITTI`` and others' tools read.

    Parameters
    ----------
    folder
        ``training`` or ``testing``; made when missing.
    name
        The frame, six digits in KITTI.
    points
        (N, 4) in the LiDAR's frame.
    objects
        None writes no label file, as in ``testing``.
    picture
        Write a black image too, of the calibration's size: OpenPCDet asks for one, to read that.

    Raises
    ------
    ArgumentError
        Points of another shape, or none.
    DataError
        A place that cannot be written.
    """
    folder = Path(folder)
    write_velodyne(folder / "velodyne" / f"{name}.bin", points)
    calibration.write(folder / "calib" / f"{name}.txt")
    if objects is not None:
        write_objects(folder / "label_2" / f"{name}.txt", objects)
    if picture:
        write_atomically(folder / "image_2" / f"{name}.png", black_png(calibration.image_size))


def black_png(size: tuple[int, int]) -> bytes:
    """A PNG of one channel; width and height in pixels.

    Source
    ------
    W3C, Portable Network Graphics, chunks IHDR, IDAT and IEND.
    """
    width, height = size
    rows = zlib.compress(bytes((1 + width) * height))  # each begins with its filter, 0
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
