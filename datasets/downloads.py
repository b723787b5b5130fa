"""Published archives, fetched with resumption, checked, and unpacked whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurospike.datasets import checksums
from neurospike.datasets._transfer import fetch_file
from neurospike.datasets._unpack import unpack
from neurospike.datasets.kitti_layout import WHERE as KITTI_WHERE
from neurospike.datasets.semantic_kitti import WHERE as SEMANTIC_KITTI_WHERE
from neurospike.errors import ArgumentError, DataError
from neurospike.files import check_writable_folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Archive:
    """A file to fetch, and what it unpacks to: a file, or a folder."""

    url: str
    name: str
    creates: str

    @property
    def is_file(self) -> bool:
        return self.creates.endswith(".h5")


@dataclass(frozen=True)
class Published:
    """A data set that needs no login."""

    title: str
    licence: str
    size: str
    archives: tuple[Archive, ...]


def _heidelberg(*names: str) -> tuple[Archive, ...]:
    home = "https://zenkelab.org/datasets"
    return tuple(Archive(f"{home}/{name}.h5.zip", f"{name}.h5.zip", f"{name}.h5") for name in names)


SETS = {
    "shd": Published(
        "Spiking Heidelberg Digits, datasets.SHD",
        "CC BY 4.0",
        "0.2 GB",
        _heidelberg("shd_train", "shd_test"),
    ),
    "ssc": Published(
        "Spiking Speech Commands, datasets.SSC",
        "CC BY 4.0",
        "about 2 GB",
        _heidelberg("ssc_train", "ssc_valid", "ssc_test"),
    ),
    "speech-commands": Published(
        "Google Speech Commands v0.02, datasets.SpeechCommands",
        "CC BY 4.0",
        "2.4 GB",
        (
            Archive(
                "https://storage.googleapis.com/download.tensorflow.org/data/"
                "speech_commands_v0.02.tar.gz",
                "speech_commands_v0.02.tar.gz",
                "speech_commands_v0.02",
            ),
        ),
    ),
    "fsdd": Published(
        "Free Spoken Digit Dataset v1.0.9, datasets.FSDD",
        "CC BY-SA 4.0",
        "12 MB",
        (
            Archive(
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
                "free-spoken-digit-dataset-1.0.9.tar.gz",
                "free-spoken-digit-dataset-1.0.9",
            ),
        ),
    ),
}
"""What ``fetch`` knows, by name."""

BY_HAND = {"kitti": KITTI_WHERE, "semantickitti": SEMANTIC_KITTI_WHERE}
"""Where to get what asks for a login."""


def known(name: str) -> Published:
    """The entry of a data set, or ArgumentError."""
    if name in BY_HAND:
        raise ArgumentError(f"downloads.name: {name} needs a login: {BY_HAND[name]}")
    if name not in SETS:
        raise ArgumentError(f"downloads.name: one of {', '.join(SETS)}; got {name!r}")
    return SETS[name]


def fetch(
    name: str,
    root: str | Path,
    *,
    keep: bool = False,
    say: Callable[[str], object] = _log.info,
) -> Path:
    """Fetch a data set into ``root/name`` and unpack it; the folder.

    What is there already stays and is not fetched again. An archive that somebody put into the
    folder by hand is checked and unpacked as if it had been fetched.

    Parameters
    ----------
    name
        One of ``SETS``.
    keep
        Keep the archives once they are unpacked.
    say
        Takes a line about each step.

    Raises
    ------
    ArgumentError
        An unknown name.
    DataError
        A host that cannot be reached, a transfer that ended early (the next call goes on where it
        stopped), a checksum that differs, an archive that is damaged or would write outside its
        folder, or a folder that cannot be written.
    """
    entry = known(name)
    folder = check_writable_folder(Path(root).expanduser() / name)
    for archive in entry.archives:
        target = folder / archive.creates
        if target.exists():
            say(f"{target} is there already")
            continue
        packed = folder / archive.name
        if packed.is_file():
            say(f"{packed} is there already: checking it")
            _check(packed)
        else:
            say(f"{archive.url} -> {packed}")
            fetch_file(archive.url, packed, check=_check)
        _unpack_whole(packed, target, is_file=archive.is_file)
        if not keep:
            packed.unlink()
        say(f"{target} is ready")
    return folder


def _check(path: Path, name: str | None = None) -> None:
    """Compare with the published checksum; where there is none, say so and what came."""
    name = name or path.name
    published = checksums.PUBLISHED.get(name)
    if published is None:
        _log.warning("%s: no published checksum; sha256 %s", name, checksums.digest(path))
        return
    got = checksums.digest(path, published.algorithm)
    if got != published.digest:
        raise DataError(
            f"downloads.fetch: {path}: {published.algorithm} {published.digest} by "
            f"{published.source}; got {got}; remove it and fetch again, and should it differ "
            "again, the host has changed the file"
        )


def _unpack_whole(packed: Path, target: Path, *, is_file: bool) -> None:
    """Unpack beside the place and move it there, so that what is there is complete."""
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        unpack(packed, staging)
        inner = staging / target.name
        if inner.exists():
            os.replace(inner, target)
        elif is_file:
            raise DataError(f"downloads.fetch: {packed} holds no {target.name}; fetch it again")
        else:
            os.chmod(staging, 0o755)
            os.replace(staging, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{target}: cannot be written ({reason}); choose another --root") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
