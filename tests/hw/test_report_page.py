"""Reports and traces as the plain content of a page."""

import json
import re

import numpy as np
import pytest

from neurospike import hw, viz
from neurospike.hw.placement import Mesh, Use
from neurospike.hw.report_page import OnChip, page_content, sources

from .tally.cases import Case, cloud, dense_net, voxel_net

CORES = 11


def replayed(network, x=None, *, mesh=None, **options):
    """A trace of random spikes, each neuron in a random core."""
    case = Case(network, x)
    placement = case.placement(CORES, mesh or Mesh(3, 2, 2))
    used = Use(np.arange(CORES), 20, "neurons")
    placement.use["neurons_per_core"] = used
    placement.use["fan_in"] = Use(np.arange(CORES), None, "synapses")
    spikes = {name: values[:, :] for name, values in case.spikes.items()}
    return hw.replay(network, spikes, placement, inputs=x, **options)


@pytest.fixture(scope="module")
def trace():
    return replayed(voxel_net(), cloud())


@pytest.fixture(scope="module")
def content(trace):
    chip = hw.load_chip("loihi1_sanafe")
    found = OnChip(chip, hw.price(trace, chip), trace)
    refused = OnChip(hw.load_chip("speck2f"), refused="too many kernels")
    return page_content([found, refused], title="Net", facts={"model": "random"}, notes=["made up"])


def test_content_is_plain(content) -> None:
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert "<html" in viz.chip_html(content)


def test_energy_rows_add_up(content) -> None:
    one, other = content["chips"]
    for key, end in (("low_pj", "low"), ("pj", "nominal"), ("high_pj", "high")):
        assert sum(row[key] for row in one["rows"]) == pytest.approx(one["energy"][end])
    assert {row["count"] for row in one["unpriced"]} >= {"probes", "macs"}
    assert other["refused"] == "too many kernels"
    assert "rows" not in other


def test_steps_are_those_of_one_sample(content, trace) -> None:
    time = content["chips"][0]["time"]
    assert {len(column) for column in time.values()} == {trace.rows}
    total = sum(sum(column) for column in time.values())
    assert total * 1e-9 == pytest.approx(content["chips"][0]["latency"]["nominal"])


def test_addresses_are_the_counts_of_the_trace(content, trace) -> None:
    rows = {row["name"]: row for row in content["addressing"]["layers"]}
    assert list(rows) == ["first", "step", "sub", "inverse"]  # a point meets itself: no window
    for name, row in rows.items():
        counts = trace.projections[name]
        assert row["vanilla"] == counts["addresses"].sum()
        assert row["submanifold"] == counts["hits"].sum()
        assert row["probes"] == counts["probes"].sum()
    assert rows["sub"]["submanifold"] < rows["sub"]["vanilla"]
    names = [row["generator"] for row in content["addressing"]["generators"]]
    assert names == ["bitmap (counted)", "hash", "rulebook"]
    assert [row["sites of the grid"] for row in content["addressing"]["levels"]] == [216, 27]


def test_cores_stand_apart_and_know_what_they_hold(content, trace) -> None:
    part = content["chips"][0]["placement"]
    assert len(set(zip(part["x"], part["y"], strict=True))) == CORES
    assert part["labels"][5] == "core 5, tile (1, 0)"  # two cores a tile, two tiles a column
    for core, names in enumerate(part["held"]):
        expected = {name for name, where in trace.placement.core.items() if (where == core).any()}
        assert set(names) == expected
    layers = {layer["name"]: layer for layer in part["layers"]}
    assert layers["neurons per core"]["values"][10] == 50.0
    assert layers["neurons per core"]["texts"][10] == "10 of 20 neurons"
    assert layers["fan in"]["values"] == list(range(CORES))
    assert sum(layers["synops per inference"]["values"]) == sum(
        trace.total(name) for name in ("synops", "macs")
    )


def test_routers_are_as_hot_as_the_messages_they_sent_on(content, trace) -> None:
    part = content["chips"][0]["placement"]
    heat = next(layer for layer in part["layers"] if layer["name"].startswith("messages"))
    per_tile = heat["values"][::2]  # both cores of a tile show its router
    assert heat["values"][1::2] == per_tile[:-1]
    hops = sum(trace.total(name) for name in ("hops_x", "hops_y", "chip_crossings"))
    assert sum(per_tile) == hops > 0


def test_boxes_surround_the_chips_where_there_are_several() -> None:
    trace = replayed(voxel_net(), cloud(), mesh=Mesh(2, 1, 2))
    found = OnChip(hw.load_chip("loihi1_sanafe"), hw.price(trace, "loihi1_sanafe"), trace)
    part = page_content([found], title="Net")["chips"][0]["placement"]
    assert part["facts"]["chips"] == 3 == len(part["boxes"])
    # Two tiles of two cores a chip; two chips in a column of the square.
    assert part["boxes"][:2] == [[0, 0, 3, 0], [0, 1, 3, 1]]


def test_unary_spikes_are_spread_over_their_rows(content, trace) -> None:
    strips = {strip["name"]: strip for strip in content["spikes"]}
    assert "sum" not in strips  # membranes are no events
    assert "in" not in strips
    for name, strip in strips.items():
        counts = np.array(strip["counts"])
        assert counts.shape[0] == trace.rows
        assert counts.sum(1).tolist() == trace.populations[name]["spikes"].tolist()


def test_long_sequences_are_shown_in_blocks() -> None:
    case = Case(dense_net(), steps=700)
    trace = hw.replay(case.network, case.spikes, mode="graded")
    report = hw.price(trace, "loihi1_sanafe")
    found = page_content([OnChip(report.chip, report, trace)], title="Net")
    strip = next(strip for strip in found["spikes"] if strip["name"] == "a")
    assert (strip["block_steps"], strip["block_neurons"]) == (3, 2)
    assert np.array(strip["counts"]).shape == (234, 60)
    assert np.array(strip["counts"]).sum() == case.spikes["a"].sum()
    assert found["chips"][0]["placement"] is None
    assert found["addressing"]["layers"] == []
    # Two delayed projections into five neurons: a sum for each neuron and each delay, 0 and 1.
    rings = [row["ring buffers (bit)"] for row in found["addressing"]["delays"]]
    assert rings == [5 * 2 * 24] * 2
    assert "four ways to hold spikes back" in viz.chip_html(found)


@pytest.mark.parametrize("name", hw.list_chips())
def test_every_number_of_a_chip_is_shown_with_its_source(name: str) -> None:
    chip = hw.load_chip(name)
    rows = sources(chip)
    assert all(row["source"] and row["evidence"] and row["value"] for row in rows)

    def count(part) -> int:
        if isinstance(part, dict):
            return ("source" in part) + sum(count(value) for value in part.values())
        return 0

    assert len(rows) == count(chip.model_dump())


def test_a_report_gives_its_own_page(trace) -> None:
    text = hw.price(trace, "loihi1_sanafe").to_html(trace)
    tabs = re.findall(r'role="tab" id="tab-([\w-]+)"', text)
    assert tabs == ["overview", "energy", "addressing", "cores", "spikes", "latency", "sources"]
    bare = hw.price(trace, "loihi1_sanafe").to_html()
    tabs = re.findall(r'role="tab" id="tab-([\w-]+)"', bare)
    assert tabs == ["overview", "energy", "latency", "sources"]
