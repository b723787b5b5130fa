"""Checksums that others have published for the archives, and a check against them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from neurospike.errors import ArgumentError, DataError


@dataclass(frozen=True)
class Published:
    """A digest with the place that published it."""

    algorithm: str
    digest: str
    source: str


_TFG = "tensorflow/graphics, datasets/modelnet40/checksums/model_net40.txt"
_LOADERS = "public PyTorch loaders of ModelNet40, which agree with one another"

PUBLISHED = {
    "ModelNet40.zip": Published(
        "sha256", "42dc3e656932e387f554e25a4eb2cc0e1a1bd3ab54606e2a9eae444c60e536ac", _TFG
    ),
    "modelnet40_ply_hdf5_2048.zip": Published(
        "sha256", "07670e237db72ece0f723b9abb571534c9ad655a6456b389646587dc72bb8bae", _TFG
    ),
    "ply_data_train0.h5": Published("md5", "3176385ffc31a7b6b5af22191fd920d1", _LOADERS),
    "ply_data_train1.h5": Published("md5", "e3f613fb500559403b34925112754dc4", _LOADERS),
    "ply_data_train2.h5": Published("md5", "0c56e233a090ff87c3049d4ce08e7d8b", _LOADERS),
    "ply_data_train3.h5": Published("md5", "9d2af465adfa33a3285c369f3ca66c45", _LOADERS),
    "ply_data_train4.h5": Published("md5", "dff38de489b2c41bfaeded86c2208984", _LOADERS),
    "ply_data_test0.h5": Published("md5", "e9732e6d83b09e79e9a7617df058adee", _LOADERS),
    "ply_data_test1.h5": Published("md5", "aba4b12a67c34391cc3c015a6f08ed4b", _LOADERS),
}
"""By file name. ModelNet10.zip and modelnet40_normal_resampled.zip have none that we know of."""


def digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file, read as a stream.

    Raises
    ------
    DataError
        A file that cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: _hasher(algorithm)).hexdigest()
    except OSError as error:
        raise DataError(
            f"checksums.digest: cannot read {path} ({error.strerror}); check the path"
        ) from error


def verify(path: str | Path, *, expected: str | None = None, algorithm: str = "sha256") -> str:
    """The digest of a file, once it has proved equal to the published one.

    Parameters
    ----------
    expected
        A digest to compare with; None looks the file up by its name in ``PUBLISHED``.

    Raises
    ------
    ArgumentError
        No digest is given and none is published for this name.
    DataError
        A file that cannot be read, or of other contents.
    """
    path = Path(path)
    source = "the caller"
    if expected is None:
        known = PUBLISHED.get(path.name)
        if known is None:
            raise ArgumentError(
                f"checksums.verify.path: no published checksum for {path.name!r}; "
                f"known: {', '.join(PUBLISHED)}; pass expected=..."
            )
        expected, algorithm, source = known.digest, known.algorithm, known.source
    got = digest(path, algorithm)
    if got != expected.lower():
        raise DataError(
            f"checksums.verify: {path}: {algorithm} {expected} by {source}; got {got}; "
            "download the file again"
        )
    return got


def _hasher(algorithm: str) -> hashlib._Hash:
    # These digests find damage, not forgery.
    return hashlib.new(algorithm, usedforsecurity=False)
