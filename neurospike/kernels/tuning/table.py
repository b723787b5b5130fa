"""The table: read once a process, asked in about a microsecond, written whole or not at all.

A process that records reads the file again, adds everything that it measured itself and puts the
new file in the old one's place: a file is always whole, and several processes add to each other.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically
from neurospike.kernels.tuning import identity as identities
from neurospike.kernels.tuning import rows as files
from neurospike.kernels.tuning.identity import Identity
from neurospike.kernels.tuning.rows import Key, Row

_log = logging.getLogger(__name__)

NEAR = 4
"""A measured size answers for sizes up to so many times larger or smaller."""


class _Table:
    """Rows in force for a device, and the answers given so far."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.answers: dict[tuple[str, Key], dict[str, Any] | None] = {
            (row.op, row.key): row.choice for row in rows
        }

    def find(self, op: str, key: Key) -> dict[str, Any] | None:
        """The choice of the nearest row, remembered."""
        near = [(d, row) for row in self.rows if (d := _distance(op, key, row)) is not None]
        found = min(near, key=lambda pair: pair[0])[1].choice if near else None
        self.answers[op, key] = found
        return found


_lock = threading.RLock()
_tables: dict[torch.device, _Table] = {}
_own: dict[Identity, dict[tuple[str, Key], Row]] = {}
_told: set[str] = set()
_forced: dict[str, tuple[dict[str, Any] | None, list[Key]]] = {}


def lookup(op: str, device: torch.device, key: Key) -> dict[str, Any] | None:
    """The choice measured on this card for a key, or the nearest; None is the default.

    The dictionary is the table's own: read it, do not write it.

    Cost
    ----
    About a microsecond; the first call for a device reads a file, if there is one.

    Examples
    --------
    >>> lookup("neurons.no_such_kernel", torch.device("cpu"), (1024, "float32")) is None
    True
    """
    if op in _forced:
        choice, asked = _forced[op]
        asked.append(key)
        return choice
    table = _tables.get(device)
    if table is None:
        table = _open(device)
    if not table.rows:
        return None
    try:
        return table.answers[op, key]
    except KeyError:
        return table.find(op, key)


@contextmanager
def forced(op: str, choice: Mapping[str, Any] | None) -> Iterator[list[Key]]:
    """Answer every lookup of an operation with one choice, or with None; for searches.

    It gives the list of the keys that are asked for. It holds for the whole process: backward
    passes run on threads of their own, which no variable of a context would reach.
    """
    before, asked = dict(_forced), list[Key]()
    _forced[op] = (None if choice is None else dict(choice), asked)
    try:
        yield asked
    finally:
        _forced.clear()
        _forced.update(before)


def record(
    op: str,
    device: torch.device,
    key: Key,
    choice: Mapping[str, Any] | None,
    *,
    seconds: Mapping[str, float] | None = None,
) -> Path | None:
    """Keep a choice, on disk too; the table's path, or None where it could not be written.

    None is kept as well: the default was measured and is best, whatever is best for near sizes.

    Raises
    ------
    ArgumentError
        A device that is not there, or what JSON cannot hold.
    """
    found = identities.identity(device)
    if found is None:
        raise ArgumentError(
            f"tuning.record.device: must be a CUDA device or a CPU that is there; got {device}."
        )
    row = Row(op, tuple(key), None if choice is None else dict(choice), dict(seconds or {}))
    files.check(row)
    with _lock:
        own = _own.setdefault(found, {})
        own[op, row.key] = row
        _tables.clear()
        try:
            path = found.path
            with _alone_in(path.parent):
                write_atomically(path, files.text(found, _sorted(_read(found) | own)))
        except (DataError, RuntimeError) as error:
            reason = getattr(error.__cause__, "strerror", None) or error
            _tell(
                f"tuning: the table of {found.device} cannot be written ({reason}); its choices "
                "hold for this process alone. Name a folder in NEUROSPIKE_CACHE."
            )
            return None
    return path


def rows(device: torch.device) -> list[Row]:
    """The rows in force on a device."""
    table = _tables.get(device)
    return list((_open(device) if table is None else table).rows)


def forget() -> None:
    """Forget what was read and recorded in this process; files stay."""
    with _lock:
        _tables.clear()
        _own.clear()
        _told.clear()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from reading what is about to be replaced, where the system can."""
    handle = None
    with suppress(ImportError, OSError):  # no Unix, or a network drive that knows no locks
        import fcntl

        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _open(device: torch.device) -> _Table:
    with _lock:
        if device not in _tables:
            _tables[device] = _Table(_in_force(device))
        return _tables[device]


def _in_force(device: torch.device) -> list[Row]:
    name = identities.device_name(device)
    if name is None:
        return []
    if not _own and not files_of(name):
        return []  # nothing was measured here: the sources need not be read
    found = identities.identity(device)
    if found is None:
        return []
    kept: dict[tuple[str, Key], Row] = {}
    with suppress(RuntimeError):  # no home
        kept = _read(found)
    return _sorted(kept | _own.get(found, {}))


def files_of(name: str) -> list[Path]:
    """Tables of a device by its name, stale ones included."""
    try:
        return sorted(identities.folder().glob(f"{identities.slug(name)}-*.json"))
    except (OSError, RuntimeError):
        return []


def _distance(op: str, key: Key, row: Row) -> float | None:
    """Octaves between the sizes of two keys; None where a size or a word is too far off."""
    if row.op != op or len(row.key) != len(key):
        return None
    total = 0.0
    for one, other in zip(key, row.key, strict=True):
        if isinstance(one, str) or isinstance(other, str):
            if one != other:
                return None
            continue
        octaves = abs(math.log2((one + 1) / (other + 1)))
        if octaves > math.log2(NEAR):
            return None
        total += octaves
    return total


def _sorted(rows: Mapping[tuple[str, Key], Row]) -> list[Row]:
    """In one order, whoever measured them: of two rows that are equally near, the first answers."""
    return sorted(rows.values(), key=lambda row: (row.op, str(row.key)))


def _read(found: Identity) -> dict[tuple[str, Key], Row]:
    """What is on disk; nothing where that is damaged."""
    try:
        return {(row.op, row.key): row for row in files.read(found)}
    except DataError as error:
        _tell(str(error))
        return {}


def _tell(line: str) -> None:
    """Say it once a process."""
    if line not in _told:
        _told.add(line)
        _log.warning("%s", line)
