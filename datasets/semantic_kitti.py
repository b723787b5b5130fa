"""SemanticKITTI: whole turns of the LiDAR, every point labelled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
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
)
from neurospike.datasets.kitti import read_velodyne
from neurospike.datasets.objects import Floats
from neurospike.datasets.scan_index import Facts, index_place, indexed
from neurospike.datasets.semantic_kitti_labels import CLASSES, SHARES, read_labels
from neurospike.datasets.semantic_kitti_poses import read_poses
from neurospike.errors import DataError

_log = logging.getLogger(__name__)

SEQUENCES = {
    "train": ("00", "01", "02", "03", "04", "05", "06", "07", "09", "10"),
    "val": ("08",),
    "test": tuple(f"{number}" for number in range(11, 22)),
}
"""The official split, by semantic-kitti.yaml."""

WHERE = (
    "unpack data_odometry_velodyne.zip and data_odometry_calib.zip of "
    "https://www.cvlibs.net/datasets/kitti (needs a login) and data_odometry_labels.zip of "
    "http://semantic-kitti.org there; the layout is sequences/00/velodyne/000000.bin, "
    "docs/data.md shows it"
)


class SemanticKITTI(Samples):
    """Scans of SemanticKITTI, in the official layout.

    The sizes of all files are looked at when the data set is made, and kept in
    ``root/.neurospike`` as those of ``KITTI`` are. A scan without a label file is left out where
    others have one, and a label file without a scan passed over; the log says how many. A folder
    without any labels is unlabelled: every label is -1. ``skipped`` and ``stray`` hold the names.

    Parameters
    ----------
    root
        The folder of ``sequences``, or the one above, which the archives call ``dataset``.
    split
        The official one: ``val`` is sequence 08, ``test`` 11 to 21, which has no labels.
        Sequences that are not there are left out, which the log says.
    protocol
        ``legacy`` trains on 08 too, as for the benchmark's server; ``val`` stays.
    seed
        Takes no part: the split is fixed.
    sequences
        Others than the split's, such as ("00",).
    cache
        Another folder for the index.

    Shape
    -----
    sample: points float32 (N, 4) as x, y, z in metres and remission; label int64 (N,) 0..18 in
    the order of ``classes``, -1 ignored; instance int64 (N,), 0 none; pose float64 (4, 4), from
    this scan's frame to that of its sequence's first, NaN where no poses.txt lies; name, such as
    "08/000000". Points that are not finite stay, counted in the log; the Voxelizer drops them

    Raises
    ------
    DataError
        A folder that is missing, a split without scans, a damaged scan, labels that are not as
        many as points, an id that is not official, or fewer poses than scans.

    Cost
    ----
    Some 0.05 ms a scan when made; a sample 5 ms.

    Source
    ------
    Behley et al., SemanticKITTI, ICCV 2019.
    """

    classes = CLASSES
    shares = SHARES

    def __init__(
        self,
        root: str | Path,
        *,
        split: Literal["train", "val", "test"] = "train",
        protocol: Literal["clean", "legacy"] = "clean",
        seed: int = 0,
        sequences: Sequence[str] | None = None,
        cache: str | Path | None = None,
    ) -> None:
        check_choice("SemanticKITTI", "split", split, SPLITS)
        check_choice("SemanticKITTI", "protocol", protocol, PROTOCOLS)
        self.folder = sequences_folder(root)
        wanted = tuple(sequences) if sequences is not None else SEQUENCES[split]
        if sequences is None and split == "train" and protocol == "legacy":
            wanted = tuple(sorted(wanted + SEQUENCES["val"]))
        there = [name for name in wanted if (self.folder / name / "velodyne").is_dir()]
        self.sequences = tuple(there)
        facts = {
            f"{sequence}/{scan}": row
            for sequence in there
            for scan, row in sequence_facts(self.folder / sequence, cache).items()
        }
        labelled = {name.split("/")[0] for name in facts if facts[name]["labelled"]}
        self.skipped = tuple(name for name in facts if labelled and not facts[name]["labelled"])
        self.names = tuple(name for name in facts if name not in set(self.skipped))
        self.stray = tuple(
            f"{sequence}/{scan}"
            for sequence in there
            for scan in stray_labels(self.folder / sequence)
        )
        if not self.names:
            raise DataError(f"SemanticKITTI: {self.folder}: no scans to {split}; {WHERE}")
        problems = [facts[name]["problem"] for name in self.names if facts[name]["problem"]]
        if problems:
            raise DataError(
                f"SemanticKITTI: {len(problems)} of {len(self.names)} scans are damaged: "
                f"{problems[0]}; `neurospike data verify semantickitti --root "
                f"{self.folder.parent}` lists them all"
            )
        self._say(sorted(set(wanted) - set(there)), labelled=bool(labelled) or split == "test")

    def __len__(self) -> int:
        return len(self.names)

    def paths(self, index: int) -> dict[str, Path]:
        """Where a scan and its labels lie; the labels may be missing."""
        sequence, scan = self.names[index].split("/")
        return scan_paths(self.folder / sequence, scan)

    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each scan, 16 a point."""
        scans = (self.paths(index)["velodyne"] for index in range(len(self)))
        return np.array([scan.stat().st_size for scan in scans], np.int64)

    def _say(self, absent: list[str], *, labelled: bool) -> None:
        for count, what in (
            (len(absent), f"sequences are not there ({', '.join(absent)})"),
            (len(self.skipped), "scans without a label file are left out"),
            (len(self.stray), "label files without a scan are passed over"),
            (0 if labelled else len(self.names), "scans have no labels: every label is -1"),
        ):
            if count:
                _log.warning("SemanticKITTI: %s: %d %s", self.folder, count, what)

    def _sample(self, index: int) -> Sample:
        paths = self.paths(index)
        points = read_velodyne(paths["velodyne"])
        label = np.full(len(points), -1, dtype=np.int64)
        instance = np.zeros(len(points), dtype=np.int64)
        if paths["labels"].is_file():
            label, instance = read_labels(paths["labels"])
        if len(label) != len(points):
            raise DataError(
                f"SemanticKITTI: {paths['labels']}: a label for each of {len(points)} points; "
                f"got {len(label)}; {WHERE}"
            )
        return {
            "points": points,
            "label": label,
            "instance": instance,
            "pose": self._pose(index),
            "name": self.names[index],
        }

    def _pose(self, index: int) -> Floats:
        sequence, scan = self.names[index].split("/")
        folder = self.folder / sequence
        if not (folder / "poses.txt").is_file():
            return np.full((4, 4), np.nan)
        poses = _poses(folder, (folder / "poses.txt").stat().st_mtime_ns)
        if not scan.isdecimal() or int(scan) >= len(poses):
            raise DataError(
                f"SemanticKITTI: {folder / 'poses.txt'}: a line for every scan; got "
                f"{len(poses)}, and none for {scan}; {WHERE}"
            )
        pose: Floats = poses[int(scan)].copy()
        return pose


