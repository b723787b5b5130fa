"""Streets: labelled LiDAR scans of generated streets, so that nothing needs a download."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from numbers import Integral
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
    tracked,
)
from neurospike.datasets.kitti_frames import write_kitti_frame
from neurospike.datasets.semantic_kitti_labels import CLASSES
from neurospike.datasets.semantic_kitti_poses import write_poses
from neurospike.datasets.semantic_kitti_scans import write_semantic_scan
from neurospike.datasets.streets_world import store
from neurospike.datasets.streets_world.annotate import camera, objects_of
from neurospike.datasets.streets_world.render import Job, Record, render
from neurospike.errors import ArgumentError
from neurospike.files import write_atomically

_SCANS = {"train": 2000, "val": 200, "test": 200}
_LONG = 64
_TASKS = ("detect", "segment")
_DETECTED = ("Car", "Pedestrian", "Cyclist")
# KITTI keeps validation frames beside those to train on, SemanticKITTI splits by sequence.
_FIRST_FRAME = {"train": 0, "val": 500_000, "test": 0}
_SEQUENCES = {
    "train": (0, 1, 2, 3, 4, 5, 6, 7, 9, 10),
    "val": (8,),
    "test": tuple(range(11, 22)),
}


class Streets(Samples):
    """Scans of a simulated 64-beam LiDAR on a car in generated streets.

    Parameters
    ----------
    split
        ``train``, ``val`` and ``test`` never share a street.
    scans
        Samples; None is 2,000 to train and 200 otherwise.
    task
        ``detect`` sees what is in the camera's image and labels objects as KITTI does;
        ``segment`` sees all around and labels points as SemanticKITTI does.
    scans_per_world, interval_s
        Scans of one street, and the seconds between them; the car drives on.
    cache
        A folder that keeps scans from one run to the next; None keeps them in memory alone.
    keep
        Keep scans in memory once made: about 0.3 MB each to detect, 2.1 MB to segment.
    workers
        Processes of ``prepare``.
    protocol
        ``legacy`` validates on the test split.
    root
        Taken so that all data sets are built alike; nothing is read.

    Shape
    -----
    sample to detect: points float32 (N, 4) x, y, z in metres and intensity 0..1; label, the
    Objects in the image, regions included; boxes float64 (M, 7) of those that are no regions:
    centre, length, width, height, yaw in the LiDAR's frame; names, M of them; calibration; name
    sample to segment: points; label int64 (N,) 0..18, -1 ignored; instance int64 (N,), 0 none;
    pose float64 (4, 4), to the frame of the street's first scan; name

    Raises
    ------
    ArgumentError
        An unknown split, task or protocol, or a number below its least.
    MissingExtraError
        open3d is not installed.

    Cost
    ----
    docs/streets.md has the times. A scan that is not there yet is made with all others of its
    street. Equal bits by (seed, split, index), in any order and by any number of workers.

    Source
    ------
    Angles of the beams: HDL-64E, as A-LOAM has them; docs/streets.md says what else is measured.

    Examples
    --------
    >>> streets = Streets(split="val", scans=16, task="detect")
    >>> len(streets), streets.classes
    (16, ('Car', 'Pedestrian', 'Cyclist'))
    """

    def __init__(
        self,
        split: Literal["train", "val", "test"] = "train",
        scans: int | None = None,
        seed: int = 0,
        *,
        task: Literal["detect", "segment"] = "detect",
        scans_per_world: int = 8,
        interval_s: float = 1.0,
        cache: str | Path | None = None,
        keep: bool = True,
        workers: int = 1,
        protocol: Literal["clean", "legacy"] = "clean",
        root: object = None,
    ) -> None:
        check_choice("Streets", "split", split, SPLITS)
        check_choice("Streets", "task", task, _TASKS)
        check_choice("Streets", "protocol", protocol, PROTOCOLS)
        scans = _SCANS[split] if scans is None else scans
        numbers: dict[str, tuple[Any, int]] = {
            "scans": (scans, 0),
            "seed": (seed, 0),
            "scans_per_world": (scans_per_world, 1),
            "workers": (workers, 1),
        }
        for name, (value, low) in numbers.items():
            if not isinstance(value, Integral) or value < low:
                raise ArgumentError(
                    f"Streets.{name}: a whole number, at least {low}; got {value!r}"
                )
        if not 0 < interval_s <= 10:
            raise ArgumentError(f"Streets.interval_s: 0 < interval_s <= 10; got {interval_s}")
        self.split = "test" if protocol == "legacy" and split == "val" else split
        self.scans = scans
        self.seed = seed
        self.task = task
        self.scans_per_world = scans_per_world
        self.interval_s = interval_s
        self.workers = workers
        self.classes = _DETECTED if task == "detect" else CLASSES
        self.calibration = camera()
        self._keep = keep
        self._kept: dict[int, Record] = {}
        self._folder = None if cache is None else Path(cache).expanduser() / self._title()

    def __len__(self) -> int:
        return self.scans

    def prepare(self, *, progress: bool = True) -> Streets:
        """Make every scan now; a bar shows the way where there are many and rich is at hand."""
        if not self._keep and self._folder is None:
            return self  # nowhere to put them
        missing = [world for world in range(self._worlds()) if not self._has(world)]
        jobs = [self._job(world) for world in missing]
        with _rendering(jobs, self.workers) as made:
            if progress and len(self) >= _LONG and jobs:
                made = tracked(made, f"Streets {self.split}", total=len(jobs))
            for job, records in zip(jobs, made, strict=True):
                self._take(job, records)
        return self

    def sizes(self) -> NDArray[np.int64] | None:
        """Points of each scan kept in memory, or bytes of its file; None where some are not made.

        By the files alone where there is a folder, so that all who share it find the same.
        """
        if self._folder is not None:
            files = [self._path(index) for index in range(len(self))]
            if not all(file.is_file() for file in files):
                return None
            return np.array([file.stat().st_size for file in files], np.int64)
        if len(self._kept) < len(self):
            return None
        kept = (self._kept[index]["points"] for index in range(len(self)))
        return np.array([len(points) for points in kept], np.int64)

    def write_kitti(self, folder: str | Path, *, pictures: bool = False) -> Path:
        """Write KITTI's layout: ``training`` with ``ImageSets/train.txt`` or ``val.txt``.

        The test split goes to ``testing``, with its labels: here they are no secret.

        Parameters
        ----------
        pictures
            Write black images too, for tools that read an image's size from it.

        Raises
        ------
        ArgumentError
            A data set to segment.
        DataError
            A place that cannot be written.
        """
        if self.task != "detect":
            raise ArgumentError(
                f"Streets.write_kitti: needs task 'detect'; got {self.task!r}; write_semantic_kitti"
            )
        folder = Path(folder)
        place = folder / ("testing" if self.split == "test" else "training")
        names = [f"{_FIRST_FRAME[self.split] + index:06d}" for index in range(len(self))]
        for name, sample in zip(names, self, strict=True):
            parts = sample["points"], sample["label"], self.calibration
            write_kitti_frame(place, name, *parts, picture=pictures)
        write_atomically(folder / "ImageSets" / f"{self.split}.txt", "\n".join(names) + "\n")
        return folder

    def write_semantic_kitti(self, folder: str | Path) -> Path:
        """Write SemanticKITTI's layout, whole streets after one another in the split's sequences.

        Poses start anew with each street: what joins scans by them must not join streets.

        Raises
        ------
        ArgumentError
            A data set to detect.
        DataError
            A place that cannot be written.
        """
        if self.task != "segment":
            raise ArgumentError(
                f"Streets.write_semantic_kitti: needs task 'segment'; got {self.task!r}; "
                "write_kitti"
            )
        folder = Path(folder)
        sequences = _SEQUENCES[self.split]
        share = -(-self._worlds() // len(sequences)) * self.scans_per_world
        for place, sequence in enumerate(sequences):
            poses = []
            for scan, index in enumerate(range(len(self))[place * share : (place + 1) * share]):
                sample = self[index]
                columns = (sample[key] for key in ("points", "label", "instance"))
                write_semantic_scan(folder, f"{sequence:02d}", f"{scan:06d}", *columns)
                poses.append(sample["pose"])
            if poses:
                write_poses(folder / "sequences" / f"{sequence:02d}", np.stack(poses))
        return folder

    def _sample(self, index: int) -> Sample:
        record = self._record(index)
        name = f"{self.split}_{index:06d}"
        if self.task == "segment":
            return {
                "points": record["points"].copy(),
                "label": record["label"].astype(np.int64),
                "instance": record["instance"].astype(np.int64),
                "pose": record["pose"].copy(),
                "name": name,
            }
        names = tuple(str(kind) for kind in record["names"])
        annotations = (record["boxes"], names, record["occluded"], record["regions"])
        return {
            "points": record["points"].copy(),
            "label": objects_of(annotations, self.calibration),
            "boxes": record["boxes"].copy(),
            "names": names,
            "calibration": self.calibration,
            "name": name,
        }

    def _record(self, index: int) -> Record:
        if index in self._kept:
            return self._kept[index]
        if self._folder is not None:
            record = store.read(self._path(index))
            if record is not None:
                if self._keep:
                    self._kept[index] = record
                return record
        job = self._job(index // self.scans_per_world)
        records = render(job)
        if not self._keep:
            self._kept.clear()  # one street at a time, for those who go through in order
        self._take(job, records, keep=True)
        return self._kept[index]

    def _take(self, job: Job, records: list[Record], *, keep: bool | None = None) -> None:
        first = job.world * self.scans_per_world
        for index, record in enumerate(records, start=first):
            if self._folder is not None:
                store.write(self._path(index), record)
            if self._keep if keep is None else keep:
                self._kept[index] = record

    def _has(self, world: int) -> bool:
        indices = range(world * self.scans_per_world, len(self))[: self.scans_per_world]
        return all(
            index in self._kept or (self._folder is not None and self._path(index).is_file())
            for index in indices
        )

    def _job(self, world: int) -> Job:
        left = len(self) - world * self.scans_per_world
        return Job(
            key=(self.seed, SPLITS.index(self.split), world),
            scans_per_world=self.scans_per_world,
            scans=min(self.scans_per_world, left),
            interval_s=self.interval_s,
            task=self.task,
            calibration=self.calibration,
        )

    def _worlds(self) -> int:
        return -(-len(self) // self.scans_per_world)

    def _title(self) -> str:
        pace = f"{self.scans_per_world}x{self.interval_s:g}s"
        return f"streets-v{store.VERSION}-{self.task}-{self.split}-seed{self.seed}-{pace}"

    def _path(self, index: int) -> Path:
        if self._folder is None:
            raise ArgumentError("Streets.cache: needs a folder; got None")
        return self._folder / f"{index:06d}.npz"


@contextmanager
def _rendering(jobs: list[Job], workers: int) -> Iterator[Iterable[list[Record]]]:
    """The streets of jobs in order, made here or by processes."""
    if min(workers, len(jobs)) <= 1:
        yield map(render, jobs)
        return
    # Not forked: open3d's threads would not survive that.
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        yield pool.map(render, jobs)
