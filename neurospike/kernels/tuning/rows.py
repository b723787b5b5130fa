"""A table's file: JSON for people and programs, a row a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from neurospike.errors import ArgumentError, DataError
from neurospike.kernels.tuning.identity import Identity

Key = tuple[int | str, ...]


@dataclass(frozen=True)
class Row:
    """A measured choice.

    Attributes
    ----------
    op, key
        What was measured: ``("neurons.lif", (4, 65536, "float32"))``.
    choice
        What ``lookup`` answers; None where the default is best.
    seconds
        Median of each candidate that ran.
    """

    op: str
    key: Key
    choice: dict[str, Any] | None
    seconds: dict[str, float]


def check(row: Row) -> None:
    """Raise ArgumentError unless a row can be written and found again."""
    if not all(isinstance(part, str) or _is_size(part) for part in row.key):
        raise ArgumentError(
            f"tuning.record.key: must hold whole numbers from 0 and strings; got {row.key!r}."
        )
    try:
        json.dumps(row.choice, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"tuning.record.choice: must be what JSON can hold; got {row.choice!r}."
        ) from error


def _is_size(part: Any) -> bool:
    return isinstance(part, int) and not isinstance(part, bool) and part >= 0


def text(found: Identity, rows: Sequence[Row]) -> str:
    """The file of a table."""
    lines = ",\n".join(f"  {json.dumps(asdict(row))}" for row in rows)
    return f'{{"measured_on": {json.dumps(asdict(found), indent=1)},\n"rows": [\n{lines}\n]}}\n'


def read(found: Identity) -> list[Row]:
    """The rows of a device's file; none where there is no file.

    Raises
    ------
    DataError
        It is damaged, or of something else.
    RuntimeError
        The user has no home, and no cache folder is named.
    """
    path = found.path
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["measured_on"] != asdict(found):
            raise ValueError("it was measured on something else")
        return [_row(**entry) for entry in document["rows"]]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: damaged and ignored ({error}); neurospike tune measures again."
        ) from error


def _row(op: str, key: list[Any], choice: Any, seconds: dict[str, float]) -> Row:
    taken = {name: float(value) for name, value in seconds.items()}
    row = Row(str(op), tuple(key), None if choice is None else dict(choice), taken)
    check(row)
    return row
