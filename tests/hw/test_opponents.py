"""Spiking and conventional networks on one machine: small ones worked out by hand."""

import json

import numpy as np
import pytest
import torch

from neurospike import hw
from neurospike import nn as snn
from neurospike.errors import ArgumentError
from neurospike.hw.contests import Contest, Entrant, mean_contest
from neurospike.hw.machine import access_pj, bits_of, float32, integers
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import ILIFModel, LIFModel, Source
from neurospike.hw.opponents import contest
from neurospike.hw.wiring import Whole
from neurospike.hw.workloads import workload

from .tally.cases import Case, cloud, voxel_net

SPIKES = {"in": np.array([[1, 0, 1], [0, 0, 1]]), "out": np.array([[0, 1], [1, 1]])}


def network(layout="static", most=1, real=False):
    """Three inputs, two neurons, six weights, biases on both."""
    neuron = LIFModel(decay=0.5, threshold=1.0) if most == 1 else ILIFModel(max_spikes=most)
    return Network(
        (Population("in", Space(3), Source(real)),
         Population("out", Space(2), neuron, bias=np.ones(2))),
        (Projection("fc", "in", "out", Whole(), np.ones((3, 1, 2))),),
        layout=layout,
        steps=2 if layout == "static" else None,
    )  # fmt: skip


def small_access(bits, size_bits):
    """Below 8 KiB the price of a 64-bit access grows from 0 to 10 pJ."""
    return 10 * (size_bits / 8) / 8192 * bits / 64


def test_work_is_counted_by_hand() -> None:
    work = workload(hw.replay(network(), SPIKES))
    (layer,) = work.layers
    assert (layer.events, layer.synops) == (3, 6)
    # Over both steps inputs 0 and 2 spoke: two activations of the twin, and three of three dense.
    assert (layer.nonzero, layer.skipping, layer.dense, layer.passes) == (2, 4, 6, 1)
    assert work.updates == {"out": (2, 4)}
    assert (work.spikes, work.slots) == (6, 10)
    assert work.adds == (4, 2)
    assert (work.steps, layer.bits) == (2, 2)
    assert work.outside == {"values sent in": 3}


def test_a_sequence_runs_the_twin_at_every_step() -> None:
    work = workload(hw.replay(network("sequence"), SPIKES))
    (layer,) = work.layers
    assert (layer.nonzero, layer.skipping, layer.dense, layer.passes) == (3, 6, 12, 2)
    assert work.adds == (4, 4)
    assert (work.steps, layer.bits) == (1, 1)


def test_inputs_that_count_have_wider_activations() -> None:
    counts = {"in": np.array([[5, 0, 1], [0, 0, 3]]), "out": SPIKES["out"]}
    work = workload(hw.replay(network("sequence"), counts))
    (layer,) = work.layers
    assert (layer.bits, layer.events, layer.nonzero) == (3, 9, 3)
    assert work.slots == 6 * 5 + 4


def test_samples_are_averaged() -> None:
    twice = {name: [values, values] for name, values in SPIKES.items()}
    assert workload(hw.replay(network(), twice)) == workload(hw.replay(network(), SPIKES))


def test_energies_are_worked_out_by_hand() -> None:
    found = contest(hw.replay(network(), SPIKES), weight_bits=8, state_bits=32)
    add, leak = 0.1, 0.2 * 32 * 8 / 64
    weight, state = small_access(8, 48), small_access(32, 64)

    # Two bits tell 0, 1 or 2 spikes; an address among three inputs takes two bits.
    own = found.spiking
    assert own.arithmetic_pj == pytest.approx(6 * add + 4 * (leak + add) + 4 * add)
    event = small_access(2, 3 * 2)
    assert own.event_pj == pytest.approx(6 * (add + weight + 2 * state) + 2 * 3 * event)
    assert own.memory_pj == pytest.approx(6 * (weight + 2 * state) + 6 * event + 4 * 2 * state)

    dense, skipping = found.opponents
    multiply = 0.2 * 2 * 8 / 64
    outputs = 2 * (leak + add) + 2 * add
    assert dense.arithmetic_pj == pytest.approx(6 * (multiply + add) + outputs)
    read = small_access(2, 6)
    assert dense.memory_pj == pytest.approx(6 * (weight + read) + 2 * small_access(2, 4))
    assert dense.event_pj == 0

    assert skipping.arithmetic_pj == pytest.approx(4 * (multiply + add) + outputs)
    event = small_access(2 + 2, 3 * 2)
    moved = 4 * (weight + 2 * state) + 2 * 2 * event
    assert skipping.memory_pj == pytest.approx(moved + 2 * state)
    assert skipping.event_pj == pytest.approx(4 * (multiply + add) + moved)


def test_break_even_is_where_both_cost_the_same() -> None:
    spiking = Entrant("spiking", "8-bit", 1, 60.0, 60.0, event_pj=100.0)
    dense = Entrant("dense", "8-bit", 1, 70.0, 0.0)
    skipping = Entrant("skipping", "8-bit", 1, 70.0, 0.0, event_pj=60.0)
    cheap = Entrant("cheap", "8-bit", 1, 10.0, 0.0)
    dear = Entrant("dear", "8-bit", 1, 1e9, 0.0)
    found = Contest(spiking, spiking, (dense, skipping, cheap, dear), density=0.2)
    assert found.break_even(dense) == pytest.approx(0.1)  # 20 + 1000 x 0.1 / 2 = 70
    assert found.break_even(skipping) is None  # 10 fixed against 20
    assert found.break_even(cheap) is None
    assert found.break_even(dear) is None
    table = found.table()
    assert "10 %" in table
    assert table.count("opponent saves at any") == 2
    assert "spiking saves at any" in table


