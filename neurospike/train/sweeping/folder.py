"""The folder of a sweep: what it is a sweep of, and one file a point, so that it can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from neurospike.errors import ArgumentError, DataError
from neurospike.files import check_writable_folder, write_atomically

Point = dict[str, Any]

MEASURED, UNFIT, FAILED = "measured", "does not fit", "failed"
_FINISHED = (MEASURED, UNFIT)


def digest(*parts: bytes) -> str:
    """16 hexadecimal digits that tell contents apart: the head of their SHA-256."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()[:16]


class SweepFolder:
    """Points of one sweep on disk, each in a file of its own, whole or not there.

    Parameters
    ----------
    path
        The folder; it is made.
    identity
        What every point has in common: checkpoint, samples, convention. Points of another
        identity are never mixed with these.
    chips
        Name -> digest of the chip's file; more may join later, none may change.

    Raises
    ------
    ArgumentError
        The folder holds another sweep, or points of a chip whose file has changed since.
    DataError
        A folder that cannot be written, or a damaged ``sweep.json``.
    """

    def __init__(
        self, path: str | Path, identity: Mapping[str, Any], chips: Mapping[str, str]
    ) -> None:
        self.path = Path(path)
        about = self.path / "sweep.json"
        wanted: dict[str, Any] = json.loads(json.dumps(dict(identity)))
        known: dict[str, Any] = {}
        if about.is_file():
            found = _read(about)
            if not isinstance(found, dict) or not isinstance(found.get("chips"), dict):
                raise DataError(f"{about}: damaged; choose another folder with --out.")
            known = found.pop("chips")
            self._same("sweep", found, wanted)
            self._same("chip", {name: known.get(name, chips[name]) for name in chips}, chips)
        check_writable_folder(self.path)
        content = {**wanted, "chips": {**known, **chips}}
        write_atomically(about, json.dumps(content, indent=1))

    def _same(self, kind: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        for name in {**found, **wanted}:
            before, now = found.get(name), wanted.get(name)
            if before == now:
                continue
            if kind == "chip":
                raise ArgumentError(
                    f"sweep.out: {self.path} holds points of another version of chip {name}; got a "
                    "file that has changed since. Choose another folder with --out."
                )
            raise ArgumentError(
                f"sweep.out: {self.path} holds a sweep with {name} {_short(before)}; got "
                f"{_short(now)}. Choose another folder with --out."
            )

    def finished(self, keys: Iterable[str]) -> dict[str, Point]:
        """Those points that need no second measuring; failed ones and damaged files do."""
        found = {}
        for key in keys:
            path = self._file(key)
            point = _read(path) if path.is_file() else None
            if isinstance(point, dict) and point.get("status") in _FINISHED:
                found[key] = point
        return found

    def keep(self, point: Point) -> None:
        """Write one point."""
        write_atomically(self._file(point["key"]), json.dumps(point, indent=1))

    def _file(self, key: str) -> Path:
        return self.path / "points" / f"{key}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
