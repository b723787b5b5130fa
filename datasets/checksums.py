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
_HEIDELBERG = "tonic 1.7 and spikingjelly, which agree, for https://zenkelab.org/datasets/"
_TFDS = "TensorFlow Datasets, audio/spoken_digit/checksums.tsv"
_TFDS_KITTI = "TensorFlow Datasets, url_checksums/kitti.txt"

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
    "shd_train.h5.zip": Published("md5", "f3252aeb598ac776c1b526422d90eecb", _HEIDELBERG),
    "shd_test.h5.zip": Published("md5", "1503a5064faa34311c398fb0a1ed0a6f", _HEIDELBERG),
    "ssc_train.h5.zip": Published("md5", "d102be95e7144fcc0553d1f45ba94170", _HEIDELBERG),
    "ssc_valid.h5.zip": Published("md5", "b4eee3516a4a90dd0c71a6ac23a8ae43", _HEIDELBERG),
    "ssc_test.h5.zip": Published("md5", "a35ff1e9cffdd02a20eb850c17c37748", _HEIDELBERG),
    "speech_commands_v0.02.tar.gz": Published(
        "sha256",
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        "torchaudio, datasets/speechcommands.py",
    ),
    "free-spoken-digit-dataset-1.0.9.tar.gz": Published(
        "sha256", "8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0", _TFDS
    ),
    "data_object_label_2.zip": Published(
        "sha256", "4efc76220d867e1c31bb980bbf8cbc02599f02a9cb4350effa98dbb04aaed880", _TFDS_KITTI
    ),
    "data_object_image_2.zip": Published(
        "sha256", "351c5a2aa0cd9238b50174a3a62b846bc5855da256b82a196431d60ff8d43617", _TFDS_KITTI
    ),
}
"""By file name. We know of none for ModelNet10.zip, modelnet40_normal_resampled.zip, KITTI's scans
and calibrations, and SemanticKITTI."""


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
