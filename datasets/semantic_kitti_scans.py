"""Scans of SemanticKITTI's layout, written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from neurospike.datasets.kitti_frames import write_velodyne
from neurospike.datasets.semantic_kitti_labels import write_labels
from neurospike.errors import ArgumentError


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
    if label is not None and len(np.asarray(label)) != len(np.asarray(points)):
        raise ArgumentError(
            f"write_semantic_scan.label: one for every point; got {len(np.asarray(label))} for "
            f"{len(np.asarray(points))}"
        )
    write_velodyne(place / "velodyne" / f"{name}.bin", points)
    if label is not None:
        write_labels(place / "labels" / f"{name}.label", label, instance)
