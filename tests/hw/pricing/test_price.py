"""Counts times prices, what is left over, and what is refused."""

import json

import numpy as np
import pytest

from neurospike import hw
from neurospike.errors import ArgumentError
from neurospike.hw.pricing import Interval
from neurospike.hw.pricing.bill import SILENT
from neurospike.hw.pricing.charges import GROUPS, elements
from neurospike.hw.trace import POPULATION_COUNTS, PROJECTION_COUNTS, SHORTCUT_COUNTS

from .traces import placed, trace


def test_formula_term_by_term() -> None:
    done = trace(
        projection={"synops": 10, "packets": 3, "hops_x": 4, "hops_y": 5},
        population={"accesses": 7, "updates": 6, "idle": 1, "fired": 2},
        placement=placed(**{"in": [0], "b": [4]}),
    )
    report = hw.price(done, "loihi1_sanafe")
    parts = {name: part.nominal for name, part in report.by_group().items()}
    assert parts["synapse"] == pytest.approx(10 * 35.5)
    assert parts["soma"] == pytest.approx(7 * 51.2 + 6 * 21.6 + 2 * 69.3)
    assert parts["network"] == pytest.approx(3 * 111 + 4 * 3.0 + 5 * 4.2)
    assert report.energy_pj.nominal == pytest.approx(sum(parts.values()))
    assert sum(row.energy_pj.nominal for row in report.rows) == report.energy_pj.nominal
    assert report.unpriced == {}
    low = 10 * 23.6 + 7 * 51.2 + 6 * 21.6 + 2 * 69.3 + 3 * 111 + 4 * 3.0 + 5 * 4.0
    assert report.energy_pj.low == pytest.approx(low)
    high = report.energy_pj.nominal + 7 * 0.8 + 6 * 7.4
    assert report.energy_pj.high == pytest.approx(high)


def test_active_and_idle_neurons_where_the_chip_tells_them_apart() -> None:
    done = trace(population={"accesses": 7, "updates": 6, "idle": 1})
    report = hw.price(done, "loihi1_davies2018")
    assert report.energy_pj.nominal == pytest.approx(6 * 81 + 52)


@pytest.mark.parametrize(("kind", "pj"), [("dense", 35.5), ("sparse", 33.6), ("conv", 24.0)])
def test_kind_of_synapse_decides_its_price(kind: str, pj: float) -> None:
    done = trace(projection={"synops": 4, "weight_reads": 4, "membrane_writes": 4}, kind=kind)
    report = hw.price(done, "loihi1_sanafe")
    assert report.energy_pj.nominal == pytest.approx(4 * pj)
    assert report.unpriced == {}
    assert hw.price(done, "loihi1_davies2018").energy_pj.nominal == pytest.approx(4 * 23.6)


def test_numbers_are_per_inference() -> None:
    done = trace(projection={"synops": [8, 4]}, rows=2, samples=4)
    report = hw.price(done, "loihi1_sanafe")
    assert report.energy_pj.nominal == pytest.approx(3 * 35.5)
    assert report.rows[0].count == 3


def test_counts_without_a_price_are_listed_not_dropped() -> None:
    done = trace(
        projection={"synops": 1, "probes": 5, "index_reads": 3, "delay_writes": 2, "macs": 9},
        shortcut={"adds": 4},
        source={"spikes": 6},
        samples=2,
        rows=1,
        sites=np.array([[10], [20]]),
        rebuild={"bitmap": {"inserts": np.array([10, 20]), "index_bits": np.array([99, 99])}},
    )
    left = hw.price(done, "loihi1_sanafe").unpriced
    assert left == {
        "probes": 2.5, "index_reads": 1.5, "delay_writes": 1, "macs": 4.5, "adds": 2,
        "inserts": 15, "voxels": 15, "host_inputs": 3,
    }  # fmt: skip
    text = hw.price(done, "loihi1_sanafe").table()
    assert "without a price in the chip file, so not in it: 2.50 probes" in text


def test_weights_read_for_unpriced_products_are_not_covered() -> None:
    done = trace(projection={"macs": 3, "weight_reads": 3})
    assert hw.price(done, "loihi1_sanafe").unpriced == {"macs": 3, "weight_reads": 3}


def test_every_count_of_a_trace_is_charged_or_silent() -> None:
    named = {*PROJECTION_COUNTS, *POPULATION_COUNTS, *SHORTCUT_COUNTS}
    charged = {item.cause for part in elements(trace()) for item in part.charges}
    assert named <= charged | SILENT
    assert {item.group for part in elements(trace()) for item in part.charges} <= set(GROUPS)


def test_neurons_that_nothing_speaks_for_are_listed() -> None:
    assert hw.price(trace(population={"accesses": 3}), "speck2f").unpriced == {"accesses": 3}
    known = trace(population={"accesses": 3, "updates": 2, "idle": 1})
    assert hw.price(known, "speck2f").unpriced == {"updates": 2, "idle": 1}


def test_packets_of_the_host_are_received_but_not_sent() -> None:
    counts = {"packets": 3}
    inside = trace(projection=counts, placement=placed(**{"in": [0], "b": [1]}))
    outside = trace(projection=counts, placement=placed(b=[1]))
    assert hw.price(inside, "loihi1_sanafe").energy_pj.nominal == pytest.approx(333)
    assert hw.price(outside, "loihi1_sanafe").energy_pj.nominal == 0


