"""The oracle on networks that can be followed by hand, and beside the layers in torch."""

from typing import Any

import numpy as np
import pytest
import torch

from neurospike.hw.emulation import reference
from neurospike.hw.network import Network, Population, Projection, Quantisation, Space
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    NeuronModel,
    ReadoutModel,
    Source,
)
from neurospike.hw.wiring import Pairs, Taps
from neurospike.nn import ILIF, LIF, AdLIF, CubaLIF, LeakyReadout


def one_to_one(neuron: NeuronModel, *, channels: int = 1, real: bool = True) -> Network:
    """A source of real numbers, each the current of one neuron."""
    return Network(
        (
            Population("in", Space(channels), Source(real=real)),
            Population("out", Space(channels), neuron),
        ),
        (Projection("eye", "in", "out", Taps(), np.eye(channels)[:, None, :]),),
    )


def dense_pairs(taps: int = 1) -> Pairs:
    return Pairs(
        np.array([0, taps]),
        np.arange(taps, dtype=np.int32),
        np.zeros(taps, np.int32),
        taps,
        1,
        np.array([taps]),
    )


def run(network: Network, x: Any, **settings: Any) -> Any:
    x = np.asarray(x)
    return reference.run(
        network,
        {"in": x},
        {p.name: dense_pairs(p.weight.shape[1]) for p in network.projections},
        sites={p.name: 1 for p in network.populations},
        steps=len(x),
        **settings,
    )


def adlif_model(layer: AdLIF) -> AdLIFModel:
    gains = dict(zip(("alpha", "beta", "a", "b"), layer.gains().detach().numpy(), strict=True))
    rule = layer.rule
    return AdLIFModel(
        gains
        | {
            "threshold": rule.threshold,
            "soft": rule.reset == "soft",
            "euler": rule.discretisation == "euler",
        }
    )


CUBA = {"keep_syn": 0.5, "keep_mem": 0.75, "threshold": 1.0}
LAYERS = [
    (LIF(2.0), LIFModel(0.5, 1.0)),
    (LIF(4.0, v_reset=-0.25, reset="soft"), LIFModel(0.75, 1.0, -0.25, soft=True)),
    (LIF(2.0, decay_input=True), LIFModel(0.5, 1.0, gain=0.5)),
    (ILIF(4), ILIFModel(4)),
    (LeakyReadout(2.0), ReadoutModel(0.5)),
    (CubaLIF(2.0, 4.0), CubaModel(CUBA)),
    (CubaLIF(2.0, 4.0, reset="soft"), CubaModel(CUBA | {"soft": 1})),
    (
        CubaLIF(2.0, 4.0, integer_decay=True, scale=64.0),
        CubaModel(CUBA | {"scale": 64.0}),
    ),
]


@pytest.mark.parametrize(("layer", "model"), LAYERS, ids=lambda v: type(v).__name__)
def test_neurons_as_the_layers_have_them(layer, model) -> None:
    x = torch.randn(40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    given = run(one_to_one(model, channels=5), x.numpy()).spikes["out"]
    np.testing.assert_allclose(given, layer(x).detach().numpy(), atol=1e-12)
    assert given.any()


@pytest.mark.parametrize("discretisation", ["symplectic", "euler"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_adaptive_neurons(discretisation, reset) -> None:
    layer = AdLIF(5, reset=reset, discretisation=discretisation).double()
    x = 20 * torch.randn(60, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    given = run(one_to_one(adlif_model(layer), channels=5), x.numpy()).spikes["out"]
    assert given.any()
    np.testing.assert_array_equal(given, layer(x).detach().numpy())


def test_a_membrane_is_its_current() -> None:
    given = run(one_to_one(Membrane()), [[0.5], [0.0], [-2.0]])
    assert given.spikes["out"].ravel().tolist() == [0.5, 0.0, -2.0]
    assert given.active["out"].ravel().tolist() == [True, False, True]


def test_delays_arrive_as_many_steps_later() -> None:
    weight = np.array([[[1.0], [2.0], [4.0]]])
    delay = np.array([[[0], [1], [3]]], np.int32)
    network = Network(
        (
            Population("in", Space(1), Source()),
            Population("out", Space(1), Membrane(), extra_steps=3),
        ),
        (Projection("w", "in", "out", Taps(3), weight, delay=delay),),
    )
    assert run(network, [[1], [0], [1]]).spikes["out"].ravel().tolist() == [1, 2, 1, 6, 0, 4]
    late = run(network, [[1], [0], [1]], schedule="pipelined").spikes["out"]
    assert late.ravel().tolist() == [0, 1, 2, 1, 6, 0]


def test_integers_saturate_and_are_counted() -> None:
    network = Network(
        (Population("in", Space(1), Source()), Population("out", Space(1), LIFModel(4096, 200))),
        (Projection("w", "in", "out", Taps(), np.full((1, 1, 1), 100, np.int32)),),
        quantised=Quantisation(8, 8, {"out": 1.0}),
    )
    given = run(network, [[1], [1], [2]])
    assert given.saturations["out"].tolist() == [0, 1, 2]
    assert given.spikes["out"].sum() == 0


def test_real_inputs_are_rounded_into_the_unit_of_the_target() -> None:
    network = Network(
        (Population("in", Space(1), Source(real=True)), Population("out", Space(1), Membrane())),
        (Projection("w", "in", "out", Taps(), np.full((1, 1, 1), 3, np.int32), shift=2),),
        quantised=Quantisation(8, 8, {"out": 1.0}),
    )
    given = run(network, np.array([[1], [2], [-2], [-1]]))
    assert given.spikes["out"].ravel().tolist() == [1, 2, -1, -1]


def test_forced_spikes_are_sent_and_reset_by() -> None:
    network = one_to_one(ILIFModel(4))
    x, told = np.array([[1.4], [0.0], [0.0]]), np.array([[2], [0], [0]])
    given = run(network, x, forced={"out": told})
    assert given.spikes["out"].ravel().tolist() == [1, 0, 0]
    np.testing.assert_allclose(given.margin["out"], [0.1])


@pytest.mark.parametrize("mode", ["unary", "graded"])
def test_unary_events_and_graded_packets_give_one_current(mode) -> None:
    given = run(one_to_one(Membrane(), real=False), [[3], [0], [1]], mode=mode)
    assert given.spikes["out"].ravel().tolist() == [3, 0, 1]
