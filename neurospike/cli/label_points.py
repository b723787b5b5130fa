"""``neurospike detect`` with a segmenter: a class for every point of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurospike.cli.common import print_json, say
from neurospike.cli.scans import read_finite
from neurospike.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from neurospike.runtime import ScanSession


@dataclass(frozen=True)
class OpenSegmenter:
    """A segmenter ready to meet scans, and the names of its classes."""

    session: ScanSession
    classes: tuple[str, ...]


def is_segmenter(checkpoint: Path) -> bool:
    """Whether a training run wrote this checkpoint to label points.

    Raises
    ------
    DataError
        A checkpoint that is missing or damaged.
    """
    from neurospike.models import read_info

    recipe = read_info(checkpoint).extra.get("recipe")
    return isinstance(recipe, dict) and recipe.get("segment") is not None


def open_segmenter(checkpoint: Path, *, remember: int) -> OpenSegmenter:
    """A segmenter's checkpoint, with the voxels it was trained on.

    Raises
    ------
    DataError
        A checkpoint that is damaged, or of other classes than SemanticKITTI's.
    """
    from neurospike import models
    from neurospike.datasets.semantic_kitti_labels import CLASSES
    from neurospike.encoders import scan_voxelizer
    from neurospike.runtime import ScanSession

    info = models.read_info(checkpoint)
    classes = tuple(info.extra.get("classes", ()))
    if classes != CLASSES:
        raise DataError(
            f"{checkpoint}: labels {len(classes)} classes that are not SemanticKITTI's 19, which "
            "a .label file holds; read its points with runtime.ScanSession."
        )
    part = info.extra["recipe"].get("scan") or {}
    if not {"voxel_size", "point_range"} <= part.keys():
        raise DataError(f"{checkpoint}: its recipe has no voxels; train it again.")
    session = ScanSession(
        models.load(checkpoint),
        scan_voxelizer(
            part["voxel_size"], part["point_range"], relative=bool(part.get("relative"))
        ),
        remember=remember,
    )
    return OpenSegmenter(session, classes)


def label_scans(
    paths: Sequence[Path],
    checkpoint: Path,
    out: Path,
    *,
    many: bool,
    picture: Path | None,
    html: Path | None,
    columns: int,
    as_json: bool,
) -> None:
    """Write a ``.label`` file of official ids a scan; 0 is a point that is not finite.

    Raises
    ------
    ArgumentError
        An output of another kind.
    DataError
        A scan or checkpoint that is missing or damaged.
    """
    from neurospike.datasets.semantic_kitti_labels import write_labels

    if many == (out.suffix == ".label"):
        wanted = "be a folder, of many scans" if many else "end in .label, for a segmenter"
        raise ArgumentError(f"--out: must {wanted}; got {out}.")
    opened = open_segmenter(checkpoint, remember=max(len(paths), 1))
    rows = []
    for path in paths:
        scan, kept = read_finite(path, columns=columns)
        labels, row = _run(scan, kept, opened)
        rows.append({"scan": str(path), **row})
        write_labels(out / f"{path.stem}.label" if many else out, labels)
        if not many and (picture or html):
            _draw(path, scan, labels, opened, picture=picture, html=html)
    latency = opened.session.latency()
    if as_json:
        print_json({"scans": rows, "latency": vars(latency)})
        return
    for row in rows:
        most = ", ".join(f"{share:.0%} {name}" for name, share in list(row["shares"].items())[:4])
        say(
            f"{row['scan']}: {row['labelled']} of {row['points']} points labelled"
            f"{': ' + most if most else ''} ({row['latency_ms']:.0f} ms)"
        )
    if many:
        say(f"latency, the first scan and its compiling included: {latency}")
    say(f"labels: {out}")


def _run(
    scan: NDArray[Any], kept: NDArray[Any], opened: OpenSegmenter
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Train ids (N,), -1 where there is none, and a row of the summary."""
    import torch

    from neurospike.train.labelling import point_classes, point_scores

    result = opened.session(scan[kept])
    voxel = torch.as_tensor(result.point_to_voxel)
    points = torch.from_numpy(scan[kept])
    batch = {"points": points, "batch": torch.zeros_like(voxel), "point_to_voxel": voxel}
    labels = np.full(len(scan), -1, np.int64)
    labels[kept] = point_classes(point_scores(result.output, voxel), batch).numpy()
    counts = np.bincount(labels[labels >= 0], minlength=len(opened.classes))
    order = [place for place in np.argsort(-counts, kind="stable") if counts[place]]
    return labels, {
        "points": len(scan),
        "labelled": int(counts.sum()),
        "voxels": result.voxels,
        "shares": {opened.classes[place]: float(counts[place] / counts.sum()) for place in order},
        "latency_ms": result.latency.total_ms,
    }


def _draw(
    path: Path,
    scan: NDArray[Any],
    labels: NDArray[np.int64],
    opened: OpenSegmenter,
    *,
    picture: Path | None,
    html: Path | None,
) -> None:
    from neurospike import viz

    shown = viz.scan_scene(scan, point_labels=labels, classes=opened.classes, title=path.name)
    if picture is not None:
        viz.scene_picture(shown, picture)
    if html is not None:
        viz.scene_page(f"Classes in {path.name}", [shown], html)
