"""The fast dynamics beside the oracle, value for value."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurospike.errors import ArgumentError
from neurospike.hw.emulation import dynamics, reference
from neurospike.hw.network import Network, Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import ILIFModel, LIFModel, Membrane, Source, fires
from neurospike.hw.wiring import Pointwise, Taps, Window

from .networks import FLOAT_NEURONS, INTEGER_NEURONS, chain, chain_inputs, geometry, voxels


def assert_same(ours: Any, theirs: Any) -> None:
    for name, expected in theirs.spikes.items():
        np.testing.assert_array_equal(ours.spikes[name], expected, err_msg=name)
        np.testing.assert_array_equal(ours.active[name], theirs.active[name], err_msg=name)
        np.testing.assert_array_equal(ours.saturations[name], theirs.saturations[name])
    assert ours.margin.keys() == theirs.margin.keys()
    for name, expected in theirs.margin.items():
        np.testing.assert_allclose(ours.margin[name], expected)


def both(network: Network, values: dict[str, Any], **settings: Any) -> tuple[Any, Any]:
    ours = dynamics.run(network, values, **settings)
    theirs = reference.run(network, values, mode="unary", **settings)
    assert_same(ours, theirs)
    return ours, theirs


@pytest.mark.parametrize("schedule", ["layerwise", "pipelined"])
@pytest.mark.parametrize("kind", FLOAT_NEURONS)
def test_real_numbers(kind, schedule) -> None:
    network = chain(FLOAT_NEURONS[kind])
    values = chain_inputs(network, 7)
    ours, _ = both(network, values, **geometry(network), steps=7, schedule=schedule)
    assert all(ours.spikes[name].any() for name in ours.spikes)


@pytest.mark.parametrize("bits", [8, 24])
@pytest.mark.parametrize("schedule", ["layerwise", "pipelined"])
@pytest.mark.parametrize("kind", INTEGER_NEURONS)
def test_integers(kind, schedule, bits) -> None:
    network = chain(INTEGER_NEURONS[kind], integer=True, bits=bits)
    values = chain_inputs(network, 7)
    ours, _ = both(network, values, **geometry(network), steps=7, schedule=schedule)
    saturated = sum(int(s.sum()) for s in ours.saturations.values())
    assert (saturated > 0) == (bits == 8)


@pytest.mark.parametrize("gate", ["voxel", "spike"])
@pytest.mark.parametrize("integer", [False, True])
def test_voxels(integer, gate) -> None:
    neuron = ILIFModel(4, 1024, 16) if integer else ILIFModel(4)
    network, x = voxels(neuron, integer=integer)
    values = {"in": x.features.numpy().reshape(3, -1).astype(int)}
    both(network, values, **geometry(network, x), steps=3, gate=gate)


def test_the_gate_of_spikes_leaves_fewer_pairs() -> None:
    network, x = voxels(ILIFModel(4))
    values = {"in": x.features.numpy().reshape(3, -1).astype(int)}
    runs = [
        dynamics.run(network, values, **geometry(network, x), steps=3, gate=gate)
        for gate in ("voxel", "spike")
    ]
    assert (runs[0].spikes["fine"] != runs[1].spikes["fine"]).any()


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("kind", [k for k, n in INTEGER_NEURONS.items() if fires(n)])
def test_forced_spikes(kind, integer) -> None:
    network = chain((INTEGER_NEURONS if integer else FLOAT_NEURONS)[kind], integer=integer)
    values, where = chain_inputs(network, 7), geometry(network)
    own = dynamics.run(network, values, **where, steps=7).spikes
    rng = np.random.default_rng(1)
    forced = {
        name: np.where(rng.random(own[name].shape) < 0.1, 1 - own[name].clip(0, 1), own[name])
        for name in ("first", "grouped", "loop")
    }
    ours, _ = both(network, values, **where, steps=7, forced=forced)
    assert all(len(ours.margin[name]) for name in forced)


def test_a_loop_over_two_populations() -> None:
    network = Network(
        (
            Population("in", Space(3), Source()),
            Population("a", Space(3), LIFModel(0.5, 1.0)),
            Population("b", Space(3), LIFModel(0.75, 1.0)),
        ),
        (
            Projection("w", "in", "a", Taps(), np.eye(3)[:, None]),
            Projection("there", "a", "b", Taps(), np.eye(3)[:, None]),
            Projection("back", "b", "a", Taps(), 0.75 * np.ones((3, 1, 3))),
        ),
    )
    values = {"in": np.random.default_rng(0).poisson(0.5, (9, 3))}
    where = geometry(network)
    both(network, values, **where, steps=9, schedule="pipelined")
    with pytest.raises(ArgumentError, match=r"a loop needs 1 step or more; got 0 in back, from b"):
        dynamics.run(network, values, **where, steps=9)
    delayed = replace(network.projections[2], delay=np.full((3, 1, 3), 2, np.int32))
    both(
        replace(network, projections=(*network.projections[:2], delayed)),
        values,
        **where,
        steps=9,
    )


def test_empty_and_single_sites() -> None:
    for sites in (0, 1, 63):
        network = Network(
            (
                Population("in", Space(2, (sites,)), Source()),
                Population("out", Space(17, (sites,)), ILIFModel(4)),
            ),
            (Projection("w", "in", "out", Pointwise(), np.ones((2, 1, 17))),),
        )
        values = {"in": np.ones((2, 2 * sites), int)}
        both(network, values, **geometry(network), steps=2)


def test_bad_networks_are_refused() -> None:
    network = Network(
        (
            Population("in", Space(1), Source()),
            Population("a", Space(1), Membrane()),
            Population("b", Space(1), Membrane()),
        ),
        (Projection("w", "in", "a", Taps(), np.ones((1, 1, 1))),),
    )
    values, where = {"in": np.ones((2, 1), int)}, geometry(network)
    late = np.ones((1, 1, 1), np.int32)
    held = replace(network.projections[0], once=True, delay=late)
    for changed, message in (
        (replace(network, projections=(held,)), "a current that is held has no delays"),
        (
            replace(network, projections=(replace(held, once=False, delay=-late),)),
            r"must be 0 or more; got -1 in w",
        ),
        (
            replace(network, shortcuts=(Shortcut("s", "b", "a"),)),
            r"must come before its target in the order; got b into a",
        ),
    ):
        with pytest.raises(ArgumentError, match=message):
            dynamics.run(changed, values, **where, steps=2)


@pytest.mark.parametrize(
    ("neuron", "message"),
    [
        (FLOAT_NEURONS["adlif"], r"adaptive neurons have no integer arithmetic; got first"),
        (ILIFModel(4, 1024, 12), r"unit: must be a power of two in a quantised network; got 12"),
        (None, r"must be one of hw.neuron_models; got None in first"),
    ],
)
def test_neurons_without_integers_are_refused(neuron, message) -> None:
    network = chain(INTEGER_NEURONS["lif"], integer=True)
    first = replace(network.population("first"), neuron=neuron)
    populations = tuple(first if p.name == "first" else p for p in network.populations)
    changed = replace(network, populations=populations)
    with pytest.raises(ArgumentError, match=message):
        dynamics.run(changed, chain_inputs(network, 2), **geometry(network), steps=2)


def peak_bytes(network: Network, values: dict[str, Any]) -> int:
    where = geometry(network)
    dynamics.run(network, values, **where, steps=5)
    tracemalloc.start()
    dynamics.run(network, values, **where, steps=5)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest


def test_memory_is_a_matter_of_neurons_and_not_of_synapses() -> None:
    def peak(edge: int) -> int:
        window = Window((edge, edge), (1, 1), (edge // 2, edge // 2), (1, 1))
        grid = Space(16, (20, 20))
        network = Network(
            (Population("in", grid, Source()), Population("out", grid, ILIFModel(4))),
            (Projection("w", "in", "out", window, np.ones((16, edge * edge, 16))),),
        )
        return peak_bytes(network, {"in": np.ones((5, 400 * 16), np.int32)})

    assert peak(9) < 1.1 * peak(1)


def test_memory_of_delays_is_a_matter_of_how_long_they_are() -> None:
    def peak(taps: int, longest: int) -> int:
        shape = (200, taps, 200)
        delay = np.zeros(shape, np.int32)
        delay[0] = longest
        network = Network(
            (Population("in", Space(200), Source()), Population("out", Space(200), ILIFModel(4))),
            (Projection("w", "in", "out", Taps(taps), np.ones(shape), delay=delay),),
        )
        return peak_bytes(network, {"in": np.ones((5, 200), np.int32)})

    assert peak(20, 10) < 1.1 * peak(1, 10) < 0.7 * peak(1, 30)