def sequences_folder(root: str | Path) -> Path:
    """The folder ``sequences`` in ``root`` or in ``root/dataset``, or DataError."""
    top = existing_folder("SemanticKITTI", root, WHERE)
    inner = top / "dataset"
    return existing_folder("SemanticKITTI", (inner if inner.is_dir() else top) / "sequences", WHERE)


def scan_paths(folder: Path, scan: str) -> dict[str, Path]:
    """Where a scan of a sequence's folder and its labels lie."""
    return {
        "velodyne": folder / "velodyne" / f"{scan}.bin",
        "labels": folder / "labels" / f"{scan}.label",
    }


def sequence_facts(
    folder: Path, cache: str | Path | None, *, fresh: bool = False
) -> dict[str, Facts]:
    """Facts of every scan of a sequence, by name; the index beside the data keeps them.

    ``problem`` is empty, or a line that names the file; ``labelled``; ``points``.
    """
    place = index_place(f"semantickitti-{folder.name}", folder.parent.parent, cache)
    scans = sorted(path.stem for path in (folder / "velodyne").glob("*.bin"))
    files = {scan: list(scan_paths(folder, scan).values()) for scan in scans}
    return indexed(place, files, lambda scan: _facts(folder, scan), fresh=fresh)


def stray_labels(folder: Path) -> list[str]:
    """Names of label files of a sequence that have no scan."""
    scans = {path.stem for path in (folder / "velodyne").glob("*.bin")}
    return sorted({path.stem for path in (folder / "labels").glob("*.label")} - scans)


def _facts(folder: Path, scan: str) -> Facts:
    paths = scan_paths(folder, scan)
    size = paths["velodyne"].stat().st_size
    labelled = paths["labels"].is_file()
    facts: dict[str, Any] = {"problem": "", "labelled": labelled, "points": size // 16}
    if not size or size % 16:
        facts["problem"] = f"{paths['velodyne']}: {size} bytes; a scan is rows of 16, at least one"
    elif labelled and paths["labels"].stat().st_size != size // 4:
        facts["problem"] = (
            f"{paths['labels']}: {paths['labels'].stat().st_size} bytes; {size // 16} points "
            f"have labels of {size // 4}"
        )
    return facts


@lru_cache(maxsize=32)
def _poses(folder: Path, time: int) -> Floats:
    """By folder and time of the file, so that a new file is read anew."""
    return read_poses(folder)
