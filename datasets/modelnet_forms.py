"""The three forms in which ModelNet is published: what a folder holds, and how a shape is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import read_bytes, read_lines
from neurospike.datasets.meshes import sample_surface
from neurospike.datasets.off import read_off
from neurospike.datasets.transforms import farthest_points
from neurospike.errors import DataError, MissingExtraError

Cloud = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Points (P, 3) and, where the form has them, normals (P, 3)."""

CLASSES: dict[str, tuple[str, ...]] = {
    "modelnet10": (
        *("bathtub", "bed", "chair", "desk", "dresser"),
        *("monitor", "night_stand", "sofa", "table", "toilet"),
    ),
    "modelnet40": (
        *("airplane", "bathtub", "bed", "bench", "bookshelf", "bottle", "bowl", "car", "chair"),
        *("cone", "cup", "curtain", "desk", "door", "dresser", "flower_pot", "glass_box"),
        *("guitar", "keyboard", "lamp", "laptop", "mantel", "monitor", "night_stand", "person"),
        *("piano", "plant", "radio", "range_hood", "sink", "sofa", "stairs", "stool", "table"),
        *("tent", "toilet", "tv_stand", "vase", "wardrobe", "xbox"),
    ),
}

MESH_POINTS = 8192
_UNPACK = "unpack the archive again"


@dataclass(frozen=True)
class Shape:
    """Where one shape lies: a file, and a row where the file holds many."""

    name: str
    label: int
    path: Path
    row: int = 0


@dataclass(frozen=True)
class Form:
    """One published form: how to recognise a folder, list a split and read a shape."""

    folders: Callable[[str], list[str]]
    present: Callable[[Path, str], bool]
    classes: Callable[[Path, str], tuple[str, ...]]
    shapes: Callable[[Path, str, str, tuple[str, ...]], list[Shape]]
    read: Callable[[Shape, int | None, np.random.Generator], Cloud]


def find_form(root: Path, variant: str, form: str) -> tuple[str, Path] | None:
    """The form and the folder that holds it: ``root`` itself or a folder of the usual name."""
    for name, reader in FORMS.items():
        if form not in ("auto", name):
            continue
        for folder in [root, *(root / usual for usual in reader.folders(variant))]:
            if folder.is_dir() and reader.present(folder, variant):
                return name, folder
    return None


# Meshes: <class>/{train,test}/<class>_0001.off


def _off_class_folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if (child / "train").is_dir())


def _off_shapes(folder: Path, _: str, split: str, classes: tuple[str, ...]) -> list[Shape]:
    return [
        Shape(path.stem, label, path)
        for label, name in enumerate(classes)
        for path in sorted((folder / name / split).glob("*.off"))
    ]


def _read_mesh(shape: Shape, points: int | None, rng: np.random.Generator) -> Cloud:
    vertices, triangles = read_off(shape.path)
    count = MESH_POINTS if points is None else points
    return sample_surface(vertices, triangles, count, rng=rng, name=str(shape.path))


# Text: <class>/<class>_0001.txt, ten thousand lines of x,y,z,nx,ny,nz


def _text_classes(folder: Path, variant: str) -> tuple[str, ...]:
    names = folder / f"{variant}_shape_names.txt"
    return tuple(read_lines("ModelNet", names, _UNPACK)) if names.is_file() else CLASSES[variant]


def _text_shapes(folder: Path, variant: str, split: str, classes: tuple[str, ...]) -> list[Shape]:
    listing = folder / f"{variant}_{split}.txt"
    labels = {name: label for label, name in enumerate(classes)}
    shapes = []
    for name in read_lines("ModelNet", listing, _UNPACK):
        group = name.rpartition("_")[0]
        if group not in labels:
            raise DataError(
                f"ModelNet: {listing}: names are <class>_<number> of the {len(classes)} classes; "
                f"got {name!r}; {_UNPACK}"
            )
        shapes.append(Shape(name, labels[group], folder / group / f"{name}.txt"))
    return shapes


def _read_text(shape: Shape, points: int | None, _: np.random.Generator) -> Cloud:
    lines = read_bytes("ModelNet", shape.path, _UNPACK).splitlines()
    if not any(lines):
        raise DataError(f"ModelNet: {shape.path}: needs points; got an empty file; {_UNPACK}")
    try:
        rows = np.loadtxt(lines, delimiter=",", dtype=np.float32, ndmin=2, comments=None)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"ModelNet: {shape.path}: lines hold x,y,z,nx,ny,nz; got: {reason}; {_UNPACK}"
        ) from error
    if rows.shape[1] not in (3, 6):
        raise DataError(
            f"ModelNet: {shape.path}: lines hold x,y,z,nx,ny,nz; "
            f"got {rows.shape[1]} columns; {_UNPACK}"
        )
    normals = rows[:, 3:] if rows.shape[1] == 6 else None
    return _chosen(shape, rows[:, :3], normals, points)


