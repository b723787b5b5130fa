"""KITTI's object benchmark: scans, objects and what lies between LiDAR and camera."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Literal

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
)
from neurospike.datasets.calibration import Calibration
from neurospike.datasets.kitti_labels import read_objects
from neurospike.datasets.kitti_layout import (
    WHERE,
    frame_facts,
    frame_paths,
    frames_with,
    split_frames,
)
from neurospike.datasets.objects import Objects
from neurospike.errors import ArgumentError, DataError

_log = logging.getLogger(__name__)

_AGAIN = "copy or download the file again"


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
    # One reduction over all values is enough where all are well.
    lost = 0 if np.isfinite(points).all() else int((~np.isfinite(points).all(axis=1)).sum())
    if lost:
        _log.warning("read_velodyne: %s: %d of %d points are not finite", path, lost, len(points))
    return points


class KITTI(Samples):
    """Frames of the KITTI object benchmark, in the official layout.

    Every calibration and label file is looked at when the data set is made, once: what was found
    is kept in ``root/.neurospike`` (unless ``root`` is read-only) and looked at again only where a
    file's size or time has changed. A scan without a label file is left out, and a label file
    without a scan passed over; the log says how many. Where no frame has a label file, all
    frames are taken as unlabelled. ``skipped`` and ``stray`` hold the frames.

    Parameters
    ----------
    root
        The folder of ``training`` and ``testing``.
    split
        ``train`` and ``val`` share ``training``: as ``ImageSets/train.txt`` and ``val.txt`` have
        it where they are there (the standard 3,712 and 3,769 frames follow no rule and need
        these lists; where one lies alone, the other split is what it does not name), otherwise
        every tenth frame of a shuffle by seed is ``val``. ``test`` is ``testing``, which has no
        labels.
    protocol
        ``legacy`` trains on all of ``training``; ``val`` stays as it is, a part of it.
    crop_to_image
        Keep the points inside the camera's image only: labels stop at its edges, so that cars
        outside would count as background.
    cache
        Another folder for the index.

    Shape
    -----
    sample: points float32 (N, 4) as x, y, z in metres and reflectance; label, Objects of all
    rows, empty without labels; boxes float64 (M, 7), in the LiDAR's frame, and names, a tuple
    (M,), of the rows that are no DontCare and have an extent; calibration; name, the frame.
    Points that are not finite are dropped, and the log says how many

    Raises
    ------
    DataError
        A folder that is missing, a split without frames, or frames with a missing or damaged
        calibration, a damaged scan or a damaged label file.

    Cost
    ----
    Some 0.5 ms a frame the first time, 0.05 ms afterwards; a sample 5 ms, 10 ms cropped.

    Source
    ------
    Geiger et al., Are we ready for autonomous driving?, CVPR 2012.
    """

    classes = ("Car", "Pedestrian", "Cyclist")
    """Those that the benchmark scores; labels have more."""

    def __init__(
        self,
        root: str | Path,
        *,
        split: Literal["train", "val", "test"] = "train",
        protocol: Literal["clean", "legacy"] = "clean",
        seed: int = 0,
        crop_to_image: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        check_choice("KITTI", "split", split, SPLITS)
        check_choice("KITTI", "protocol", protocol, PROTOCOLS)
        top = existing_folder("KITTI", root, WHERE)
        self.folder = top / ("testing" if split == "test" else "training")
        self.crop_to_image = crop_to_image
        existing_folder("KITTI", self.folder / "velodyne", WHERE)
        facts = frame_facts(self.folder, cache)
        frames = list(facts)
        if not (split == "test" or (split == "train" and protocol == "legacy")):
            frames = split_frames(top, frames, split, seed)
        labelled = any(facts[frame]["labelled"] for frame in facts)
        self.skipped = tuple(frame for frame in frames if labelled and not facts[frame]["labelled"])
        self.stray = tuple(sorted(frames_with(self.folder, "label_2") - set(facts)))
        self.frames = tuple(frame for frame in frames if frame not in set(self.skipped))
        if not facts:
            raise DataError(f"KITTI: {self.folder / 'velodyne'}: no scans; {WHERE}")
        if not self.frames:
            raise DataError(
                f"KITTI: {self.folder}: none of {len(facts)} scans is to {split}; without lists "
                "in ImageSets it takes ten frames for one to val, and frames need labels where "
                "others have them"
            )
        self._facts = {frame: facts[frame] for frame in self.frames}
        self._check(labelled or split == "test")

    def __len__(self) -> int:
        return len(self.frames)

    def paths(self, index: int) -> dict[str, Path]:
        """Where a frame's scan, calibration, labels and image lie; the last two may be missing."""
        return frame_paths(self.folder, self.frames[index])

    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each scan, 16 a point."""
        scans = (self.paths(index)["velodyne"] for index in range(len(self)))
        return np.array([scan.stat().st_size for scan in scans], np.int64)

    def object_counts(self) -> dict[str, int]:
        """Labelled objects by class name, by the index."""
        total: Counter[str] = Counter()
        for facts in self._facts.values():
            total.update(facts["objects"])
        return dict(total)

    def _check(self, labelled: bool) -> None:
        """Raise on damage; say what was passed over."""
        problems = [facts["problem"] for facts in self._facts.values() if facts["problem"]]
        if problems:
            raise DataError(
                f"KITTI: {len(problems)} of {len(self.frames)} frames in {self.folder} are "
                f"damaged: {problems[0]}; `neurospike data verify kitti --root "
                f"{self.folder.parent}` lists them all"
            )
        flat = sum(facts["flat"] for facts in self._facts.values())
        for count, what in (
            (len(self.skipped), "scans without a label file are left out"),
            (len(self.stray), "label files without a scan are passed over"),
            (flat, "objects without extent have no box"),
            (0 if labelled else len(self.frames), "frames have no labels: objects are empty"),
        ):
            if count:
                _log.warning("KITTI: %s: %d %s", self.folder, count, what)

    def _sample(self, index: int) -> Sample:
        paths = self.paths(index)
        size = self._facts[self.frames[index]]["image_size"]
        calibration = Calibration.read(paths["calib"], None if size is None else tuple(size))
        points = read_velodyne(paths["velodyne"])
        if self.crop_to_image:
            points = points[calibration.in_image(points)]
        elif not np.isfinite(points).all():
            points = points[np.isfinite(points).all(axis=1)]
        label = read_objects(paths["label_2"]) if paths["label_2"].is_file() else Objects.empty()
        there = np.array([name != "DontCare" for name in label.names], dtype=bool)
        solid = label.chosen(there & (label.dimensions > 0).all(axis=1))
        return {
            "points": points,
            "label": label,
            "boxes": calibration.boxes_to_lidar(solid),
            "names": solid.names,
            "calibration": calibration,
            "name": self.frames[index],
        }
