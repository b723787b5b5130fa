"""The files of a KITTI folder: which frames are whole, and which belong to a split."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from neurospike.datasets._common import read_lines
from neurospike.datasets.calibration import Calibration
from neurospike.datasets.kitti_labels import read_objects
from neurospike.datasets.scan_index import Facts, index_place, indexed
from neurospike.errors import DataError

WHERE = (
    "unpack data_object_velodyne.zip of https://www.cvlibs.net/datasets/kitti there (needs a "
    "login); the layout is training/velodyne/000000.bin, docs/data.md shows it"
)
PUBLISHED = {"training": 7481, "testing": 7518}
STANDARD = {"train": 3712, "val": 3769}
"""Frames of the split that papers share; its lists come with OpenPCDet and second.pytorch."""

_ENDINGS = {"velodyne": ".bin", "calib": ".txt", "label_2": ".txt", "image_2": ".png"}
_AGAIN = "copy or download the file again"


def frame_paths(folder: Path, frame: str) -> dict[str, Path]:
    """Where the parts of a frame lie, by the name of their folder."""
    return {part: folder / part / f"{frame}{ending}" for part, ending in _ENDINGS.items()}


def frames_with(folder: Path, part: str) -> set[str]:
    """Frames that have a file of this part."""
    return {path.stem for path in (folder / part).glob(f"*{_ENDINGS[part]}")}


def frame_facts(folder: Path, cache: str | Path | None, *, fresh: bool = False) -> dict[str, Facts]:
    """Facts of every frame with a scan, by name; the index beside the data keeps them.

    ``problem`` is empty, or a line that names the file; ``labelled``; ``objects`` by class;
    ``flat``, objects without extent; ``image_size``, of image_2 or None.
    """
    place = index_place(f"kitti-{folder.name}", folder.parent, cache)
    files = {
        frame: list(frame_paths(folder, frame).values())
        for frame in sorted(frames_with(folder, "velodyne"))
    }
    return indexed(place, files, lambda frame: _facts(folder, frame), fresh=fresh)


def split_frames(root: Path, frames: list[str], split: str, seed: int) -> list[str]:
    """Frames of ``train`` or ``val``: by ``ImageSets`` where it lies, else a tenth is ``val``.

    Where one of the two lists lies alone, the other split is what it does not name.
    """
    lists = {name: listed_frames(root, name) for name in STANDARD}
    wanted = lists[split]
    if wanted is not None:
        missing = sorted(set(wanted) - set(frames))
        if missing:
            raise DataError(
                f"KITTI: {root / 'ImageSets' / f'{split}.txt'} names {len(missing)} frames "
                f"without a scan, {missing[0]} among them; {WHERE}"
            )
        return wanted
    taken = lists["val" if split == "train" else "train"]
    if taken is not None:
        return sorted(set(frames) - set(taken))
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(frames))
    held = {frames[index] for index in order[: len(frames) // 10]}
    return [frame for frame in frames if (frame in held) == (split == "val")]


def listed_frames(root: Path, split: str) -> list[str] | None:
    """The frames that ``ImageSets`` names for a split; None without a list."""
    path = root / "ImageSets" / f"{split}.txt"
    return read_lines("KITTI", path, _AGAIN) if path.is_file() else None


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height from the first 24 bytes of a PNG; None where it is none."""
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", head[16:])
    return (width, height) if width and height else None


def _facts(folder: Path, frame: str) -> Facts:
    paths = frame_paths(folder, frame)
    facts: dict[str, Any] = {
        "problem": "",
        "labelled": paths["label_2"].is_file(),
        "objects": {},
        "flat": 0,
        "image_size": png_size(paths["image_2"]),
    }
    size = paths["velodyne"].stat().st_size
    if not size or size % 16:
        facts["problem"] = f"{paths['velodyne']}: {size} bytes; a scan is rows of 16, at least one"
        return facts
    try:
        if not paths["calib"].is_file():
            raise DataError(f"{paths['calib']}: missing; a scan without calib has no camera")
        Calibration.read(paths["calib"])
        if facts["labelled"]:
            objects = read_objects(paths["label_2"])
            facts["objects"] = dict(Counter(objects.names))
            facts["flat"] = int((objects.dimensions == 0).any(axis=1).sum())
    except DataError as error:
        facts["problem"] = str(error)
    return facts
