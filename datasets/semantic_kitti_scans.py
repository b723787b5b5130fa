"""Scans of SemanticKITTI's layout, written."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import ArrayLike

from neurospike.datasets.kitti_frames import scan_bytes
from neurospike.datasets.semantic_kitti_labels import label_bytes
from neurospike.errors import ArgumentError
from neurospike.files import write_atomically


def write_semantic_scan(
    folder: str | Path,
    sequence: str,
    name: str,
    points: ArrayLike,
    label: ArrayLike | None,
    instance: ArrayLike | None = None,
) -> None:
    """Write a scan that ``SemanticKITTI`` and others' tools read.

    ``semantic_kitti_poses.write_poses`` writes the sequence's poses beside it.

    Parameters
    ----------
    folder
        The root of the data set, above ``sequences``; made when missing.
    sequence, name
        Such as "08" and "000000".
    points
        (N, 4) x, y, z in metres and intensity.
    label, instance
        (N,) train ids, -1 ignored, and instances, 0 for none; a label of None writes the scan
        alone, as in the sequences of the test.

    Raises
    ------
    ArgumentError
        Arrays of other shapes or lengths, or no points.
    DataError
        A place that cannot be written.
    """
    place = Path(folder) / "sequences" / sequence
    scan = scan_bytes(points)
    if label is None:
        write_atomically(place / "velodyne" / f"{name}.bin", scan)
        return
    labels = label_bytes(label, instance)
    if len(labels) * 4 != len(scan):
        raise ArgumentError(
            f"write_semantic_scan.label: one for every point; got {len(labels) // 4} for "
            f"{len(scan) // 16}"
        )
    # Nothing is written before everything has been looked at.
    write_atomically(place / "velodyne" / f"{name}.bin", scan)
    write_atomically(place / "labels" / f"{name}.label", labels)
