"""Triton's kernel maps against the reference, and against whatever makes the host wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from neurospike.encoders import Voxelizer
from neurospike.errors import BackendUnavailableError
from neurospike.kernels import devices
from neurospike.kernels.sparse import maps, maps_gpu, reference, select
from neurospike.kernels.sparse.geometry import Triple, strided, submanifold

GRID = (5, 4, 7)

SCANS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "kitti"
FRAMES = sorted(SCANS.rglob("velodyne/*.bin"))[:1]

CENTRED = [
    ((3, 3, 3), (1, 1, 1)),
    ((1, 1, 1), (1, 1, 1)),
    ((5, 3, 1), (1, 2, 1)),
    ((1, 3, 5), (1, 1, 2)),
    ((3, 1, 3), (4, 1, 3)),
]

STRIDED = [
    ((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1)),
    ((3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1)),
    ((2, 4, 1), (1, 2, 3), (1, 0, 0), (1, 1, 1)),
    ((3, 2, 2), (2, 3, 2), (3, 0, 2), (2, 3, 4)),
    ((2, 2, 3), (4, 4, 6), (1, 1, 0), (2, 3, 3)),
    ((3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    ((1, 1, 1), (2, 2, 2), (0, 0, 0), (1, 1, 1)),
]


def sites(count: int, device: torch.device, grid: Triple = GRID, samples: int = 3) -> Tensor:
    """So many voxels anywhere in the second and third sample, ascending."""
    rng = torch.Generator().manual_seed(count)
    cells = grid[0] * grid[1] * grid[2]
    keys = torch.randperm((samples - 1) * cells, generator=rng)[:count].sort().values + cells
    return torch.stack(torch.unravel_index(keys, (samples, *grid)), 1).int().to(device)


@contextmanager
def garbage() -> Iterator[None]:
    """Memory that is not written holds what no map has."""
    empty = torch.empty

    def filled(*args: Any, **kwargs: Any) -> Tensor:
        return empty(*args, **kwargs).fill_(77_777)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "empty", filled)
        yield


class Waits(TorchDispatchMode):
    """Writes down every operation for which the host would wait for a GPU."""

    NAMES = ("_local_scalar_dense", "nonzero", "_unique2", "equal", "masked_select", "bincount")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in self.NAMES or (name == "_to_copy" and (kwargs or {}).get("device") is not None):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("count", [0, 1, 70])
@pytest.mark.parametrize(("kernel", "dilation"), CENTRED)
def test_submanifold_tables(
    kernel: Triple, dilation: Triple, count: int, device: torch.device
) -> None:
    coords, geometry = sites(count, device), submanifold(kernel, dilation, GRID)
    with garbage():
        ours = maps_gpu.build_rules(coords, coords, geometry)
        again = maps_gpu.build_rules(coords, coords.clone(), geometry)  # not known to be the same
    right = reference.build_rules(coords, coords, geometry)
    assert ours.table().dtype == torch.int32
    assert torch.equal(ours.table(), right.table())
    assert torch.equal(again.table(), right.table())
    for turned in (ours.transposed(), again.transposed()):
        assert torch.equal(turned.table(), right.transposed().table())
        assert torch.equal(turned.transposed().table(), right.table())


@pytest.mark.parametrize("count", [0, 1, 70])
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), STRIDED)
def test_strided_sites_and_tables(
    kernel: Triple, stride: Triple, padding: Triple, dilation: Triple, count: int,
    device: torch.device,
) -> None:  # fmt: skip
    geometry = strided(kernel, stride, padding, dilation, GRID)
    coords = sites(count, device)
    with garbage():
        out = maps_gpu.output_coords(coords, geometry)
        ours = maps_gpu.build_rules(coords, out, geometry)
    assert torch.equal(out, reference.output_coords(coords, geometry))
    assert out.dtype == torch.int32
    right = reference.build_rules(coords, out, geometry)
    assert torch.equal(ours.table(), right.table())
    assert torch.equal(ours.transposed().table(), right.transposed().table())


def test_counts_of_a_table_are_those_of_its_pairs(device: torch.device) -> None:
    coords = sites(60, device)
    geometry = strided((3, 3, 2), (2, 1, 2), (1, 1, 0), (1, 1, 1), GRID)
    out = maps_gpu.output_coords(coords, geometry)
    right = reference.build_rules(coords, out, geometry)
    for listed in (False, True):
        ours = maps_gpu.build_rules(coords, out, geometry)
        if listed:
            assert torch.equal(ours.inputs, right.inputs)
        assert ours.pairs == right.pairs
        assert torch.equal(ours.fan_in(), right.fan_in())
        assert torch.equal(ours.fan_out(), right.fan_out())
        assert torch.equal(ours.bounds, right.bounds)
        for offset in range(ours.volume):
            for one, other in zip(ours.at(offset), right.at(offset), strict=True):
                assert torch.equal(one, other)


def test_more_rows_than_a_program_takes(device: torch.device) -> None:
    grid = (9, 8, 10)
    coords, geometry = sites(300, device, grid), submanifold((3, 3, 3), (1, 1, 1), grid)
    right = reference.build_rules(coords, coords, geometry).table()
    for _ in range(2):  # the same bits each time
        assert torch.equal(maps_gpu.build_rules(coords, coords, geometry).table(), right)


def test_keys_near_the_limit_of_int64(device: torch.device) -> None:
    edges = (2**21 - 3, 2**20 - 3, 2**20 - 3)
    high = [edge - 1 for edge in edges]
    rows = [[0, 0, 0, 0], [0, 0, 0, 1], [0, *(edge - 1 for edge in high)], [0, *high]]
    coords = torch.tensor(rows, dtype=torch.int32, device=device)
    rules = maps_gpu.build_rules(coords, coords, submanifold((3, 3, 3), (1, 1, 1), edges))
    assert rules.fan_in().tolist() == [2, 2, 2, 2]
    halved = strided((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), edges)
    out = maps_gpu.output_coords(coords, halved)
    assert out.tolist() == [[0, 0, 0, 0], [0, *((edge - 3) // 2 for edge in edges)]]


def test_rows_do_not_wrap_around_the_grid(device: torch.device) -> None:
    rows = [[0, 0, 0, 4], [0, 0, 1, 0], [0, 0, 4, 4], [0, 2, 0, 0], [0, 4, 4, 4], [1, 0, 0, 0]]
    coords = torch.tensor(rows, dtype=torch.int32, device=device)
    geometry = submanifold((3, 3, 3), (1, 1, 1), (5, 5, 5))
    assert maps_gpu.build_rules(coords, coords, geometry).pairs == 6


def test_rows_with_gaps_between_them(device: torch.device) -> None:
    wide = torch.zeros(40, 6, dtype=torch.int32, device=device)
    wide[:, 1:5] = sites(40, device)
    geometry = submanifold((3, 3, 3), (1, 1, 1), GRID)
    ours = maps_gpu.build_rules(wide[:, 1:5], wide[:, 1:5], geometry)
    right = reference.build_rules(sites(40, device), sites(40, device), geometry)
    assert torch.equal(ours.table(), right.table())


def test_the_host_waits_for_nothing_but_the_number_of_sites(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maps_gpu, "_launch", lambda *args, **constants: None)
    monkeypatch.setattr(torch, "empty", torch.zeros)
    coords = sites(30, torch.device("cpu"))
    centred = submanifold((3, 3, 3), (1, 1, 1), GRID)
    halved = strided((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), GRID)
    with Waits() as waits:
        for rules in (
            maps_gpu.build_rules(coords, coords, centred),
            maps_gpu.build_rules(coords, coords[:9], halved),
        ):
            rules.transposed().table()
            rules.fan_in(), rules.fan_out()
    assert waits.found == []
    with Waits() as waits:
        maps_gpu.output_coords(coords, halved)
    assert waits.found == ["_unique2"]


def test_the_backend_by_name(device: torch.device) -> None:
    coords, geometry = sites(20, device), submanifold((3, 3, 3), (1, 1, 1), GRID)
    with select.backend("triton"):
        assert select._maps(coords) is maps_gpu
        ours = select.build_rules(coords, coords, geometry)
    with select.backend("reference"):
        right = select.build_rules(coords, coords, geometry)
    assert torch.equal(ours.table(), right.table())


def test_auto_interprets_nothing() -> None:
    assert select._maps(sites(3, torch.device("cpu"))) is not maps_gpu


def test_a_named_backend_does_not_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "interpreted", lambda: False)
    coords, geometry = sites(3, torch.device("cpu")), submanifold((3, 3, 3), (1, 1, 1), GRID)
    with (
        select.backend("triton"),
        pytest.raises(BackendUnavailableError, match="'triton' needs CUDA tensors; got device cpu"),
    ):
        select.build_rules(coords, coords, geometry)


@pytest.mark.real
@pytest.mark.skipif(not FRAMES, reason="no KITTI scans beside the repository")
def test_the_maps_of_a_street(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    if device.type == "cpu":
        monkeypatch.setattr(maps_gpu, "BLOCK", 1 << 16)  # few programs, for they are interpreted
    points = torch.from_numpy(np.fromfile(FRAMES[0], np.float32).reshape(-1, 4)[:, :3])
    voxelizer = Voxelizer((0.05, 0.05, 0.1), (0.0, -40.0, -3.0, 70.4, 40.0, 1.0))
    voxels, _ = voxelizer(points)
    coords, there = voxels.coords, voxels.coords.to(device)
    centred = submanifold((3, 3, 3), (1, 1, 1), voxels.spatial_shape)
    halved = strided((3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1), voxels.spatial_shape)
    ours, right = (
        maps_gpu.build_rules(there, there, centred),
        maps.build_rules(coords, coords, centred),
    )
    assert right.pairs > 150_000
    assert torch.equal(ours.table().cpu(), right.table())
    out = maps.output_coords(coords, halved)
    assert torch.equal(maps_gpu.output_coords(there, halved).cpu(), out)
    ours = maps_gpu.build_rules(there, out.to(device), halved)
    right = maps.build_rules(coords, out, halved)
    assert torch.equal(ours.table().cpu(), right.table())
    assert torch.equal(ours.transposed().table().cpu(), right.transposed().table())
