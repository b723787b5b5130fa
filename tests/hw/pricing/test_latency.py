"""The slowest core, the busiest link, the barrier."""

import numpy as np
import pytest

from neurospike import hw

from .traces import placed, trace

PLACED = placed(**{"in": [0], "b": [1, 4]})  # tiles 0 and 1: two tiles, a barrier of 1000 ns


def counts(*rows):
    return np.array(rows, np.int64)


CORES = {
    "in": {"fired": counts([2, 0, 0, 0, 0])},
    "b": {"accesses": counts([0, 10, 0, 0, 20]), "updates": counts([0, 10, 0, 0, 5])},
    "ab": {
        "synops": counts([0, 100, 0, 0, 30]),
        "packets_in": counts([0, 2, 0, 0, 2]),
        "packets_out": counts([4, 0, 0, 0, 0]),
    },
}
SENDING = 2 * 30 + 4 * 5.1
SOMA = 10 * 6.0 + 10 * 3.7
ARRIVALS = 100 * 3.8 + 2 * 16.0


def seconds(**arguments):
    return hw.price(trace(cores=CORES, **{"placement": PLACED, **arguments}), "loihi1_sanafe")


def test_pipelined_takes_the_slowest_core() -> None:
    report = seconds(schedule="pipelined")
    assert report.latency_s.nominal == pytest.approx((SOMA + ARRIVALS + 1000) * 1e-9)
    assert report.latency_s.low == pytest.approx((max(SOMA, ARRIVALS) + 1000) * 1e-9)
    assert report.latency_s.evidence == "derived"


def test_layerwise_takes_one_population_after_another() -> None:
    report = seconds(schedule="layerwise")
    assert report.latency_s.nominal == pytest.approx((SENDING + SOMA + ARRIVALS + 1000) * 1e-9)


def test_a_busy_link_holds_up_the_step() -> None:
    report = seconds(links=[1000])
    assert report.latency_s.nominal == pytest.approx((1000 * 6.5 + 1000) * 1e-9)
    assert report.steps_ns["cores"] == pytest.approx([SOMA + ARRIVALS])
    assert report.steps_ns["links"] == pytest.approx([6500 - SOMA - ARRIVALS])
    assert sum(column.sum() for column in report.steps_ns.values()) == pytest.approx(7500)


def test_samples_share_the_steps_and_idle_power_follows() -> None:
    twice = {
        name: {key: np.concatenate([column, column]) for key, column in own.items()}
        for name, own in CORES.items()
    }
    one = seconds()
    two = hw.price(trace(cores=twice, placement=PLACED, rows=2, samples=2), "loihi1_sanafe")
    assert two.latency_s.nominal == pytest.approx(one.latency_s.nominal)
    assert two.static_pj.nominal == pytest.approx(104.4e9 * one.latency_s.nominal)
    # What has no energy in this trace has its idle power alone.
    assert two.power_w.nominal == pytest.approx(0.1044)
    assert two.static_share == 1


@pytest.mark.parametrize(
    ("core", "ns"), [([0], 600), ([0, 4], 1000), ([0, 4, 8], 1000), (range(0, 116, 4), 1800)]
)
def test_barrier_depends_on_the_tiles_in_use(core, ns: float) -> None:
    done = trace(cores={"ab": {"synops": counts([0])}}, placement=placed(b=list(core)))
    assert hw.price(done, "loihi1_sanafe").latency_s.nominal == pytest.approx(ns * 1e-9)


def test_without_a_placement_the_time_is_not_known() -> None:
    report = hw.price(trace(projection={"synops": 3}), "loihi1_sanafe")
    assert report.latency_s is report.power_w is report.static_pj is report.total_pj is None
    assert "latency and power are not known" in report.table()


def test_without_times_the_time_is_not_known() -> None:
    report = hw.price(trace(cores=CORES, placement=PLACED), "horowitz45")
    assert report.latency_s is None
    assert any("no times" in note for note in report.notes)


def test_counts_without_a_time_are_listed() -> None:
    report = hw.price(trace(cores=CORES, placement=PLACED, kind="conv"), "speck2f")
    assert report.untimed == {
        "updates": 15, "idle": 15, "fired": 2, "packets received": 4, "packets sent": 4,
    }  # fmt: skip
    assert report.latency_s.nominal == pytest.approx(100 * 33.3e-9)


def test_one_core_needs_no_placement() -> None:
    report = hw.price(trace(projection={"synops": [3, 5]}, rows=2), "odin")
    assert report.latency_s.nominal == pytest.approx(8 * 26.667e-9)


def test_chips_idle_together() -> None:
    both = placed(b=[0, 130])
    report = hw.price(trace(cores=CORES, placement=both), "loihi1_sanafe")
    assert report.chips == 2
    assert report.static_pj.nominal == pytest.approx(2 * 104.4e9 * report.latency_s.nominal)


def test_a_step_is_never_shorter_than_the_chips_shortest() -> None:
    cores = {"b": {"accesses": counts([0, 1, 0, 0, 1000])}}
    quick, slow = (
        hw.price(trace(cores={"b": {"accesses": row}}, placement=PLACED), "loihi2_candidate")
        for row in (counts([0, 1, 0, 0, 0]), cores["b"]["accesses"])
    )
    chip = hw.load_chip("loihi2_candidate")
    assert quick.latency_s.nominal == pytest.approx(200e-9)
    assert quick.steps_ns["barrier"][0] == pytest.approx(200 - chip.times.neuron_access.value)
    assert slow.latency_s.nominal == pytest.approx(1000 * chip.times.neuron_access.value * 1e-9)