def test_evidence_of_a_total_is_that_of_its_weakest_term() -> None:
    hops = trace(projection={"hops_x": 1})
    assert hw.price(hops, "loihi1_sanafe").energy_pj.evidence == "simulated"
    more = trace(projection={"hops_x": 1, "synops": 1})
    assert hw.price(more, "loihi1_sanafe").energy_pj.evidence == "derived"
    assert hw.price(more, "loihi2_candidate").energy_pj.evidence == "estimated"


def test_the_most_sensitive_price_moves_the_total_most() -> None:
    done = trace(projection={"synops": 10, "packets": 1})
    report = hw.price(done, "loihi1_sanafe")
    assert report.sensitive_to == "prices.synop_dense"
    assert report.sensitivity["prices.synop_dense"] == pytest.approx(10 * 11.9)
    assert report.sensitivity["prices.packet_out"] == pytest.approx(0.2 * 111)
    assert hw.price(trace(), "loihi1_sanafe").sensitive_to == ""


def test_all_in_figures_stand_alone() -> None:
    alone = trace(projection={"synops": 10, "probes": 2}, population={"updates": 5})
    report = hw.price(alone, "truenorth_akopyan")
    assert report.energy_pj.nominal == 260
    assert report.unpriced == {"probes": 2}  # the chip that was measured has no such thing
    assert report.static_pj is None
    assert any("idle power too" in note for note in report.notes)
    with pytest.raises(ArgumentError, match=r"never summed with a part; got prices.hop_x too; use"):
        hw.price(trace(projection={"synops": 10, "hops_x": 1}), "truenorth_akopyan")


@pytest.mark.parametrize("convention", ["exact", "paper", "neurobench", "lemaire"])
def test_conventions_of_modules_are_elsewhere(convention: str) -> None:
    with pytest.raises(ArgumentError, match=rf"use hw.count\(module, inputs, .*{convention}"):
        hw.price(trace(), "loihi1_sanafe", convention=convention)
    with pytest.raises(ArgumentError, match="must be one of per_activity, affine; got 'x'"):
        hw.price(trace(), "loihi1_sanafe", convention="x")


def test_affine_needs_a_fit_and_a_time() -> None:
    with pytest.raises(ArgumentError, match="needs a fit in the chip file; got loihi1_sanafe"):
        hw.price(trace(), "loihi1_sanafe", convention="affine")


def test_a_fit_does_not_hold_what_its_chip_never_did() -> None:
    done = trace(projection={"synops": 1, "probes": 2, "hops_x": 3}, shortcut={"adds": 4}, rows=2)
    report = hw.price(done, "truenorth_akopyan", convention="affine")
    assert report.unpriced == {"probes": 2, "adds": 4}
    assert report.static_pj.nominal == pytest.approx(64.43e9 * 2e-3)
    assert report.total_pj.nominal == pytest.approx(report.energy_pj.nominal)


def test_report_as_text_and_json() -> None:
    done = trace(
        projection={"synops": 10, "packets": 3, "probes": 1},
        population={"accesses": 7, "updates": 6},
        placement=placed(**{"in": [0], "b": [4]}),
        cores={"b": {"accesses": np.array([[0, 0, 0, 0, 7]])}},
    )
    report = hw.price(done, "loihi1_sanafe")
    text = report.table()
    for part in (
        "convention per_activity, mean of 1 sample(s)",
        "synops (synop_dense)",
        "35.5 (23.6..35.5) pJ",
        "most sensitive to prices.synop_dense",
        "idle power of 1 chip",
    ):
        assert part in text
    document = json.loads(report.to_json())
    assert document["energy_pj"]["nominal"] == report.energy_pj.nominal
    assert document["unpriced"] == {"probes": 1}
    assert sum(row["energy_pj"]["nominal"] for row in document["rows"]) == pytest.approx(
        report.energy_pj.nominal
    )
    assert all(figure["source"] for figure in document["sources"].values())
    assert {"prices.synop_dense", "static_power"} <= set(document["sources"])


def test_interval_arithmetic() -> None:
    a, b = Interval(1, 2, 4, "measured"), Interval(2, 4, 8, "derived")
    assert a.over(b) == Interval(1 / 8, 0.5, 2, "derived")
    assert a.times(b) == Interval(2, 8, 32, "derived")
    assert Interval.total([]) == Interval.exact(0.0)


def test_a_chip_may_be_a_chip() -> None:
    done = trace(projection={"synops": 1})
    chip = hw.load_chip("loihi1_sanafe")
    assert hw.price(done, chip).energy_pj == hw.price(done, "loihi1_sanafe").energy_pj


def test_synapses_without_a_price_are_a_note() -> None:
    graded = hw.price(trace(projection={"graded_synops": 1200, "packets": 1}), "loihi1_sanafe")
    assert any("1,200 graded_synops" in note for note in graded.notes)
    assert "want of a price: 1,200 graded_synops" in graded.table()
    unary = hw.price(trace(projection={"synops": 1200, "packets": 1}), "loihi1_sanafe")
    assert not any("want of a price" in note for note in unary.notes)