# HDF5: ply_data_{train,test}*.h5 with data (S, P, 3), label (S, 1) and normal (S, P, 3)


def _hdf5_classes(folder: Path, variant: str) -> tuple[str, ...]:
    names = folder / "shape_names.txt"
    return tuple(read_lines("ModelNet", names, _UNPACK)) if names.is_file() else CLASSES[variant]


def _hdf5_shapes(folder: Path, _: str, split: str, classes: tuple[str, ...]) -> list[Shape]:
    shapes: list[Shape] = []
    for path in sorted(folder.glob(f"ply_data_{split}*.h5")):
        with _Opened(path) as file:
            shape, labels = file["data"].shape, np.asarray(file["label"]).reshape(-1)
            normals = file["normal"].shape if "normal" in file else shape
        if len(shape) != 3 or shape[2] != 3 or normals != shape or len(labels) != shape[0]:
            raise DataError(
                f"ModelNet: {path}: data is (S, P, 3), normal too, label (S, 1); got {shape}, "
                f"{normals} and {labels.shape}; {_UNPACK}"
            )
        labels = labels.astype(np.int64)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
            raise DataError(
                f"ModelNet: {path}: labels lie in 0..{len(classes) - 1}, the classes of "
                f"shape_names.txt; got {labels.min()}..{labels.max()}; {_UNPACK}"
            )
        shapes += [
            Shape(f"{path.stem}_{row:04d}", int(label), path, row)
            for row, label in enumerate(labels)
        ]
    return shapes


def _read_hdf5(shape: Shape, points: int | None, _: np.random.Generator) -> Cloud:
    with _Opened(shape.path) as file:
        cloud = np.asarray(file["data"][shape.row], dtype=np.float32)
        normals = None
        if "normal" in file:
            normals = np.asarray(file["normal"][shape.row], dtype=np.float32)
    return _chosen(shape, cloud, normals, points)


class _Opened:
    """An HDF5 file; whatever h5py objects to becomes a DataError that names the file.

    Opened for every read: an open handle would not survive a fork or a pickle.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        try:
            import h5py
        except ImportError as error:
            raise MissingExtraError(
                "ModelNet: HDF5 files need h5py; pip install 'neurospike[pointcloud]'"
            ) from error
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise self._error(error) from error
        return self.file

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        self.file.close()
        damage = (OSError, KeyError, ValueError, RuntimeError, AttributeError, TypeError)
        if isinstance(error, damage) and not isinstance(error, DataError):
            raise self._error(error) from error

    def _error(self, error: BaseException) -> DataError:
        reason = " ".join(str(error).split())[:120]
        return DataError(f"ModelNet: {self.path}: not a readable HDF5 file; {reason}; {_UNPACK}")


def _chosen(
    shape: Shape,
    cloud: NDArray[np.float32],
    normals: NDArray[np.float32] | None,
    points: int | None,
) -> Cloud:
    """All points, or the farthest ``points`` of them where there are more."""
    finite = np.isfinite(cloud).all() and (normals is None or np.isfinite(normals).all())
    if not finite:
        raise DataError(
            f"ModelNet: {shape.path}: points must be finite; got NaN or infinity; {_UNPACK}"
        )
    if points is not None and points < len(cloud):
        kept = farthest_points(cloud, points)
        return cloud[kept], None if normals is None else normals[kept]
    return cloud.copy(), None if normals is None else normals.copy()


FORMS: dict[str, Form] = {
    "text": Form(
        folders=lambda variant: ["modelnet40_normal_resampled"],
        present=lambda folder, variant: (folder / f"{variant}_train.txt").is_file(),
        classes=_text_classes,
        shapes=_text_shapes,
        read=_read_text,
    ),
    "hdf5": Form(
        folders=lambda variant: ["modelnet40_ply_hdf5_2048"],
        present=lambda folder, variant: (
            variant == "modelnet40" and any(folder.glob("ply_data_train*.h5"))
        ),
        classes=_hdf5_classes,
        shapes=_hdf5_shapes,
        read=_read_hdf5,
    ),
    "off": Form(
        folders=lambda variant: [variant.replace("modelnet", "ModelNet"), variant],
        present=lambda folder, variant: bool(_off_class_folders(folder)),
        classes=lambda folder, variant: tuple(f.name for f in _off_class_folders(folder)),
        shapes=_off_shapes,
        read=_read_mesh,
    ),
}
