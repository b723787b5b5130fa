"""Occupancy grids: cleaned, split and turned back into coordinates."""

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurospike.datasets import OccupancyVoxels
from neurospike.errors import ArgumentError, DataError


def npz(path: Path, grids: np.ndarray) -> None:
    np.savez_compressed(path, occupancy=np.packbits(grids, axis=-1), shape=np.array(grids.shape))


def made(root: Path, shape: tuple[int, int, int] = (8, 8, 8)) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    grids = {name: rng.random((20, *shape)) < 0.2 for name in ("chair", "monitor")}
    grids["chair"][4] = False
    grids["chair"][7] = grids["chair"][2]
    grids["monitor"][9] = grids["chair"][0]
    for name, grid in grids.items():
        npz(root / f"{name}.npz", grid)
    return grids


def test_empty_and_repeated_samples_are_found_reported_and_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made(tmp_path)
    with caplog.at_level(logging.INFO):
        voxels = OccupancyVoxels(tmp_path, protocol="legacy")
    assert voxels.empty == ("chair_0004",)
    assert voxels.duplicates == ("chair_0007", "monitor_0009")
    assert "40 samples, of which 1 empty and 2 duplicates removed" in caplog.text
    assert len(caplog.records) == 1
    names = [sample["name"] for sample in voxels]
    names += [s["name"] for s in OccupancyVoxels(tmp_path, split="test")]
    assert len(set(names)) == len(names) == 37
    assert not set(names) & {*voxels.empty, *voxels.duplicates}


@pytest.mark.parametrize("shape", [(8, 8, 8), (5, 3, 11)])
def test_coordinates_and_centres(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    grids = made(tmp_path, shape)
    for sample in OccupancyVoxels(tmp_path):
        name, _, row = sample["name"].partition("_")
        assert np.array_equal(sample["coords"], np.argwhere(grids[name][int(row)]))
        assert sample["coords"].dtype == np.int32
        assert np.array_equal(
            sample["points"], sample["coords"] + np.float32(0.5) - np.float32(shape) / 2
        )
        assert sample["label"] == ("chair", "monitor").index(name)


def test_splits_follow_protocol_and_seed(tmp_path: Path) -> None:
    made(tmp_path)

    def names(**arguments: object) -> set[str]:
        return {sample["name"] for sample in OccupancyVoxels(tmp_path, **arguments)}

    train, val, test = (names(split=split, validation=0.25) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (21, 8, 8)
    assert not train & val and not (train | val) & test
    assert names(split="train", validation=0) == train | val == names(protocol="legacy")
    assert names(split="val", protocol="legacy") == test
    assert names(split="test", seed=1) != test
    with pytest.raises(ArgumentError, match="validation: too small"):
        OccupancyVoxels(tmp_path, split="val", validation=0)


def test_classes_may_be_chosen(tmp_path: Path) -> None:
    made(tmp_path)
    voxels = OccupancyVoxels(tmp_path, classes=["monitor", "chair"])
    assert voxels.classes == ("monitor", "chair")
    assert voxels[0]["name"].startswith("monitor")
    with pytest.raises(DataError, match=r"sofa.npz: cannot read"):
        OccupancyVoxels(tmp_path, classes=["sofa"])


@pytest.mark.parametrize("damage", ["keys", "dtype", "shape", "grid", "text", "pickle"])
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    made(tmp_path)
    path = tmp_path / "monitor.npz"
    packed = np.zeros((2, 8, 8, 1), np.uint8)
    match damage:
        case "keys":
            np.savez(path, occupancy=packed)
        case "dtype":
            np.savez(path, occupancy=packed.astype(np.int32), shape=[2, 8, 8, 8])
        case "shape":
            np.savez(path, occupancy=packed, shape=[2, 8, 8, 9])
        case "grid":
            npz(path, np.zeros((2, 4, 4, 4), bool))
        case "text":
            path.write_text("no archive")
        case "pickle":
            np.savez(path, occupancy=np.array([{}, {}]), shape=[2, 8, 8, 8])
    with pytest.raises(DataError) as caught:
        OccupancyVoxels(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no .npz file"):
        OccupancyVoxels(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        OccupancyVoxels(tmp_path / "none")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damage_raises_nothing_but_data_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "chair.npz"
    npz(path, np.random.default_rng(0).random((3, 8, 8, 8)) < 0.5)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        OccupancyVoxels(tmp_path)
    except DataError as error:
        assert "\n" not in str(error)
