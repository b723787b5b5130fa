"""Archives unpacked: plain files and folders, none of them outside."""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from neurospike.errors import DataError

_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip, .tar, .tar.gz or .gz into an existing folder.

    Raises
    ------
    DataError
        A damaged archive, one of another form, or one with a link, a device, or a path that leads
        out of the folder.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, folder)
        elif tarfile.is_tarfile(archive):
            _untar(archive, folder)
        elif archive.suffix == ".gz":
            with gzip.open(archive, "rb") as source:
                _write(source, folder / archive.stem)
        else:
            raise DataError(f"{archive}: no .zip, .tar or .gz archive; fetch it again")
    except (*_DAMAGE, gzip.BadGzipFile) as error:
        raise DataError(f"{archive}: damaged ({error}); remove it and fetch it again") from error


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            # The upper half of this field holds the Unix mode.
            kind = (member.external_attr >> 16) & 0o170000
            if kind == 0o120000:
                raise _refused(archive, member.filename, "a link")
            target = _inside(archive, folder, member.filename)
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            with packed.open(member) as source:
                _write(source, target)


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as packed:
        for member in packed:
            target = _inside(archive, folder, member.name)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            source = packed.extractfile(member) if member.isfile() else None
            if source is None:
                raise _refused(archive, member.name, "a link or a device")
            with source:
                _write(source, target)


def _inside(archive: Path, folder: Path, name: str) -> Path:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
        raise _refused(archive, name, "a path that leads out of the folder")
    return folder.joinpath(*path.parts)


def _write(source: _Readable, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)


def _refused(archive: Path, name: str, what: str) -> DataError:
    return DataError(f"{archive}: {name!r} is {what}; nothing was unpacked")