def test_break_even_holds_when_the_spikes_are_scaled() -> None:
    """Thin out the spikes to the break-even density, and both cost the same."""
    rng = np.random.default_rng(0)
    net = Network(
        (Population("in", Space(400), Source()), Population("out", Space(300), ILIFModel(1))),
        (Projection("fc", "in", "out", Whole(), np.ones((400, 1, 300))),),
    )
    values = (rng.random((10, 400)) < 0.95).astype(int)
    silent = np.zeros((10, 300), int)
    found = contest(hw.replay(net, {"in": values, "out": silent}))
    dense = found.opponents[0]
    at = found.break_even(dense)
    assert at is not None
    share = at / found.density
    assert 0.1 < share < 1
    order = rng.permutation(np.flatnonzero(values))
    thin = np.zeros(values.size, int)
    thin[order[: round(share * len(order))]] = 1
    again = contest(hw.replay(net, {"in": thin.reshape(10, 400), "out": silent}))
    assert again.spiking.energy_pj == pytest.approx(again.opponents[0].energy_pj, rel=2e-3)


def test_float_opponents_are_lemaires_at_half_a_port() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False), snn.LIF(tau=2.0))
    x = torch.rand(1, 3)
    trace = hw.replay(network(real=True), {"in": np.ones((1, 3)), "out": np.zeros((1, 2), int)})
    found = contest(trace, x, model=model, modules={"wide": (torch.nn.Linear(3, 4), x)})
    _, _, twin, wide = found.opponents
    assert twin.operations == 6
    assert twin.arithmetic_pj == pytest.approx(6 * 4.6)
    weights, inputs, outputs = (small_access(32, 32 * n) for n in (6, 3, 2))
    assert twin.memory_pj == pytest.approx(6 * (weights + inputs) + 2 * outputs)
    assert (wide.name, wide.operations) == ("wide", 12)
    assert found.own(twin) is found.spiking_float
    assert found.own(found.opponents[0]) is found.spiking


def test_voxels_are_looked_up_on_both_sides() -> None:
    case = Case(voxel_net(), cloud())
    trace = hw.replay(case.network, case.spikes, inputs=case.x)
    found = contest(trace, case.x)
    # The twin's stored pairs: those of every sparse layer, once each.
    assert found.lookups[1] == sum(len(case.pairs[p.name].target) for p in case.network.projections)
    assert found.lookups[0] == trace.total("probes") + trace.total("index_reads")
    assert found.outside["voxels"] == len(case.x.coords)
    dense = {layer.name: layer.dense for layer in workload(trace, case.x).layers}
    for projection in case.network.projections:
        pairs = len(case.pairs[projection.name].target)
        assert (
            dense[projection.name]
            == pairs * projection.weight.shape[0] * (projection.weight.shape[2])
        )


def test_quantised_networks_bring_their_widths() -> None:
    trace = hw.replay(network(), SPIKES)
    trace.network = hw.quantise(trace.network, (4, 12))
    assert contest(trace).spiking.numbers == integers(4, 12).name


def test_documents_are_plain() -> None:
    found = contest(hw.replay(network(), SPIKES))
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [one["name"] for one in document["entrants"]] == [
        "spiking",
        "spiking",
        "quantised twin",
        "quantised twin, skipping zeros",
    ]
    assert json.dumps(found.rows(), allow_nan=False)


def test_prices_are_horowitz() -> None:
    form = float32()
    assert (form.add_pj, form.multiply_pj) == (0.9, 3.7)
    assert integers(8, 8).product_pj(8) == pytest.approx(0.2)
    assert integers(8, 8).add_pj == pytest.approx(0.03)
    assert access_pj(64, 8 * 2**20) == 100
    assert [bits_of(*pair) for pair in ((1, 1), (1, 4), (2, 4), (7, 1), (8, 1))] == [1, 3, 4, 3, 4]


def test_the_mean_of_two_samples_is_their_contest() -> None:
    one = hw.replay(network(), SPIKES)
    others = {"in": np.array([[1, 1, 1], [0, 1, 0]]), "out": np.array([[1, 1], [0, 0]])}
    together = {name: [SPIKES[name], others[name]] for name in SPIKES}
    both = contest(hw.replay(network(), together))
    mean = mean_contest([contest(one), contest(hw.replay(network(), others))])
    assert mean.density == pytest.approx(both.density)
    for a, b in zip((mean.spiking, *mean.opponents), (both.spiking, *both.opponents), strict=True):
        assert a.energy_pj == pytest.approx(b.energy_pj)
        assert a.event_pj == pytest.approx(b.event_pj)
    with pytest.raises(ArgumentError, match="one or more, of the same opponents"):
        mean_contest([])


def test_any_torch_module_may_enter() -> None:
    image = torch.rand(1, 3, 8, 8)
    cnn = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 2)
    )
    vit = torch.nn.TransformerEncoderLayer(12, nhead=3, dim_feedforward=24, batch_first=True)
    patches = torch.rand(1, 16, 12)
    modules = {"CNN": (cnn, image), "ViT": (vit.eval(), patches)}
    found = contest(hw.replay(network(), SPIKES), modules=modules)
    *_, first, second = found.opponents
    assert (first.name, first.operations) == ("CNN", 36 * 27 * 4 + 144 * 2)
    assert second.operations > 16 * 12 * 24 * 2
    assert first.energy_pj > first.arithmetic_pj > 0
    assert "ViT" in found.table()
