"""ModelNet40 and ModelNet10, in whichever published form is at hand."""

from __future__ import annotations

import logging
import os
import tempfile
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
    check_fraction,
    existing_folder,
    stratified_split,
)
from neurospike.datasets.modelnet_forms import CLASSES, FORMS, Cloud, Form, Shape, find_form
from neurospike.errors import ArgumentError, DataError

_log = logging.getLogger(__name__)

PUBLISHED_COUNTS = {"modelnet40": (9843, 2468), "modelnet10": (3991, 908)}
"""Shapes to (train, test)."""

_WHERE = (
    "unpack ModelNet40.zip or ModelNet10.zip of https://modelnet.cs.princeton.edu (no login) "
    "there, or modelnet40_normal_resampled.zip or modelnet40_ply_hdf5_2048.zip from a mirror "
    "(Kaggle needs a login); docs/data.md shows the layouts"
)


class ModelNet(Samples):
    """CAD models of 40 or 10 classes as clouds, from OFF meshes, text files or HDF5.

    Parameters
    ----------
    root
        The unpacked folder or the one above it. Where several forms lie side by side the first
        of text, hdf5, off is taken, or the one that ``form`` names.
    split
        ``clean``: ``validation`` of every class of the published train split is held out as
        ``val``, by seed. ``legacy``: ``train`` is the whole published train split and ``val`` is
        the test split, as most papers have it.
    points
        Meshes: points drawn by area (None is 8,192). Text and HDF5: the farthest points chosen
        where a file holds more (None keeps all).
    cache
        A folder for clouds as drawn or chosen, so that the work is done once; made when missing.

    Shape
    -----
    sample: points float32 (P, 3) as published, normals float32 (P, 3) where the form has them,
    label int, name

    Raises
    ------
    ArgumentError
        An unknown variant, split, protocol or form.
    DataError
        A folder that is missing or holds no form, a wrong number of classes, a split without
        shapes, or, on reading, a damaged file.

    Cost
    ----
    A sample takes some 30 ms (text), 1 ms (HDF5) or 3 µs a triangle (OFF); choosing 8,192 of 10,000
    points adds 0.2 s; 1 ms from the cache.

    Source
    ------
    Wu et al., 3D ShapeNets, CVPR 2015; resampled by Qi et al., PointNet++, NeurIPS 2017.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        variant: Literal["modelnet40", "modelnet10"] = "modelnet40",
        split: Literal["train", "val", "test"] = "train",
        protocol: Literal["clean", "legacy"] = "clean",
        seed: int = 0,
        points: int | None = None,
        validation: float = 0.1,
        form: Literal["auto", "text", "hdf5", "off"] = "auto",
        cache: str | Path | None = None,
    ) -> None:
        check_choice("ModelNet", "variant", variant, tuple(CLASSES))
        check_choice("ModelNet", "split", split, SPLITS)
        check_choice("ModelNet", "protocol", protocol, PROTOCOLS)
        check_choice("ModelNet", "form", form, ("auto", *FORMS))
        check_fraction("ModelNet", "validation", validation)
        if points is not None and points < 1:
            raise ArgumentError(f"ModelNet.points: at least 1, or None; got {points}")
        self.variant, self.split, self.seed, self.points = variant, split, seed, points
        self.form, self.folder = _located(root, variant, form)
        self.classes = _classes(self._reader, self.folder, variant)
        held_out = split == "test" or (split == "val" and protocol == "legacy")
        self._published = "test" if held_out else "train"
        self._shapes = self._published_shapes(self._published)
        labels = np.array([shape.label for shape in self._shapes], dtype=np.int64)
        self._positions = _positions(labels, split, protocol, validation, seed)
        self.labels = labels[self._positions]
        self._cache = None if cache is None else Path(cache).expanduser() / self._cache_name()

    @property
    def _reader(self) -> Form:
        return FORMS[self.form]

    def verify(self) -> dict[str, int]:
        """Shapes in the published splits, or DataError where numbers or files are missing."""
        counts = {}
        for split, published in zip(("train", "test"), PUBLISHED_COUNTS[self.variant], strict=True):
            shapes = self._published_shapes(split)
            missing = [shape for shape in shapes if not shape.path.is_file()]
            if len(shapes) != published or missing:
                first = f", {missing[0].path} among them" if missing else ""
                raise DataError(
                    f"ModelNet.verify: {self.folder}: {self.variant} has {published} shapes to "
                    f"{split}; got {len(shapes)}, {len(missing)} without a file{first}; {_WHERE}"
                )
            counts[split] = len(shapes)
        return counts

    def _published_shapes(self, split: str) -> list[Shape]:
        shapes = self._reader.shapes(self.folder, self.variant, split, self.classes)
        if not shapes:
            raise DataError(
                f"ModelNet: {self.folder}: no shapes to {split} ({self.form} form); {_WHERE}"
            )
        return shapes

    def _cache_name(self) -> str:
        return f"{self.variant}-{self.form}-{self.points or 'all'}-{self.seed}-{self._published}"

    def _sample(self, index: int) -> Sample:
        position = int(self._positions[index])
        shape = self._shapes[position]
        cloud = None
        kept = None if self._cache is None else self._cache / f"{shape.name}.npy"
        if kept is not None:
            cloud = _remembered(kept)
        if cloud is None:
            # By position in the published split: a shape is the same under either protocol.
            rng = np.random.default_rng([self.seed, SPLITS.index(self._published), position])
            cloud = self._reader.read(shape, self.points, rng)
            if kept is not None:
                _remember(kept, cloud)
        sample: Sample = {"points": cloud[0], "label": shape.label, "name": shape.name}
        if cloud[1] is not None:
            sample["normals"] = cloud[1]
        return sample


def _located(root: str | Path, variant: str, form: str) -> tuple[str, Path]:
    folder = existing_folder("ModelNet", root, _WHERE)
    found = find_form(folder, variant, form)
    if found is None:
        wanted = "any published form" if form == "auto" else f"the {form} form"
        held = ", ".join(sorted(child.name for child in folder.iterdir())[:5]) or "nothing"
        raise DataError(
            f"ModelNet.root: {folder} does not hold {wanted} of {variant}; got {held}; {_WHERE}"
        )
    _log.info("ModelNet: %s form in %s", *found)
    return found


def _classes(reader: Form, folder: Path, variant: str) -> tuple[str, ...]:
    classes = reader.classes(folder, variant)
    expected = CLASSES[variant]
    if len(classes) != len(expected):
        missing = ", ".join(sorted(set(expected) - set(classes))[:5]) or "none"
        unexpected = ", ".join(sorted(set(classes) - set(expected))[:5]) or "none"
        raise DataError(
            f"ModelNet: {folder}: {variant} has {len(expected)} classes; got {len(classes)} "
            f"(missing: {missing}; unexpected: {unexpected}); {_WHERE}"
        )
    return classes


def _positions(
    labels: NDArray[np.int64], split: str, protocol: str, validation: float, seed: int
) -> NDArray[np.int64]:
    if split == "test" or protocol == "legacy":
        return np.arange(len(labels))
    kept, held = stratified_split(labels, validation, seed=seed)
    if split == "val" and not len(held):
        raise ArgumentError(
            f"ModelNet.validation: too small to hold a shape out of {len(labels)}; "
            f"got {validation}; raise it or use protocol='legacy'"
        )
    return held if split == "val" else kept


def _remembered(path: Path) -> Cloud | None:
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # not there yet, or damaged: made anew
    normals = np.ascontiguousarray(rows[:, 3:]) if rows.shape[1] == 6 else None
    return np.ascontiguousarray(rows[:, :3]), normals


def _remember(path: Path, cloud: Cloud) -> None:
    """Write beside the place, then rename: no reader ever meets half a file."""
    rows = cloud[0] if cloud[1] is None else np.concatenate([cloud[0], cloud[1]], axis=1)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            temporary = file.name
            np.save(file, rows)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise DataError(
            f"ModelNet.cache: cannot write {path} ({error.strerror}); choose another folder"
        ) from error
