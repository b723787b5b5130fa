"""Checksums of archives."""

import hashlib
from pathlib import Path

import pytest

from neurospike.datasets import checksums
from neurospike.errors import ArgumentError, DataError


def test_a_digest_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"neurospike" * 300_000)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert checksums.digest(path) == checksums.verify(path, expected=right.upper()) == right
    with pytest.raises(DataError, match=r"a.zip: sha256 0+ by the caller; got .*download"):
        checksums.verify(path, expected="0" * 64)


def test_published_digests_are_found_by_name(tmp_path: Path) -> None:
    path = tmp_path / "ply_data_train0.h5"
    path.write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"md5 3176385f.*; got .*; download the file again"):
        checksums.verify(path)
    with pytest.raises(ArgumentError, match=r"no published checksum for 'other.zip'"):
        checksums.verify(tmp_path / "other.zip")
    with pytest.raises(DataError, match="cannot read"):
        checksums.digest(tmp_path / "other.zip")


@pytest.mark.parametrize("name", checksums.PUBLISHED)
def test_published_digests_are_whole_and_have_a_source(name: str) -> None:
    known = checksums.PUBLISHED[name]
    assert len(known.digest) == 2 * hashlib.new(known.algorithm).digest_size
    assert int(known.digest, 16) >= 0
    assert known.source
