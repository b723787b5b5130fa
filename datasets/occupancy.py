"""Occupancy grids in ``.npz`` files, a file a class."""

from __future__ import annotations

import logging
import zipfile
import zlib
from collections.abc import Sequence
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
from neurospike.errors import ArgumentError, DataError

_log = logging.getLogger(__name__)

_WHERE = (
    "each <class>.npz holds occupancy (packed bits) and shape; docs/data.md shows how to make one"
)
_DAMAGE = (
    *(OSError, KeyError, ValueError, EOFError, TypeError, AttributeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error),
)


class OccupancyVoxels(Samples):
    """Shapes as occupied voxels; empty samples and duplicates are found, reported and removed.

    Parameters
    ----------
    root
        A folder of ``<class>.npz``: ``occupancy`` uint8, the last axis packed by
        ``np.packbits``, and ``shape``, the unpacked (samples, X, Y, Z).
    split
        ``test`` is a fifth of every class, by seed; of the other four fifths ``validation`` is
        held out as ``val``. ``protocol="legacy"`` trains on all four and validates on the test.
    classes
        Which classes, in the order of their labels; None takes every file, by name.

    Attributes
    ----------
    empty, duplicates
        Names ``<class>_<row>`` of what was removed: no voxel at all, or the very voxels of an
        earlier sample.

    Shape
    -----
    sample: coords int32 (N, 3), ascending; points float32 (N, 3), their centres in voxels about
    the middle of the grid; label int, name

    Raises
    ------
    ArgumentError
        An unknown split or protocol, or a validation split without samples.
    DataError
        A folder or file that is missing, damaged or of another layout.

    Cost
    ----
    The grids stay packed in memory: 4 kB a sample at 32 x 32 x 32.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: Literal["train", "val", "test"] = "train",
        protocol: Literal["clean", "legacy"] = "clean",
        seed: int = 0,
        validation: float = 0.1,
        classes: Sequence[str] | None = None,
    ) -> None:
        check_choice("OccupancyVoxels", "split", split, SPLITS)
        check_choice("OccupancyVoxels", "protocol", protocol, PROTOCOLS)
        check_fraction("OccupancyVoxels", "validation", validation)
        folder = existing_folder("OccupancyVoxels", root, _WHERE)
        self.classes = _class_names(folder) if classes is None else tuple(classes)
        files = [_packed(folder / f"{name}.npz") for name in self.classes]
        self.grid: tuple[int, int, int] = _common_grid(folder, [grid for _, grid in files])
        labels = np.repeat(np.arange(len(files)), [len(packed) for packed, _ in files])
        names = [
            f"{name}_{row:04d}"
            for name, (packed, _) in zip(self.classes, files, strict=True)
            for row in range(len(packed))
        ]
        packed = np.concatenate([packed for packed, _ in files])
        kept, self.empty, self.duplicates = _cleaned(packed, names)
        _log.info(
            "OccupancyVoxels: %s: %d samples, of which %d empty and %d duplicates removed",
            folder, len(names), len(self.empty), len(self.duplicates),
        )  # fmt: skip
        chosen = kept[_positions(labels[kept], split, protocol, validation, seed)]
        self._packed = packed[chosen]
        self._names = [names[row] for row in chosen]
        self.labels = labels[chosen].astype(np.int64)

    def occupancy(self, index: int) -> NDArray[np.bool_]:
        """The grid (X, Y, Z) of a sample."""
        bits = np.unpackbits(self._packed[index], count=int(np.prod(self.grid)))
        return bits.reshape(self.grid).astype(bool)

    def sizes(self) -> NDArray[np.int64]:
        """Occupied voxels of each sample."""
        rows = (np.unpackbits(row).sum() for row in self._packed)
        return np.fromiter(rows, np.int64, count=len(self._packed))

    def _sample(self, index: int) -> Sample:
        coords = np.argwhere(self.occupancy(index)).astype(np.int32)
        points = coords + (0.5 - np.array(self.grid) / 2)
        return {
            "coords": coords,
            "points": points.astype(np.float32),
            "label": int(self.labels[index]),
            "name": self._names[index],
        }


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(path.stem for path in folder.glob("*.npz")))
    if not names:
        raise DataError(f"OccupancyVoxels.root: {folder} holds no .npz file; {_WHERE}")
    return names


def _packed(path: Path) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """Rows of packed bits (samples, bytes) and the shape of a grid."""
    try:
        # Opened here: numpy leaves a file open that turns out to be no archive.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            occupancy, shape = file["occupancy"], tuple(int(edge) for edge in file["shape"])
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"OccupancyVoxels: {path}: cannot read ({reason}); {_WHERE}") from error
    fits = (
        len(shape) == 4
        and occupancy.dtype == np.uint8
        and occupancy.shape == (*shape[:3], -(-shape[3] // 8))
    )
    if not fits:
        raise DataError(
            f"OccupancyVoxels: {path}: occupancy is uint8 (samples, X, Y, ceil(Z / 8)) for shape "
            f"(samples, X, Y, Z); got {occupancy.dtype} {occupancy.shape} for {shape}; {_WHERE}"
        )
    # Rows of Z are padded to whole bytes, grids are not: pack anew as one row of bits a sample.
    bits = np.unpackbits(occupancy, axis=-1, count=shape[3]).reshape(shape[0], -1)
    return np.packbits(bits, axis=1), shape[1:]


def _common_grid(folder: Path, grids: list[tuple[int, ...]]) -> tuple[int, int, int]:
    if len(set(grids)) != 1:
        raise DataError(
            f"OccupancyVoxels: {folder}: all classes share one grid; got {sorted(set(grids))}; "
            "voxelise them alike"
        )
    x, y, z = grids[0]
    return x, y, z


def _cleaned(
    packed: NDArray[np.uint8], names: list[str]
) -> tuple[NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Rows worth keeping, and the names of the empty and of the repeated ones."""
    seen: set[bytes] = set()
    kept, empty, duplicates = [], [], []
    for row, (bits, name) in enumerate(zip(packed, names, strict=True)):
        key = bits.tobytes()
        if not bits.any():
            empty.append(name)
        elif key in seen:
            duplicates.append(name)
        else:
            seen.add(key)
            kept.append(row)
    return np.array(kept, dtype=np.int64), tuple(empty), tuple(duplicates)


def _positions(
    labels: NDArray[np.int64], split: str, protocol: str, validation: float, seed: int
) -> NDArray[np.int64]:
    train, test = stratified_split(labels, 0.2, seed=seed)
    if split == "test" or (split == "val" and protocol == "legacy"):
        return test
    if protocol == "legacy":
        return train
    kept, held = stratified_split(labels[train], validation, seed=seed)
    if split == "val" and not len(held):
        raise ArgumentError(
            "OccupancyVoxels.validation: too small to hold a sample out of "
            f"{len(train)}; got {validation}; raise it or use protocol='legacy'"
        )
    return train[held if split == "val" else kept]
