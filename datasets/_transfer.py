"""One file over HTTP: resumed where it stopped, in place only once it is whole and checked."""

from __future__ import annotations

import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurospike.errors import DataError

_CHUNK = 1 << 18
_TIMEOUT_S = 60
_RANGE_REFUSED = 416


def fetch_file(url: str, path: Path, *, check: Callable[[Path, str], object]) -> None:
    """Fetch into ``path``; what came so far waits in ``path`` with ``.part`` added.

    Parameters
    ----------
    check
        Takes the whole file and its name, and raises DataError where it is not what it should be:
        the file is then removed.

    Raises
    ------
    DataError
        As in ``downloads.fetch``.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        _transfer(url, part)
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(
            f"downloads.fetch: {url}: the host answered {error.code} {error.reason}; try again "
            f"later, or fetch it elsewhere and put it at {path}"
        ) from error
    except urllib.error.URLError as error:  # raised where the connection is opened
        raise DataError(
            f"downloads.fetch: cannot reach {url} ({error.reason}); check the connection, or fetch "
            f"it elsewhere and put it at {path}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        held = part.stat().st_size if part.exists() else 0
        raise DataError(
            f"downloads.fetch: {url}: interrupted after {held} bytes ({error}); "
            "run it again to go on from there"
        ) from error
    try:
        check(part, path.name)
    except DataError:
        part.unlink()
        raise
    os.replace(part, path)


def _transfer(url: str, part: Path) -> None:
    held = part.stat().st_size if part.exists() else 0
    try:
        response = _opened(url, held)
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_REFUSED:
            raise
        # More is held than the host has: a whole file, or one of another time.
        error.close()
        total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        if total == str(held):
            return
        held = 0
        response = _opened(url, held)
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            held = 0  # the host sends it all again
        expected = response.headers.get("Content-Length")
        total_bytes = None if expected is None else held + int(expected)
        with part.open("ab" if held else "wb") as file, _bar(part.stem, held, total_bytes) as step:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                step(len(chunk))
            got = file.tell()
    if total_bytes is not None and got < total_bytes:
        raise DataError(
            f"downloads.fetch: {url}: ended after {got} of {total_bytes} bytes; "
            "run it again to go on from there"
        )


def _opened(url: str, held: int) -> Any:
    headers = {"User-Agent": "neurospike"}
    if held:
        headers["Range"] = f"bytes={held}-"
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)


@contextmanager
def _bar(title: str, done: int, total: int | None) -> Iterator[Callable[[int], object]]:
    """A progress bar on a terminal, nothing elsewhere."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
    except ImportError:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = ("[progress.description]{task.description}", BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, completed=done)
        yield lambda count: progress.advance(task, count)
