"""A scan becomes a file, and the report tells what is in it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike.encoders import Voxelizer, encode_points, identity_coding, load_svc
from neurospike.errors import ArgumentError, DataError

LIMITS = (-3.0, -3.0, -2.0, 3.0, 3.0, 2.0)


def scan() -> np.ndarray:
    rng = np.random.default_rng(0)
    table = np.concatenate([rng.normal(size=(2000, 3)) * 2, rng.random((2000, 1))], axis=1)
    table[5, 0], table[6, 3] = np.nan, np.inf
    return table.astype(np.float32)


def test_the_report_agrees_with_the_file(tmp_path: Path) -> None:
    table = scan()
    path = tmp_path / "scan.svc"
    report = encode_points(
        table[:, :3], table[:, 3], voxel_size=0.2, point_range=LIMITS, out=path, max_spikes=3
    )
    file = load_svc(path)
    result = Voxelizer(0.2, LIMITS).voxelize(table[:, :3], table[:, 3])
    expected = identity_coding(result, max_spikes=3)
    assert torch.equal(file.voxels.features, expected.features)
    assert torch.equal(file.voxels.coords, expected.coords)
    assert (file.coding, file.max_spikes, file.voxel_size_m) == ("identity", 3, (0.2, 0.2, 0.2))
    assert file.origin_m.tolist() == [[-3.0, -3.0, -2.0]]
    assert file.meta == {"feature_range": [0.0, 1.0]}

    assert report.path == str(path)
    assert (report.points, report.rejected, report.cropped) == (2000, 2, result.cropped)
    assert (report.voxels, report.channels, report.steps) == (len(expected.coords), 5, 1)
    assert report.spikes == int(expected.features.sum())
    assert report.density == pytest.approx(float((expected.features > 0).double().mean()))
    assert report.raw_bytes == table.nbytes
    assert report.svc_bytes == path.stat().st_size
    assert report.ratio == table.nbytes / path.stat().st_size
    assert min(report.voxelise_ms, report.code_ms, report.write_ms) >= 0


def test_an_empty_scan_makes_a_file_of_no_voxels(tmp_path: Path) -> None:
    report = encode_points(np.zeros((0, 3)), voxel_size=0.1, out=tmp_path / "a.svc")
    assert (report.voxels, report.spikes, report.density) == (0, 0, 0.0)
    assert len(load_svc(tmp_path / "a.svc").voxels.coords) == 0


def test_an_empty_scan_may_be_refused_before_a_file_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.svc"
    path.write_text("an older file")
    far = np.full((3, 3), 100.0)
    far[0] = np.nan
    options = {"voxel_size": 0.1, "point_range": LIMITS, "allow_empty": False, "name": "far.bin"}
    with pytest.raises(DataError, match=r"far\.bin: none .* \(1 not finite, 2 cropped\)"):
        encode_points(far, out=path, **options)
    assert path.read_text() == "an older file"


def test_nothing_is_left_behind_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="further columns as features"):
        encode_points(scan(), voxel_size=0.1, out=tmp_path / "a.svc")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        encode_points(scan()[:, :3], voxel_size=0.1, out=tmp_path / "file" / "a.svc")
    assert os.listdir(tmp_path) == ["file"]
