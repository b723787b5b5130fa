"""A look through a SemanticKITTI folder: what is missing, what is damaged."""

from __future__ import annotations

from pathlib import Path

from neurospike.datasets.kitti_verify import scan_values
from neurospike.datasets.scan_index import Findings
from neurospike.datasets.semantic_kitti import (
    SEQUENCES,
    WHERE,
    scan_paths,
    sequence_facts,
    sequences_folder,
    stray_labels,
)
from neurospike.datasets.semantic_kitti_labels import read_labels
from neurospike.datasets.semantic_kitti_poses import read_poses
from neurospike.errors import DataError

PUBLISHED = {"train": 19130, "val": 4071, "test": 20351}
"""Scans by split; Behley et al., ICCV 2019: 23,201 labelled and 20,351 of the test."""


def verify_semantic_kitti(
    root: str | Path, *, thorough: bool = False, cache: str | Path | None = None
) -> Findings:
    """Look at every file of a SemanticKITTI folder anew, and write its index.

    Parameters
    ----------
    thorough
        Read scans and labels too, for values that no LiDAR gives and ids that are not official.
    cache
        As in ``SemanticKITTI``.

    Raises
    ------
    DataError
        A root that is missing, or without a scan.

    Cost
    ----
    Some 0.05 ms a scan; ``thorough`` reads 80 GB of the whole set.
    """
    folder = sequences_folder(root)
    counts: dict[str, int] = {}
    notes: list[str] = []
    problems: list[str] = []
    for split, sequences in SEQUENCES.items():
        there = [name for name in sequences if (folder / name / "velodyne").is_dir()]
        counts[split] = 0
        for name in there:
            found, listed = _sequence(folder / name, cache, labelled=split != "test")
            counts[split] += found
            problems += listed
            problems += _contents(folder / name) if thorough else []
        if len(there) < len(sequences):
            absent = ", ".join(sorted(set(sequences) - set(there)))
            notes.append(f"{split}: sequences {absent} are not there")
        if counts[split] != PUBLISHED[split]:
            notes.append(f"{split}: {counts[split]:,} scans; {PUBLISHED[split]:,} are published")
    if not any(counts.values()):
        raise DataError(f"SemanticKITTI: {folder}: no scans; {WHERE}")
    return Findings(counts, tuple(notes), tuple(problems))


def _sequence(folder: Path, cache: str | Path | None, *, labelled: bool) -> tuple[int, list[str]]:
    facts = sequence_facts(folder, cache, fresh=True)
    problems = [row["problem"] for row in facts.values() if row["problem"]]
    if labelled or any(row["labelled"] for row in facts.values()):
        problems += [
            f"{scan_paths(folder, scan)['labels']}: missing; its scan is there"
            for scan, row in facts.items()
            if not row["labelled"]
        ]
    problems += [
        f"{scan_paths(folder, scan)['velodyne']}: missing; its labels are there"
        for scan in stray_labels(folder)
    ]
    if not (folder / "poses.txt").is_file():
        problems.append(f"{folder / 'poses.txt'}: missing; poses would be NaN")
    else:
        try:
            poses = len(read_poses(folder))
            if poses < len(facts):
                problems.append(f"{folder / 'poses.txt'}: {poses} poses of {len(facts)} scans")
        except DataError as error:
            problems.append(str(error))
    return len(facts), problems


def _contents(folder: Path) -> list[str]:
    problems = list(scan_values(sorted((folder / "velodyne").glob("*.bin"))))
    for path in sorted((folder / "labels").glob("*.label")):
        try:
            read_labels(path)
        except DataError as error:
            problems.append(str(error))
    return problems
