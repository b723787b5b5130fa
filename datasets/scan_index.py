"""What the files of a data set hold, looked up once and kept beside them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurospike.errors import DataError
from neurospike.files import write_atomically

_log = logging.getLogger(__name__)
_FORM = 1  # raise it when the facts change their meaning

Facts = dict[str, Any]


@dataclass(frozen=True)
class Findings:
    """What a look through a data set found.

    Attributes
    ----------
    counts
        Of what is there, by name.
    notes
        What is no damage and yet worth a line.
    problems
        What is missing or damaged, a line each, the file first.
    """

    counts: dict[str, int]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def index_place(name: str, root: Path, cache: str | Path | None) -> Path | None:
    """The index file: in the cache folder, else beside the data unless that is read-only."""
    if cache is not None:
        mark = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
        return Path(cache).expanduser() / f"{name}-{mark}.json"
    # By the folder's own bits: the superuser is let in everywhere.
    return root / ".neurospike" / f"{name}.json" if root.stat().st_mode & 0o222 else None


def indexed(
    place: Path | None,
    files: Mapping[str, Sequence[Path]],
    facts: Callable[[str], Facts],
    *,
    fresh: bool = False,
) -> dict[str, Facts]:
    """Facts of every name: those kept where its files' sizes and times stand, else looked up.

    Parameters
    ----------
    place
        The index file, written again when something changed; None keeps none.
    files
        The files that the facts of a name rest on, missing ones included.
    facts
        Looks up a name; what it returns must be JSON. Where there is a ``problem`` in it, it is
        not kept: the name is looked up until it is well.
    fresh
        Looks everything up anew.

    Cost
    ----
    A file's status each, some 10 µs, and what ``facts`` takes for what changed.
    """
    kept = {} if fresh or place is None else _kept(place)
    found: dict[str, Facts] = {}
    rows: dict[str, list[Any]] = {}
    for name, paths in files.items():
        marks = [_mark(path) for path in paths]
        before = kept.get(name)
        found[name] = before[1] if before is not None and before[0] == marks else facts(name)
        if not found[name].get("problem"):
            rows[name] = [marks, found[name]]
    if place is not None and rows != kept:
        _keep(place, rows)
    return found


def _mark(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _kept(place: Path) -> dict[str, Any]:
    try:
        document = json.loads(place.read_text("utf-8"))
        rows = document["rows"] if document["form"] == _FORM else {}
        return {name: row for name, row in rows.items() if len(row) == 2}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # not there yet, or damaged: made anew


def _keep(place: Path, rows: Mapping[str, Any]) -> None:
    try:
        write_atomically(place, json.dumps({"form": _FORM, "rows": rows}))
    except DataError as error:
        _log.info("no index is kept (%s); cache= names another folder", error)
