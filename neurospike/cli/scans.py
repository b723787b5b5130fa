"""What ``detect`` and ``view`` share: scans, checkpoints and boxes from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from neurospike.datasets.calibration import Calibration
    from neurospike.runtime import ScanSession
    from neurospike.viz import SceneBoxes

PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class OpenDetector:
    """A detector ready to meet scans.

    Attributes
    ----------
    classes
        Names, in the order of the network's labels.
    crops
        Whether it was trained on what the camera sees alone.
    """

    session: ScanSession
    classes: tuple[str, ...]
    crops: bool


def open_detector(checkpoint: Path, *, score: float, remember: int = 1000) -> OpenDetector:
    """A detector's checkpoint, with the voxels it was trained on.

    Raises
    ------
    DataError
        A checkpoint that is damaged, or whose network finds no boxes.
    """
    from neurospike import models
    from neurospike.encoders import scan_voxelizer
    from neurospike.runtime import ScanSession

    model: Any = models.load(checkpoint)
    classes = getattr(model, "classes", None)
    if not classes or not callable(getattr(model, "decode", None)):
        raise DataError(
            f"{checkpoint}: holds a network of {models.read_info(checkpoint).factory!r}, which "
            "finds no boxes; give a checkpoint of e3dsnn_detector."
        )
    session = ScanSession(
        model,
        scan_voxelizer(model.voxel_size, model.point_range, relative=model.in_features == 7),
        decode=lambda maps: model.decode(maps, score=score)[0],
        remember=remember,
    )
    recipe = models.read_info(checkpoint).extra.get("recipe", {})
    data = recipe.get("data", {}) if isinstance(recipe, dict) else {}
    arguments = data.get("arguments", {})
    crops = bool(arguments.get("crop_to_image", data.get("name") in ("kitti", "streets")))
    return OpenDetector(session, tuple(classes), crops)


def find_scans(paths: Sequence[Path]) -> list[Path]:
    """Scans by path; a folder stands for every ``.bin`` in it, in order of names.

    Raises
    ------
    DataError
        A folder without scans, or a path that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.bin"))
            if not inside:
                raise DataError(f"{path}: holds no .bin scans; give a folder such as velodyne.")
            found += inside
        else:
            found.append(path)
    names = [path.stem for path in found]
    if len(set(names)) < len(names):
        raise ArgumentError(
            "SCAN: names must differ, each scan has its own output; got "
            f"{next(name for name in names if names.count(name) > 1)} twice."
        )
    return found


def read_scene_boxes(path: Path, calibration: Calibration | None) -> SceneBoxes:
    """Boxes of a boxes file (.json), or of KITTI's label or result file (.txt) by its camera.

    Raises
    ------
    ArgumentError
        Another suffix, or a .txt without a calibration.
    DataError
        A file that is missing or damaged.
    """
    from neurospike.viz import scene_boxes

    if path.suffix == ".json":
        from neurospike.runtime import read_boxes

        held = read_boxes(path)
        return scene_boxes(held.boxes, held.names, held.scores)
    if path.suffix != ".txt":
        raise ArgumentError(
            f"{path}: boxes come from a .json file of `neurospike detect`, or from a .txt file of "
            "KITTI's layout."
        )
    if calibration is None:
        raise ArgumentError(
            f"{path}: boxes of KITTI's layout are the camera's; say where it is with --calib."
        )
    from neurospike.datasets.kitti_labels import read_objects

    found = read_objects(path)
    real = np.array([name != "DontCare" for name in found.names], dtype=bool)
    objects = found.chosen(real)
    scores = None if objects.score is None else np.clip(objects.score, 0.0, 1.0)
    return scene_boxes(calibration.boxes_to_lidar(objects), objects.names, scores)


def read_calibration(path: Path | None) -> Calibration | None:
    """A ``calib`` file, or None.

    Raises
    ------
    DataError
        A file that is missing or damaged.
    """
    if path is None:
        return None
    from neurospike.datasets.calibration import Calibration

    return Calibration.read(path)


@dataclass(frozen=True)
class Found:
    """Boxes of one scan: (M, 7), names (M,), scores (M,)."""

    boxes: NDArray[np.float64]
    names: tuple[str, ...]
    scores: NDArray[np.float64]


def plain(detections: Any, classes: Sequence[str]) -> Found:
    """A network's boxes as arrays."""
    return Found(
        detections.boxes.double().numpy(),
        tuple(classes[label] for label in detections.labels.tolist()),
        detections.scores.double().numpy(),
    )


def read_finite(path: Path, *, columns: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Points (N, 4) of a scan, and which of them are finite.

    Raises
    ------
    DataError
        A scan that is missing, damaged, or without any finite point.
    """
    from neurospike.datasets import read_velodyne

    scan = read_velodyne(path, columns=columns)[:, :4]
    kept = np.asarray(np.isfinite(scan).all(axis=1))
    if not kept.any():
        raise DataError(f"{path}: none of the {len(scan)} points is finite; record it again.")
    return scan, kept
