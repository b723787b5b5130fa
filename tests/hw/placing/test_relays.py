"""Delays split by relays: the same spikes, within the chip's delays."""

import numpy as np
import pytest

from neurospike.errors import ArgumentError, ChipLimitError
from neurospike.hw import contest, emulate, load_chip, place, quantise, relay_delays
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import ILIFModel, LIFModel, Source
from neurospike.hw.wiring import Taps
from tests.hw.placing.chips import shrunk


def net(longest, *, recurrent=True, real=False, neuron=None, extra=0):
    rng = np.random.default_rng(0)
    neuron = neuron or LIFModel(decay=0.5, threshold=1.0)

    def layer(name, source, target, shape, least=0):
        delay = rng.integers(least, longest + 1, shape).astype(np.int32)
        delay.flat[0] = longest
        # Dyadic weights: sums do not depend on their order.
        weight = rng.integers(-32, 64, shape) / 64
        return Projection(name, source, target, Taps(shape[1]), weight, delay=delay)

    projections = [layer("fc", "in", "h", (5, 2, 6)), layer("out", "h", "o", (6, 1, 3))]
    if recurrent:
        projections.append(layer("back", "h", "h", (6, 1, 6), least=1))
    return Network(
        (
            Population("in", Space(5), Source(real=real)),
            Population("h", Space(6), neuron, extra_steps=extra),
            Population("o", Space(3), neuron, extra_steps=extra),
        ),
        tuple(projections),
    )


@pytest.mark.parametrize("limit", [1, 3, 8])
@pytest.mark.parametrize("neuron", [None, ILIFModel(max_spikes=3, beta=0.25)])
@pytest.mark.parametrize("extra", [0, 4])
def test_relays_change_no_spike(limit, neuron, extra):
    network = net(8, neuron=neuron, extra=extra)
    chip = shrunk(max_delay=limit)
    relayed = relay_delays(network, chip)
    assert all(p.max_delay <= limit for p in relayed.projections)
    assert (relayed is network) == (limit >= 8)
    x = np.random.default_rng(1).random((20, 1, 5)) < 0.4
    before, after = emulate(network, x.astype(float)), emulate(relayed, x.astype(float))
    for name in ("h", "o"):
        assert before.spikes[name].any()
        assert np.array_equal(before.spikes[name], after.spikes[name])
    assert place(relayed, chip).cores > 0
    if limit < 8:
        with pytest.raises(ChipLimitError, match="relay_delays"):
            place(network, chip)


@pytest.mark.parametrize("neuron", [None, ILIFModel(max_spikes=3, beta=0.25)])
def test_relays_add_no_rows_and_change_no_kind_of_event(neuron):
    network = net(8, neuron=neuron)
    relayed = relay_delays(network, shrunk(max_delay=3))
    x = (np.random.default_rng(1).random((20, 1, 5)) < 0.4).astype(float)
    for mode in ("unary", "graded"):
        before, after = emulate(network, x, mode=mode), emulate(relayed, x, mode=mode)
        assert (before.rows, before.depth) == (after.rows, after.depth)
        # The first layer and its relays pass on ones, which multiply nothing.
        assert (
            sum(
                int(after.projections[p.name]["graded_synops"].sum())
                for p in relayed.projections
                if p.name.startswith(("fc", "in"))
            )
            == 0
        )
    assert contest(emulate(relayed, x)).density < 1
    whole = quantise(network, (8, 24))
    split = emulate(relay_delays(whole, shrunk(max_delay=3)), x)
    assert np.array_equal(emulate(whole, x).spikes["o"], split.spikes["o"])


def test_what_cannot_be_relayed():
    with pytest.raises(ArgumentError, match="must send spikes; 'fc'"):
        relay_delays(net(9, recurrent=False, real=True), shrunk(max_delay=4))
    with pytest.raises(ChipLimitError, match="no delays"):
        relay_delays(net(2), load_chip("odin"))
