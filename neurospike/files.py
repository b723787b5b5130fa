"""Files written whole or not at all, and TOML files that ship with the package.

A leaf, like ``errors``, that every part may import.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from dataclasses import dataclass
from errno import EACCES, EISDIR, ENOTDIR
from importlib.resources import files
from pathlib import Path
from typing import Any

from neurospike.errors import ArgumentError, DataError

__all__ = [
    "Shipped",
    "check_writable",
    "check_writable_folder",
    "user_cache_folder",
    "write_atomically",
]


@dataclass(frozen=True)
class Shipped:
    """TOML files in a folder of the package, known by name, beside users' own, known by path.

    Attributes
    ----------
    package, folder
        Where they lie.
    argument, kind
        Owner and argument that names are given as, and what a file is, for errors.
    """

    package: str
    folder: str
    argument: str
    kind: str

    def names(self) -> list[str]:
        """Names of the files that ship with the package."""
        folder = files(self.package) / self.folder
        return sorted(
            p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")
        )

    def read(self, name_or_path: str | Path) -> dict[str, Any]:
        """The content of a file, by name or by path.

        Raises
        ------
        ArgumentError
            An unknown name.
        DataError
            A file that is missing, or no TOML.
        """
        name, names = str(name_or_path), self.names()
        if name in names:
            text = (files(self.package) / self.folder / f"{name}.toml").read_text("utf-8")
        elif name.endswith(".toml"):
            try:
                text = Path(name).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{name}: cannot be read as {self.kind} ({error}).") from error
        else:
            raise ArgumentError(
                f"{self.argument}: must be one of {', '.join(names)}, or the path of a .toml "
                f"file; got {name!r}."
            )
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DataError(f"{name}: not valid TOML: {error}.") from error


def user_cache_folder() -> Path:
    """``NEUROSPIKE_CACHE``, or neurospike in the folder that the system names for caches.

    Raises
    ------
    RuntimeError
        Neither is named, and the user has no home.
    """
    named = os.environ.get("NEUROSPIKE_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurospike"


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


def check_writable(*paths: str | Path | None) -> None:
    """Look whether files could be written, so that work does not end with some of them missing.

    Nothing is made; None is passed over.

    Raises
    ------
    DataError
        A folder in place of a file, or a file or a write-protected folder on the way to it.
    """
    for path in paths:
        if path is None:
            continue
        if Path(path).is_dir():
            raise _cannot_write(Path(path), IsADirectoryError(EISDIR, "is a folder"))
        folder = Path(path).absolute().parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise _cannot_write(Path(path), NotADirectoryError(ENOTDIR, f"{folder} is a file"))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _cannot_write(Path(path), PermissionError(EACCES, f"{folder} is write-protected"))


def _cannot_write(path: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"{path}: cannot be written ({reason}); choose another folder with --out.")


def _umask() -> int:
    # The mask can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
