"""Files written whole or not at all: a leaf, like ``errors``, that every part may import."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from neurospike.errors import DataError

__all__ = ["check_writable_folder", "write_atomically"]


def write_atomically(path: str | Path, content: bytes | str) -> None:
    """Write a file beside its place and move it there; its folder is made.

    Raises
    ------
    DataError
        A folder or a disk that cannot be written; nothing is left behind.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise _cannot_write(path, error) from error


def check_writable_folder(folder: str | Path) -> Path:
    """Make the folder and try a file in it, so that long work does not end in an error.

    Raises
    ------
    DataError
        It cannot be made or written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def _cannot_write(path: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"{path}: cannot be written ({reason}); choose another folder with --out.")


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
