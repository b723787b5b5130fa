"""Scans kept in a folder, a file each, written whole or not at all."""

from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path

import numpy as np

from neurospike.datasets.streets_world.render import Record
from neurospike.files import write_atomically

_log = logging.getLogger(__name__)

VERSION = 6
"""Raised whenever the same seed gives other scans, so that no old file is taken for a new one."""


def write(path: Path, record: Record) -> None:
    """Write the arrays of a scan."""
    content = io.BytesIO()
    np.savez(content, **record)  # type: ignore[arg-type]
    write_atomically(path, content.getvalue())


def read(path: Path) -> Record | None:
    """The arrays of a scan; None where there is no file, or a damaged one, which is said."""
    if not path.is_file():
        return None
    try:
        # Read whole first: numpy leaves a damaged file open.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("Streets.cache: %s is damaged (%s); making the scan again", path, error)
        return None
