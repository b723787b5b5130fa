"""The emulator's benchmark compares equal work."""

import pytest

from neurospike.bench import clouds, emulator, sanafe_peer
from neurospike.bench.harness import Timing


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = clouds.surfaces(1, points=300, edge=20)
    monkeypatch.setattr(clouds, "lidar", lambda: ("small cloud", cloud))


def test_both_count_the_same_on_the_gesture_network() -> None:
    pytest.importorskip("sanafe", reason="SANA-FE is not installed")
    candidates = emulator.gesture()
    ours, theirs = candidates.pop(emulator.OURS)(), next(iter(candidates.values()))()
    trace, report = ours
    for count, name in (
        ("synops", "spikes"),
        ("fired", "neurons_fired"),
        ("updates", "neurons_updated"),
        ("packets", "packets_sent"),
    ):
        assert trace.total(count) == theirs[name], count
    energy = 1e-12 * report.energy_pj.nominal
    assert energy == pytest.approx(theirs["energy"]["total"], rel=1e-12)
    # Two models of time; neither is the other's reference.
    assert report.latency_s.nominal == pytest.approx(theirs["sim_time"], rel=0.15)
    assert trace.rows == theirs["timesteps_executed"] == sanafe_peer.STEPS


def test_cases_without_a_peer() -> None:
    emulate, events, name = emulator.submanifold(4)
    assert emulate().total("synops") == events > 0
    assert name == "small cloud"
    run, case = emulator.frame()
    assert run().total("packets") > 0
    assert "T x D = 1 x 4" in case
    found = emulator.target_row("case", lambda: None, 1.0, "target", 1)
    assert found["theirs"] == str(Timing.of([1.0]))
    assert found["ratio"] > 1
