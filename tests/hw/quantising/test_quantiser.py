"""Integers for networks built by hand: units, widths, shifts, refusals."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    ReadoutModel,
    Source,
)
from neurospike.hw.quantising import quantise
from neurospike.hw.wiring import Taps

RNG = np.random.default_rng(0)


def chain(*neurons, weights=None, shortcuts=(), bias=None, real=False, deviation=0.1):
    """A source of three channels, then populations of three, each driven by the one before."""
    names = ["in", *(f"p{i}" for i in range(len(neurons)))]
    populations = [Population("in", Space(3), Source(real=real))]
    populations += [
        Population(name, Space(3), neuron, bias=bias)
        for name, neuron in zip(names[1:], neurons, strict=True)
    ]
    drawn = [RNG.normal(0, deviation, (3, 1, 3)) for _ in neurons]
    given = drawn if weights is None else weights
    projections = [
        Projection(f"w{i}", names[i], names[i + 1], Taps(), weight)
        for i, weight in enumerate(given)
    ]
    return Network(tuple(populations), tuple(projections), tuple(shortcuts))


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 9, 16])
def test_weights_fit_the_width_and_the_error_is_that_of_rounding(bits):
    net = chain(LIFModel(0.5, 1.0))
    whole = quantise(net, (bits, 32))
    units = whole.projections[0].weight
    assert units.dtype == np.int32
    assert np.abs(units).max() <= 2 ** (bits - 1) - 1
    error = whole.quantised.errors["w0"]
    rounded = units * whole.quantised.scale["p0"]
    rms = math.sqrt(np.mean((rounded - net.projections[0].weight) ** 2))
    assert error.rms == pytest.approx(rms)
    assert math.frexp(error.scale)[0] == 0.5


def test_the_width_is_used():
    whole = quantise(chain(LIFModel(0.5, 1.0), deviation=3.0), (8, 24))
    assert np.abs(whole.projections[0].weight).max() > 63
    assert whole.quantised.errors["w0"].relative < 0.02


def test_one_outlier_is_clipped_where_that_costs_least():
    weight = np.full((100, 1, 50), 0.011)
    weight[0, 0, 0] = 0.2
    net = Network(
        (Population("in", Space(100), Source()), Population("p", Space(50), LIFModel(0.5, 1.0))),
        (Projection("w", "in", "p", Taps(), weight),),
    )
    whole = quantise(net, (4, 24))
    error = whole.quantised.errors["w"]
    assert error.clipped == pytest.approx(1 / 5000)
    kept = whole.projections[0].weight * error.scale
    coarse = np.round(weight * 32) / 32  # the finest unit that clips nothing
    assert ((kept - weight) ** 2).sum() < ((coarse - weight) ** 2).sum()


def test_gains_go_into_weights_and_biases():
    plain = quantise(chain(LIFModel(0.5, 1.0), weights=[np.full((3, 1, 3), 0.25)]), (8, 24))
    bias = np.array([0.5, -0.5, 0.0])
    gained = quantise(
        chain(LIFModel(0.5, 1.0, gain=0.5), weights=[np.full((3, 1, 3), 0.5)], bias=bias), (8, 24)
    )
    assert gained.population("p0").neuron.gain == 1.0
    scale = gained.quantised.scale["p0"]
    np.testing.assert_array_equal(gained.population("p0").bias * scale, bias * 0.5)
    np.testing.assert_array_equal(
        gained.projections[0].weight * scale,
        plain.projections[0].weight * plain.quantised.scale["p0"],
    )


def test_shortcuts_join_units_across_a_chain():
    neurons = [ILIFModel(4)] * 4
    weights = [RNG.normal(0, d, (3, 1, 3)) for d in (0.01, 0.1, 1.0, 10.0)]
    free = quantise(chain(*neurons, weights=weights), (8, 24)).quantised.scale
    assert len(set(free.values())) == 4
    shortcuts = (Shortcut("a", "p0", "p1"), Shortcut("b", "p1", "p3"))
    whole = quantise(chain(*neurons, weights=weights, shortcuts=shortcuts), (8, 24))
    scale = whole.quantised.scale
    assert scale["p0"] == scale["p1"] == scale["p3"]
    assert scale["p2"] == free["p2"]
    for population in whole.populations[1:]:
        assert population.neuron.unit == 1 / scale[population.name]


def test_an_ilif_unit_is_whole_even_where_weights_are_large():
    net = chain(ILIFModel(4), deviation=1000.0)
    whole = quantise(net, (8, 24))
    assert whole.population("p0").neuron.unit == 1
    assert whole.quantised.errors["w0"].clipped > 0.5


@pytest.mark.parametrize("membrane", [10, 16, 24])
def test_membranes_keep_their_headroom(membrane):
    net = chain(ILIFModel(4), weights=[np.full((3, 1, 3), 1e-6)])
    whole = quantise(net, (8, membrane))
    unit = whole.population("p0").neuron.unit
    assert 2 * 4 * unit <= 2 ** (membrane - 1) - 1 < 4 * 4 * unit


def test_membranes_too_narrow_for_a_spike_are_refused():
    with pytest.raises(ArgumentError, match="must hold 2 times the largest spike of p0"):
        quantise(chain(ILIFModel(4)), (8, 4))


def test_real_inputs_have_units_of_their_own_and_are_shifted():
    weights = [RNG.normal(0, 1e-3, (3, 1, 3)), RNG.normal(0, 0.2, (3, 1, 3))]
    net = chain(ILIFModel(4), ILIFModel(4), weights=weights, real=True)
    whole = quantise(net, (8, 16))
    first, second = whole.projections
    q = whole.quantised
    assert first.shift > 0
    assert second.shift == 0
    assert q.scale["p0"] == 2.0**first.shift * q.errors["w0"].scale * q.input_scale["in"]
    # Narrow membranes make the unit coarse; the weights keep all their bits all the same.
    assert q.errors["w0"].relative < 0.01
    worst = q.input_scale["in"] / math.sqrt(12) * np.linalg.norm(weights[0][:, 0], axis=0).max()
    assert worst <= q.scale["p0"] / 4


def test_membranes_that_send_themselves_are_shifted_too():
    whole = quantise(chain(Membrane(), Membrane()), (8, 24))
    q, (first, second) = whole.quantised, whole.projections
    assert first.shift == 0
    assert second.shift >= 0
    assert q.scale["p1"] == 2.0**second.shift * q.errors["w1"].scale * q.scale["p0"]


def test_thresholds_decays_and_resets_become_integers():
    net = chain(LIFModel(0.995, np.array([1.0, 1e-9, 0.3]), v_reset=-0.1, soft=True))
    whole = quantise(net, (8, 24))
    neuron, scale = whole.population("p0").neuron, whole.quantised.scale["p0"]
    assert neuron.decay == 4076
    assert neuron.v_reset == round(-0.1 / scale)
    assert neuron.threshold.dtype == np.int64
    assert neuron.threshold[0] == round(1 / scale)
    assert neuron.soft


def test_a_threshold_is_at_least_one_unit():
    whole = quantise(chain(LIFModel(0.5, 1e-3), deviation=100.0), (8, 24))
    assert whole.population("p0").neuron.threshold == 1


def test_current_based_neurons_and_readouts():
    cuba = CubaModel({"keep_syn": 0.9, "keep_mem": 0.95, "threshold": 1.0, "soft": 1, "scale": 0})
    whole = quantise(chain(cuba, ReadoutModel(0.9, gain=0.1)), (8, 24))
    own = whole.population("p0").neuron.parameters
    assert (own["keep_syn"], own["keep_mem"], own["soft"]) == (3686, 3891, 1)
    assert own["threshold"] == 1 / whole.quantised.scale["p0"]
    assert (whole.population("p1").neuron.decay, whole.population("p1").neuron.gain) == (3686, 1.0)


def test_widths_come_from_a_chip():
    limits = SimpleNamespace(weight_bits=SimpleNamespace(value=9.0), membrane_bits=None)
    chip = SimpleNamespace(name="odd", limits=limits)
    with pytest.raises(ArgumentError, match="chip 'odd' states no membrane_bits"):
        quantise(chain(LIFModel(0.5, 1.0)), chip)
    limits.membrane_bits = SimpleNamespace(value=24)
    q = quantise(chain(LIFModel(0.5, 1.0)), chip).quantised
    assert (q.weight_bits, q.membrane_bits) == (9, 24)
    named = quantise(chain(LIFModel(0.5, 1.0)), "loihi1_sanafe").quantised
    assert (named.weight_bits, named.membrane_bits) == (8, 24)


@pytest.mark.parametrize("bits", [None, 8, (8,), (1, 24), (8, 200), (8.5, 24)])
def test_widths_that_make_no_sense(bits):
    with pytest.raises(ArgumentError, match="quantise"):
        quantise(chain(LIFModel(0.5, 1.0)), bits)


def test_refusals():
    net = chain(LIFModel(0.5, 1.0))
    with pytest.raises(ArgumentError, match="quantised to 8 bits already"):
        quantise(quantise(net, (8, 24)), (8, 24))
    with pytest.raises(ArgumentError, match="got AdLIF"):
        quantise(chain(AdLIFModel({"alpha": 0.9})), (8, 24))
    uneven = chain(
        LIFModel(0.5, 1.0, gain=0.5), LIFModel(0.5, 1.0), shortcuts=[Shortcut("s", "p0", "p1")]
    )
    with pytest.raises(ArgumentError, match="weigh their currents alike"):
        quantise(uneven, (8, 24))
    with pytest.raises(ArgumentError, match="join populations that are no source"):
        quantise(chain(Membrane(), shortcuts=[Shortcut("s", "in", "p0")]), (8, 24))


def test_nothing_to_do():
    net = chain(LIFModel(0.5, 1.0), weights=[np.zeros((3, 1, 3))])
    whole = quantise(net, (8, 24))
    assert not whole.projections[0].weight.any()
    assert whole.quantised.errors["w0"].relative == 0.0
    assert whole.population("p0").neuron.threshold * 2 <= 2**23 - 1
