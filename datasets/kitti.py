"""KITTI's velodyne scans."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import (
    PROTOCOLS,
    SPLITS,
    Sample,
    Samples,
    check_choice,
    existing_folder,
    read_bytes,
    read_lines,
)
from neurospike.errors import ArgumentError, DataError

_log = logging.getLogger(__name__)

_AGAIN = "copy or download the file again"
_WHERE = (
    "unpack data_object_velodyne.zip of https://www.cvlibs.net/datasets/kitti there (needs a "
    "login); the layout is training/velodyne/000000.bin, docs/data.md shows it"
)


def read_velodyne(path: str | Path, *, columns: int = 4) -> NDArray[np.float32]:
    """Points of a ``.bin`` scan: little-endian float32, row after row.

    Parameters
    ----------
    columns
        Values a point: 4 for KITTI (x, y, z in metres, reflectance), 5 for nuScenes.

    Shape
    -----
    out: float32 (N, columns), as stored; points that are not finite are counted in the log and
    left to the Voxelizer, which rejects them

    Raises
    ------
    ArgumentError
        Fewer than three columns.
    DataError
        A file that is missing, empty, or not whole rows: truncated, or of other columns.

    Cost
    ----
    One read; 2 ms for 120,000 points.
    """
    if columns < 3:
        raise ArgumentError(f"read_velodyne.columns: at least x, y, z; got {columns}")
    path = Path(path)
    raw = read_bytes("read_velodyne", path, "check the path")
    if not raw:
        raise DataError(f"read_velodyne: {path}: a scan needs points; got an empty file; {_AGAIN}")
    if len(raw) % (4 * columns):
        raise DataError(
            f"read_velodyne: {path}: whole rows of {4 * columns} bytes ({columns} float32 "
            f"columns); got {len(raw)} bytes: truncated, or another number of columns; "
            f"{_AGAIN}, or name the columns"
        )
    points = np.frombuffer(raw, dtype="<f4").reshape(-1, columns).astype(np.float32)
    lost = int((~np.isfinite(points).all(axis=1)).sum())
    if lost:
        _log.warning("read_velodyne: %s: %d of %d points are not finite", path, lost, len(points))
    return points


class KITTI(Samples):
    """Scans of the KITTI object benchmark, in the official layout.

    Parameters
    ----------
    root
        The folder of ``training`` and ``testing``.
    split
        ``train`` and ``val`` share ``training``: as ``ImageSets/train.txt`` and ``val.txt`` have
        it where they are there, otherwise every tenth frame of a shuffle by seed is ``val``.
        ``test`` is ``testing``, which has no labels.
    protocol
        ``legacy`` trains on all of ``training``; ``val`` stays as it is, a part of it.

    Shape
    -----
    sample: points float32 (N, 4) as x, y, z in metres and reflectance; label, the lines of
    ``label_2`` as they stand, a tuple that is empty without labels; name, the frame

    Raises
    ------
    DataError
        A folder or file that is missing, an empty split, or a damaged scan.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: Literal["train", "val", "test"] = "train",
        protocol: Literal["clean", "legacy"] = "clean",
        seed: int = 0,
    ) -> None:
        check_choice("KITTI", "split", split, SPLITS)
        check_choice("KITTI", "protocol", protocol, PROTOCOLS)
        top = existing_folder("KITTI", root, _WHERE)
        self.folder = top / ("testing" if split == "test" else "training")
        scans = existing_folder("KITTI", self.folder / "velodyne", _WHERE)
        frames = sorted(path.stem for path in scans.glob("*.bin"))
        if not (split == "test" or (split == "train" and protocol == "legacy")):
            frames = _part(top, frames, split, seed)
        if not frames:
            raise DataError(f"KITTI: {scans}: no scans to {split}; {_WHERE}")
        self.frames = tuple(frames)

    def __len__(self) -> int:
        return len(self.frames)

    def paths(self, index: int) -> dict[str, Path]:
        """Where a frame's scan, calibration and labels lie; the last two may be missing."""
        frame = self.frames[index]
        return {
            "velodyne": self.folder / "velodyne" / f"{frame}.bin",
            "calib": self.folder / "calib" / f"{frame}.txt",
            "label_2": self.folder / "label_2" / f"{frame}.txt",
        }

    def _sample(self, index: int) -> Sample:
        paths = self.paths(index)
        label: tuple[Any, ...] = ()
        if paths["label_2"].is_file():
            label = tuple(read_lines("KITTI", paths["label_2"], _AGAIN))
        return {
            "points": read_velodyne(paths["velodyne"]),
            "label": label,
            "name": self.frames[index],
        }


def _part(top: Path, frames: list[str], split: str, seed: int) -> list[str]:
    listing = top / "ImageSets" / f"{split}.txt"
    if listing.is_file():
        wanted = read_lines("KITTI", listing, _AGAIN)
        missing = sorted(set(wanted) - set(frames))
        if missing:
            raise DataError(
                f"KITTI: {listing} names {len(missing)} frames without a scan, {missing[0]} "
                f"among them; {_WHERE}"
            )
        return wanted
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(frames))
    held = {frames[index] for index in order[: len(frames) // 10]}
    return [frame for frame in frames if (frame in held) == (split == "val")]
