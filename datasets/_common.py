"""What the data sets share: splits, protocols, indices and one-line messages."""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError, DataError

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")

Sample = dict[str, Any]
"""Numpy arrays by name, and a ``label``."""

SPLITS = ("train", "val", "test")
PROTOCOLS = ("clean", "legacy")


class Samples:
    """Machinery of the data sets: length, iteration, indices; leaves implement ``_sample``.

    Any loader that wants ``len(ds)`` and ``ds[i]`` takes it, torch's ``DataLoader`` among them.
    """

    classes: tuple[str, ...] = ()
    labels: NDArray[np.int64]
    """(samples,), the class of every sample, known without reading it; detection has none."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        index = operator.index(index)
        count = len(self)
        if not -count <= index < count:
            # Iteration by index ends on this built-in.
            raise IndexError(f"{type(self).__name__}: index {index} of {count} samples")
        return self._sample(index % count)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def sizes(self) -> NDArray[np.int64] | None:
        """(samples,) how large each is, in points, voxels or bytes; None where reading would tell.

        Processes that train together deal samples by it: see ``train.sharing``.
        """
        return None

    def _sample(self, index: int) -> Sample:
        raise NotImplementedError


def check_choice(owner: str, argument: str, value: str, choices: Sequence[str]) -> None:
    """Raise ArgumentError unless ``value`` is one of ``choices``."""
    if value not in choices:
        known = ", ".join(repr(choice) for choice in choices)
        raise ArgumentError(f"{owner}.{argument}: one of {known}; got {value!r}")


def check_fraction(owner: str, argument: str, value: float) -> None:
    """Raise ArgumentError unless 0 <= ``value`` < 1."""
    if not 0 <= value < 1:
        raise ArgumentError(f"{owner}.{argument}: a fraction, 0 <= fraction < 1; got {value}")


def existing_folder(owner: str, root: str | Path, remedy: str) -> Path:
    """``root`` as a path, or DataError when it is no folder."""
    folder = Path(root).expanduser()
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{owner}.root: {folder} {state}; {remedy}")
    return folder


def read_bytes(owner: str, path: Path, remedy: str) -> bytes:
    """The whole file, or DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{owner}: cannot read {path} ({reason}); {remedy}") from error


def read_lines(owner: str, path: Path, remedy: str) -> list[str]:
    """Lines of a text file without blanks, or DataError."""
    text = read_bytes(owner, path, remedy)
    try:
        return [line.strip() for line in text.decode("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"{owner}: {path} is not UTF-8 text; {remedy}") from error


def stratified_split(
    labels: NDArray[np.int64], fraction: float, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices (kept, held out): ``fraction`` of every class is held out, by ``seed``.

    Both in ascending order. A class of two samples or more keeps one on either side; a class
    of one stays with the kept.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    held: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = round(fraction * len(members))
        if fraction > 0 and len(members) > 1:
            count = min(max(count, 1), len(members) - 1)
        held.append(rng.permutation(members)[:count])
    out = np.sort(np.concatenate(held)) if held else np.zeros(0, dtype=np.int64)
    kept = np.setdiff1d(np.arange(len(labels)), out, assume_unique=True)
    return kept.astype(np.int64), out.astype(np.int64)


def tracked(items: Iterable[_Item], title: str, *, total: int | None = None) -> Iterable[_Item]:
    """The items, with a bar on standard error that shows the way where rich is at hand."""
    try:
        from rich.console import Console
        from rich.progress import track
    except ImportError:
        _log.info("%s: generating", title)
        return items
    return track(items, title, total=total, console=Console(stderr=True), transient=True)
