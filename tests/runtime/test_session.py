"""Scan by scan: states, clocks, latencies, and memory that does not grow."""

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from neurospike import nn as spiking
from neurospike.encoders import Voxelizer
from neurospike.errors import ArgumentError, StateError
from neurospike.runtime import Latency, ScanSession
from neurospike.runtime.carry import Places, carry_by_voxel
from neurospike.runtime.latency import LatencyRecord
from neurospike.sparse import VoxelTensor

RANGE = (0.0, 0.0, 0.0, 8.0, 8.0, 8.0)
GRID = Voxelizer(1.0, RANGE)


def scan(points: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    rng = np.random.default_rng(seed)
    return np.concatenate([8 * rng.random((points, 3)), rng.random((points, 1))], 1).astype("f4")


def at(*places: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One point in the middle of each voxel, of intensity 0.6."""
    return np.array([[x + 0.5, y + 0.5, z + 0.5, 0.6] for x, y, z in places], np.float32)


class Detector(nn.Module):
    """Maps of which ``decode`` makes a list, one entry a sample."""

    def forward(self, voxels: VoxelTensor) -> torch.Tensor:
        return voxels.features.sum(0)

    def decode(self, maps: torch.Tensor) -> list[float]:
        return [float(maps[3])]


class Membranes(spiking.LIF):
    """Neurons on the intensity alone, one a voxel."""

    def step(self, x: Any, state: Any) -> Any:
        return super().step(x.replace(x.features[:, 3:]), state)

    def init_state(self, example: Any) -> Any:
        return super().init_state(example.replace(example.features[:, 3:]))


def lif(**more: Any) -> Membranes:
    return Membranes(2.0, threshold=1.0, v_reset=0.0, **more).eval()


@pytest.mark.parametrize("points", [0, 1, 501])
def test_a_scan_becomes_what_decode_gives_for_it(points: int) -> None:
    session = ScanSession(Detector().eval(), GRID)
    cloud = scan(points)
    result = session(cloud, sensor="roof")
    voxels, point_to_voxel = GRID(cloud[:, :3], cloud[:, 3:])
    assert result.output == pytest.approx(float(voxels.features[:, 3].sum()))
    assert result.voxels == len(voxels.features)
    assert torch.equal(result.point_to_voxel, point_to_voxel)
    assert (result.sensor, result.number, result.restarted) == ("roof", 0, False)
    assert session(cloud, sensor="roof").number == 1
    assert session.sensors == ("roof",)


def test_a_function_may_voxelise_and_another_decode() -> None:
    def only_voxels(points: Any) -> VoxelTensor:
        return GRID(points[:, :3], points[:, 3:])[0]

    session = ScanSession(Detector().eval(), only_voxels, decode=lambda maps: maps.shape)
    result = session(torch.from_numpy(scan(9)))
    assert result.output == (4,)
    assert result.point_to_voxel is None


def test_a_network_without_decode_gives_its_output() -> None:
    session = ScanSession(spiking.SparseGlobalPool("mean").eval(), GRID)
    assert session(scan(5)).output.shape == (1, 4)


def test_scans_of_a_still_scene_equal_the_sequence() -> None:
    cloud = scan(60)
    session = ScanSession(lif(), GRID)
    streamed = torch.stack([session(cloud).output.features for _ in range(6)])
    voxels, _ = GRID(cloud[:, :3], cloud[:, 3:])
    sequence = voxels.replace(voxels.features[None, :, 3:].expand(6, -1, -1))
    assert torch.equal(streamed, spiking.LIF(2.0)(sequence).features)
    assert streamed.sum() > 0


def test_sensors_have_states_of_their_own() -> None:
    cloud = at((1, 1, 1))
    session = ScanSession(lif(), GRID)
    fired = [float(session(cloud, sensor=name).output.features) for name in "aabab"]
    # 0.6, then 0.9, then 1.05 and a spike: the third scan of each sensor.
    assert fired == [0.0, 0.0, 0.0, 1.0, 0.0]
    assert float(session(cloud, sensor="b").output.features) == 1.0


@pytest.mark.parametrize(
    ("times", "restarted", "fires"),
    [
        ((0.0, 0.1, 0.2), False, True),
        ((None, None, None), False, True),
        ((5.0, None, 5.3), False, True),
        ((0.0, 0.1, 2.0), True, False),
        ((3.0, 3.1, 3.05), True, False),
        ((1.0, 1.0, 1.0), False, True),
    ],
)
def test_a_clock_that_jumps_starts_from_rest(
    times: tuple[float | None, ...], restarted: bool, fires: bool
) -> None:
    session = ScanSession(lif(), GRID, max_gap_s=0.5)
    for time_s in times:
        result = session(at((1, 1, 1)), time_s=time_s)
    assert result.restarted is restarted
    assert bool(result.output.features.sum()) is fires


def test_reset_forgets_one_sensor_or_all() -> None:
    session = ScanSession(lif(), GRID)
    cloud = at((1, 1, 1))
    for name in ("a", "b", "c") * 2:
        session(cloud, sensor=name)
    session.reset("a")
    assert float(session(cloud, sensor="a").output.features) == 0.0
    assert float(session(cloud, sensor="b").output.features) == 1.0
    session.reset()
    assert session.sensors == ()
    assert float(session(cloud, sensor="c").output.features) == 0.0


def test_rows_of_voxels_that_stay_are_carried() -> None:
    session = ScanSession(lif(), GRID, state_per_voxel=True)
    session(at((1, 1, 1), (2, 2, 2)))
    session(at((1, 1, 1), (3, 3, 3)))
    third = session(at((1, 1, 1), (2, 2, 2), (3, 3, 3))).output
    assert third.coords[:, 1].tolist() == [1, 2, 3]
    # (2, 2, 2) was away once and has forgotten; (3, 3, 3) is in its second scan.
    assert third.features[:, 0].tolist() == [1.0, 0.0, 0.0]


def test_an_empty_scan_forgets_every_voxel_and_is_no_error() -> None:
    session = ScanSession(lif(), GRID, state_per_voxel=True)
    for _ in range(2):
        session(at((1, 1, 1)))
    assert session(np.empty((0, 4), np.float32)).voxels == 0
    assert float(session(at((1, 1, 1))).output.features) == 0.0


def test_a_state_that_does_not_fit_is_an_error_not_a_reset() -> None:
    session = ScanSession(lif(), GRID)
    session(at((1, 1, 1)))
    with pytest.raises(StateError, match="state has voxels 1, input has 2"):
        session(at((1, 1, 1), (2, 2, 2)))
    other = ScanSession(lif(), Voxelizer(1.0), state_per_voxel=True)
    other(at((1, 1, 1)))
    with pytest.raises(StateError, match="point_range"):
        other(at((1, 1, 1), (2, 2, 2)))


def test_carrying_refuses_states_of_other_voxels() -> None:
    places = Places(torch.tensor([1, 2]), (1, 2, 2, 2))
    with pytest.raises(StateError, match="a row a voxel"):
        carry_by_voxel((torch.zeros(3),), (torch.zeros(2),), places, places)
    with pytest.raises(StateError, match="a row a voxel"):
        carry_by_voxel((torch.zeros(2),), (torch.zeros(()),), places, places)


def test_nothing_of_a_scan_is_left_after_the_next() -> None:
    seen: list[weakref.ref[Any]] = []

    def voxelize(points: Any) -> VoxelTensor:
        voxels = GRID(points[:, :3], points[:, 3:])[0]
        seen.append(weakref.ref(voxels.active))
        return voxels

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = spiking.SubmanifoldConv3d(4, 8, kernel_size=3)
            self.down = spiking.SparseConv3d(8, 8, kernel_size=2, stride=2)

        def forward(self, voxels: VoxelTensor) -> Any:
            return self.down(self.first(voxels)).features.sum()

    session = ScanSession(Net().eval(), voxelize, remember=5)
    for number in range(12):
        session(scan(200, seed=number), time_s=0.1 * number)
    gc.collect()
    assert sum(held() is not None for held in seen) <= 1
    assert session.latency().scans == 5


def test_a_session_with_state_per_voxel_holds_no_maps() -> None:
    session = ScanSession(lif(), GRID, state_per_voxel=True)
    held = weakref.ref(session(at((1, 1, 1))).output.active)
    gc.collect()
    assert held() is None


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ScanSession(Detector(), GRID), "evaluation mode"),
        (lambda: ScanSession(Detector().eval(), GRID, max_gap_s=0), "max_gap_s"),
        (lambda: ScanSession(Detector().eval(), GRID, remember=0), "length"),
        (lambda: ScanSession(Detector().eval(), GRID)(np.zeros((3, 2))), r"\(N, 3 \+ F\)"),
        (lambda: ScanSession(Detector().eval(), GRID)(np.zeros(3)), r"\(N, 3 \+ F\)"),
        (lambda: ScanSession(Detector().eval(), GRID)(scan(3), time_s=np.nan), "time_s"),
    ],
)
def test_bad_arguments_are_named(make: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        make()


def test_latency_is_of_the_last_scans_and_adds_up() -> None:
    with pytest.raises(StateError, match="no scan yet"):
        LatencyRecord(3).summary()
    record = LatencyRecord(4)
    for ms in (500.0, 1.0, 2.0, 3.0, 4.0):
        record.add(Latency(ms, 2 * ms, 3 * ms))
    summary = record.summary()
    assert (summary.scans, summary.p50_ms, summary.p99_ms, summary.worst_ms) == (4, 12, 24, 24)
    assert (summary.voxelise_ms, summary.network_ms, summary.decode_ms) == (2.5, 5.0, 7.5)
    assert "4 scans: p50 12.0 ms, p99 24.0 ms" in str(summary)


def test_latencies_can_be_forgotten_after_warming_up() -> None:
    session = ScanSession(Detector().eval(), GRID)
    session(scan(4))
    session.clear_latency()
    result = session(scan(4))
    assert session.latency().scans == 1
    assert session.latency().p50_ms == result.latency.total_ms
