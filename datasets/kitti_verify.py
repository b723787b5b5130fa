"""A look through a KITTI folder: what is missing, what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurospike.datasets._common import existing_folder
from neurospike.datasets.checksums import PUBLISHED as DIGESTS
from neurospike.datasets.checksums import verify as verify_digest
from neurospike.datasets.kitti import read_velodyne
from neurospike.datasets.kitti_layout import (
    PUBLISHED,
    STANDARD,
    WHERE,
    frame_facts,
    frame_paths,
    frames_with,
    listed_frames,
)
from neurospike.datasets.scan_index import Findings
from neurospike.errors import DataError

_FARTHEST_M = 250.0  # twice the reach of the sensor


def verify_kitti(
    root: str | Path, *, thorough: bool = False, cache: str | Path | None = None
) -> Findings:
    """Look at every file of a KITTI folder anew, and write its index.

    Fewer frames than published are a note: a part of KITTI, or data of one's own in its layout,
    is whole where its parts belong together.

    Parameters
    ----------
    thorough
        Read the scans too, for values that are not finite or beyond any LiDAR.
    cache
        As in ``KITTI``.

    Raises
    ------
    DataError
        A root that is missing, or without a scan.

    Cost
    ----
    Some 0.5 ms a frame; ``thorough`` reads 29 GB of the whole set.
    """
    top = existing_folder("KITTI", root, WHERE)
    counts: dict[str, int] = {}
    notes: list[str] = []
    problems = _archives(top)
    for part, published in PUBLISHED.items():
        folder = top / part
        frames = frames_with(folder, "velodyne")
        counts[part] = len(frames)
        if not frames:
            notes.append(f"{part}: no scans; {published:,} are published")
            continue
        if len(frames) != published:
            notes.append(f"{part}: {len(frames):,} scans; {published:,} are published")
        problems += _frames(folder, cache)
        if thorough:
            problems += scan_values(
                [frame_paths(folder, frame)["velodyne"] for frame in sorted(frames)]
            )
    if not any(counts.values()):
        raise DataError(f"KITTI: {top}: no scans in training or testing; {WHERE}")
    listed, missing = _listings(top)
    return Findings(counts, (*notes, *listed), (*problems, *missing))


def scan_values(paths: list[Path]) -> Iterator[str]:
    """A line for every scan with values that no LiDAR gives; files that cannot be read pass."""
    for path in paths:
        try:
            points = read_velodyne(path)
        except DataError:
            continue  # listed by its size already
        lost = int((~np.isfinite(points).all(axis=1)).sum())
        far = int((np.abs(points[:, :3]) > _FARTHEST_M).any(axis=1).sum())
        odd = int(((points[:, 3] < 0) | (points[:, 3] > 1)).sum())
        for count, what in (
            (lost, "are not finite"),
            (far, f"lie beyond {_FARTHEST_M:.0f} m"),
            (odd, "have an intensity outside 0..1"),
        ):
            if count:
                yield f"{path}: {count} of {len(points)} points {what}"


def _frames(folder: Path, cache: str | Path | None) -> list[str]:
    facts = frame_facts(folder, cache, fresh=True)
    problems = [row["problem"] for row in facts.values() if row["problem"]]
    if any(row["labelled"] for row in facts.values()) or folder.name == "training":
        problems += [
            f"{frame_paths(folder, frame)['label_2']}: missing; its scan is there"
            for frame, row in facts.items()
            if not row["labelled"]
        ]
    for part in ("calib", "label_2"):
        problems += [
            f"{frame_paths(folder, frame)['velodyne']}: missing; its {part} is there"
            for frame in sorted(frames_with(folder, part) - set(facts))
        ]
    return list(dict.fromkeys(problems))


def _listings(top: Path) -> tuple[list[str], list[str]]:
    """Notes on the lists of ``ImageSets``, and what they name that is not there."""
    lists = {split: listed_frames(top, split) for split in STANDARD}
    if all(wanted is None for wanted in lists.values()):
        return ["no lists in ImageSets: frames go by seed, a tenth of them to val"], []
    there = frames_with(top / "training", "velodyne")
    notes: list[str] = []
    missing: list[str] = []
    for split, wanted in lists.items():
        if wanted is None:
            notes.append(f"{split}: no list in ImageSets: what the other one does not name")
            continue
        standard = STANDARD[split]
        same = "as many as in" if len(wanted) == standard else f"not the {standard:,} of"
        notes.append(f"{split}: {len(wanted):,} frames by ImageSets, {same} the standard split")
        missing += [
            f"{frame_paths(top / 'training', frame)['velodyne']}: missing; {split}.txt names it"
            for frame in wanted
            if frame not in there
        ]
    return notes, missing


def _archives(top: Path) -> list[str]:
    """Damage of archives that lie there still and have a published digest."""
    problems = []
    for path in sorted(top.glob("data_object_*.zip")):
        if path.name in DIGESTS:
            try:
                verify_digest(path)
            except DataError as error:
                problems.append(str(error))
    return problems
