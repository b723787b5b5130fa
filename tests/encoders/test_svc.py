"""Spike files: they load bit-equal, and a damaged one is an error."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurospike.encoders import load_svc, save_svc
from neurospike.encoders._octree import pack_coords, unpack_coords
from neurospike.encoders._spike_bits import pack_spikes, unpack_spikes
from neurospike.errors import ArgumentError, DataError
from neurospike.sparse import ActiveSet, VoxelTensor

SIZE = (0.05, 0.05, 0.1)


def spikes(
    voxels: int,
    channels: int,
    *,
    steps: int | None = None,
    max_spikes: int = 4,
    density: float = 0.3,
    shape: tuple[int, int, int] = (40, 33, 5),
    batch_size: int = 2,
    seed: int = 0,
) -> VoxelTensor:
    rng = np.random.default_rng(seed)
    keys = np.sort(rng.choice(batch_size * int(np.prod(shape)), voxels, replace=False))
    coords = np.stack(np.unravel_index(keys, (batch_size, *shape)), axis=1)
    size = (voxels, channels) if steps is None else (steps, voxels, channels)
    values = rng.integers(1, max_spikes + 1, size) * (rng.random(size) < density)
    return VoxelTensor(
        torch.from_numpy(coords), torch.from_numpy(values).float(), shape, batch_size
    )


def assert_same(a: VoxelTensor, b: VoxelTensor) -> None:
    assert a.active.same_voxels(b.active)
    assert a.coords.dtype == b.coords.dtype
    assert a.features.dtype == b.features.dtype
    assert torch.equal(a.features, b.features)
    assert (a.virtual_steps, a.one_step) == (b.virtual_steps, b.one_step)


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("max_spikes", [1, 2, 3, 4, 7, 300])
@pytest.mark.parametrize("steps", [None, 1, 3])
@pytest.mark.parametrize(("voxels", "channels"), [(0, 5), (1, 1), (63, 3), (500, 17)])
def test_a_file_loads_bit_equal(
    tmp_path: Path, voxels: int, channels: int, steps, max_spikes: int, density: float
) -> None:
    before = spikes(voxels, channels, steps=steps, max_spikes=max_spikes, density=density)
    path = tmp_path / "scan.svc"
    size = save_svc(path, before, max_spikes=max_spikes, voxel_size_m=SIZE, origin=(0.1, -3, 1e-9))
    after = load_svc(path)
    assert_same(before, after.voxels)
    assert size == path.stat().st_size
    assert after.max_spikes == max_spikes
    assert after.voxel_size_m == SIZE
    assert after.origin_m.tolist() == [[0.1, -3.0, 1e-9]] * 2
    assert after.steps == (steps or 1)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.uint8])
def test_the_dtype_returns(tmp_path: Path, dtype: torch.dtype) -> None:
    before = spikes(20, 3).to(dtype)
    save_svc(tmp_path / "a.svc", before, max_spikes=4, voxel_size_m=SIZE)
    assert_same(before, load_svc(tmp_path / "a.svc").voxels)


def test_the_header_returns(tmp_path: Path) -> None:
    cloud = spikes(30, 2)
    active = ActiveSet(cloud.coords, cloud.spatial_shape, 2, stride=(2, 2, 4))
    events = VoxelTensor.on(
        active, torch.ones(4, 30, 2, dtype=torch.float32), virtual_steps=4, one_step=True
    )
    meta = {"feature_range": [0.0, 1.0], "sensor": "HDL-64E"}
    origin = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    save_svc(
        tmp_path / "a.svc",
        events,
        max_spikes=1,
        voxel_size_m=SIZE,
        origin=origin,
        coding="checkpoint",
        meta=meta,
    )
    after = load_svc(tmp_path / "a.svc")
    assert_same(events, after.voxels)
    assert after.voxels.stride == (2, 2, 4)
    assert torch.equal(after.origin_m, origin.double())
    assert after.meta == meta
    assert after.coding == "checkpoint"


def test_equal_spikes_make_equal_files(tmp_path: Path) -> None:
    for name in ("a.svc", "b.svc"):
        save_svc(tmp_path / name, spikes(50, 4), max_spikes=4, voxel_size_m=SIZE, meta={"a": 1})
    assert (tmp_path / "a.svc").read_bytes() == (tmp_path / "b.svc").read_bytes()


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(*[st.sampled_from([1, 2, 3, 5, 8, 1000, 2**18])] * 3),
    batch_size=st.sampled_from([1, 2, 9]),
    voxels=st.integers(0, 60),
    seed=st.integers(0, 99),
)
def test_coordinates_survive_on_any_grid(shape, batch_size: int, voxels: int, seed: int) -> None:
    cells = batch_size * int(np.prod(shape, dtype=object))
    rng = np.random.default_rng(seed)
    keys = np.unique(rng.integers(0, cells, voxels))
    coords = np.stack(np.unravel_index(keys, (batch_size, *shape)), axis=1).astype(np.int64)
    coding, content = pack_coords(coords, shape, batch_size)
    assert coding == "octree"
    after = unpack_coords(coding, content, shape, batch_size, len(coords))
    np.testing.assert_array_equal(coords, after)


@pytest.mark.parametrize("voxels", [0, 1, 40])
def test_a_grid_too_wide_for_the_tree_is_stored_as_deltas(voxels: int) -> None:
    shape, batch_size = (2**20 + 1, 2**20 + 1, 2**18 + 1), 3
    rng = np.random.default_rng(0)
    keys = np.unique(rng.integers(0, 3 * int(np.prod(shape, dtype=object)), voxels))
    coords = np.stack(np.unravel_index(keys, (batch_size, *shape)), axis=1).astype(np.int64)
    coding, content = pack_coords(coords, shape, batch_size)
    assert coding == "deltas"
    after = unpack_coords(coding, content, shape, batch_size, len(coords))
    np.testing.assert_array_equal(coords, after)


@pytest.mark.parametrize("max_spikes", [1, 2, 3, 4, 5, 8, 255])
@pytest.mark.parametrize("density", [0.0, 0.05, 0.9])
def test_the_shorter_spike_coding_is_taken(max_spikes: int, density: float) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(1, max_spikes + 1, 1001) * (rng.random(1001) < density)
    coding, content = pack_spikes(values, max_spikes)
    np.testing.assert_array_equal(unpack_spikes(coding, content, 1001, max_spikes), values)
    bits = int(np.ceil(np.log2(max_spikes + 1)))
    more = int(np.ceil(np.log2(max_spikes)))
    fired = int((values > 0).sum())
    planes, bitmap = bits * 126, 126 + more * -(-fired // 8)
    assert len(content) == min(planes, bitmap)
    assert coding == ("planes" if planes <= bitmap else "bitmap")


def test_every_damaged_byte_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    before = spikes(25, 3, batch_size=1, shape=(8, 8, 8))
    good, bad = tmp_path / "good.svc", tmp_path / "bad.svc"
    save_svc(good, before, max_spikes=4, voxel_size_m=SIZE)
    content = good.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= int(rng.integers(1, 256))
        bad.write_bytes(damaged)
        try:
            after = load_svc(bad)
        except DataError as error:
            assert str(bad) in str(error)
            assert "\n" not in str(error)
            refused += 1
        else:
            assert_same(before, after.voxels)
    assert refused > 0.9 * len(content)


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.svc", tmp_path / "bad.svc"
    save_svc(good, spikes(25, 3), max_spikes=4, voxel_size_m=SIZE)
    content = good.read_bytes()
    for length in range(len(content)):
        bad.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"bad\.svc"):
            load_svc(bad)


def with_header(path: Path, change) -> None:
    """Rewrite the header with a right checksum, as a hostile or newer writer would."""
    from neurospike.encoders.svc import _canonical, _checksum

    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    head = json.loads(content[8 : 8 + length])
    body = content[8 + length :]
    header = json.loads(head["__metadata__"]["svc"])
    del header["crc32"]
    change(header)
    parts = [body[slice(*head[name]["data_offsets"])] for name in ("coords", "spikes")]
    header["crc32"] = _checksum(header, *parts)
    head["__metadata__"]["svc"] = _canonical(header)
    encoded = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + body)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("version", 2, "is of version 2, this neurospike reads up to 1; upgrade"),
        ("version", 0, "no version"),
        ("version", "1", "no version"),
        ("feature_shape", [25], "damaged|describe"),
        ("feature_shape", [10**12, 10**12], "fewer than announced"),
        ("feature_shape", [24, 3], "damaged"),
        ("feature_shape", [26, 3], "damaged"),
        ("spatial_shape", [4, 4, 4], "damaged|describe"),
        ("batch_size", 0, "damaged|describe"),
        ("batch_size", 10**15, "damaged|describe"),
        ("dtype", "torch.complex64", "describe"),
        ("max_spikes", 0, "fewer|describe"),
        ("max_spikes", 2, "damaged"),
        ("coords_coding", "hash", "must be 'octree' or 'deltas'"),
        ("coords_coding", "deltas", "damaged|describe"),
        ("spikes_coding", "morse", "must be 'planes' or 'bitmap'"),
        ("spikes_coding", "planes", "damaged"),
        ("origin_m", [[1.0]], "describe"),
        ("voxel_size_m", [], "describe"),
        ("meta", 3, "describe"),
    ],
)
def test_a_header_that_does_not_fit_is_an_error(tmp_path: Path, key, value, match: str) -> None:
    path = tmp_path / "a.svc"
    save_svc(path, spikes(25, 3, batch_size=1), max_spikes=4, voxel_size_m=SIZE)
    with_header(path, lambda header: header.update({key: value}))
    with pytest.raises(DataError, match=match):
        load_svc(path)


def test_other_files_are_named_for_what_they_are(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    other = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(2)}, str(other))
    with pytest.raises(DataError, match=r"not an \.svc file"):
        load_svc(other)
    (tmp_path / "scan.bin").write_bytes(np.zeros(400, np.float32).tobytes())
    with pytest.raises(DataError, match=r"is no \.svc file"):
        load_svc(tmp_path / "scan.bin")
    with pytest.raises(DataError, match="no such file"):
        load_svc(tmp_path / "missing.svc")
    with pytest.raises(DataError, match="no such file"):
        load_svc(tmp_path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"max_spikes": 3}, r"integers in 0\.\.3"),
        ({"max_spikes": 0}, "max_spikes: must lie in"),
        ({"max_spikes": 70_000}, "max_spikes: must lie in"),
        ({"voxel_size_m": (1, 1)}, "voxel_size_m: must be three positive edges"),
        ({"voxel_size_m": (1, 1, 0)}, "voxel_size_m: must be three positive edges"),
        ({"origin": (1, 1)}, "origin: must be finite metres"),
        ({"origin": (1, 1, np.nan)}, "origin: must be finite metres"),
        ({"meta": {"a": object()}}, "meta: must hold JSON values"),
        ({"meta": {"a": float("nan")}}, "meta: must hold JSON values"),
    ],
)
def test_bad_arguments_are_named_and_leave_nothing(tmp_path: Path, change, match: str) -> None:
    arguments = {"max_spikes": 4, "voxel_size_m": SIZE} | change
    with pytest.raises(ArgumentError, match=match):
        save_svc(tmp_path / "a.svc", spikes(25, 3), **arguments)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("value", [0.5, -1.0, float("nan"), float("inf"), 1e20])
def test_only_integers_are_spikes(tmp_path: Path, value: float) -> None:
    cloud = spikes(5, 3)
    features = cloud.features.clone()
    features[2, 1] = value
    with pytest.raises(ArgumentError, match=r"must be integers in 0\.\.4"):
        save_svc(tmp_path / "a.svc", cloud.replace(features), max_spikes=4, voxel_size_m=SIZE)
    assert not os.listdir(tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        save_svc(tmp_path / "file" / "a.svc", spikes(5, 3), max_spikes=4, voxel_size_m=SIZE)
    assert os.listdir(tmp_path) == ["file"]
