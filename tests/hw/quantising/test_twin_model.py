"""The integer twin against the slow emulator, on networks lowered by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from neurospike.errors import ArgumentError, StateError
from neurospike.hw.emulation.reference import run
from neurospike.hw.neuron_models import CubaModel
from neurospike.hw.pairs import pairs_of
from neurospike.hw.quantising import integer_twin, quantise, to_grid
from neurospike.hw.recording import record
from neurospike.hw.sites import active_sets, site_count
from neurospike.nn import LIF, CubaLIF
from tests.hw.networks import cloud
from tests.hw.quantising.models import (
    Residual,
    delay_model,
    delay_network,
    lif_model,
    residual_network,
    shake,
)


def emulated(network, values, steps, sets=()):
    sets = list(sets)
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    sites = {p.name: site_count(p.space, sets) for p in network.populations}
    return run(network, {"input": values}, pairs, sites=sites, steps=steps)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("bits", [(4, 16), (8, 24)])
def test_residual_block_on_voxels(steps, bits):
    torch.manual_seed(0)
    model = shake(Residual(steps))
    x = cloud(2, voxels=25, edge=4, batch=1)
    whole = quantise(residual_network(model, x.spatial_shape), bits)
    twin = integer_twin(model, whole)
    sent, output = record(twin, whole, x.replace(x.features.double()))
    inputs = to_grid(x.features.numpy(), whole.quantised.input_scale["input"])
    values = np.zeros((steps, inputs.size), np.int64)
    values[0] = inputs.reshape(-1)
    found = emulated(whole, values, steps, active_sets(whole, x))
    for name in ("first", "second"):
        assert 0 < (sent[name] > 0).mean() < 1
        np.testing.assert_array_equal(found.spikes[name], sent[name])
    logits = found.spikes["out"] * whole.quantised.scale["out"]
    np.testing.assert_array_equal(logits, output.features.reshape(steps, -1).numpy())
    assert sum(int(s.sum()) for s in found.saturations.values()) == 0


NEURONS = {
    "lif": lambda: LIF(2.0, learnable_tau=True),
    "soft": lambda: LIF(3.0, threshold=0.7, reset="soft", decay_input=True),
    "reset": lambda: LIF(1.7, threshold=0.5, v_reset=-0.25),
    "cuba": lambda: CubaLIF(2.0, 5.0, threshold=0.8),
    "cuba soft": lambda: CubaLIF(1.5, 3.0, reset="soft"),
}


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("recurrent", [False, True])
def test_delays_recurrence_and_a_readout(name, recurrent):
    neuron = NEURONS[name]()
    model = delay_model(recurrent=recurrent, neuron=neuron)
    if isinstance(neuron, CubaLIF):
        own = CubaModel(
            {
                "keep_syn": 1 - 1 / neuron.tau_syn,
                "keep_mem": 1 - 1 / neuron.tau_mem,
                "threshold": neuron.threshold,
                "soft": int(neuron.rule.reset == "soft"),
                "scale": 0,
            }
        )
    else:
        own = lif_model(neuron)
    whole = quantise(delay_network(model, own), (8, 24))
    twin = integer_twin(model, whole)
    x = torch.randint(0, 2, (12, 1, 5), generator=torch.Generator().manual_seed(1)).double()
    sent, output = record(twin, whole, x)
    found = emulated(whole, x[:, 0].numpy().astype(np.int32), len(x))
    cells = whole.populations[1].name
    assert 0 < sent[cells].mean() < 1
    np.testing.assert_array_equal(found.spikes[cells], sent[cells])
    np.testing.assert_array_equal(found.spikes["4"] * whole.quantised.scale["4"], sent["4"])
    np.testing.assert_array_equal(output[:, 0].numpy(), sent["4"])


def test_twin_stays_near_the_model():
    model = delay_model()
    whole = quantise(delay_network(model, lif_model(model[2])), (16, 32))
    x = (torch.rand(12, 1, 5, generator=torch.Generator().manual_seed(2)) < 0.4).float()
    with torch.no_grad():
        expected = model(x)
        found = integer_twin(model, whole)(x.double())
    assert float((found - expected).abs().max()) < 0.01 * float(expected.abs().max())


def test_the_model_itself_is_untouched():
    model = delay_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    integer_twin(model, quantise(delay_network(model, lif_model(model[2])), (8, 24)))
    assert isinstance(model[2], LIF)
    assert isinstance(model[1], nn.BatchNorm1d)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_refusals():
    model = delay_model()
    network = delay_network(model, lif_model(model[2]))
    with pytest.raises(ArgumentError, match="must be quantised"):
        integer_twin(model, network)
    whole = quantise(network, (8, 24))
    with pytest.raises(ArgumentError, match="must have a layer at '2'"):
        integer_twin(nn.Sequential(nn.Linear(2, 2)), whole)
    with pytest.raises(ArgumentError, match="must have neurons at 2"):
        integer_twin(model[:2].append(nn.Linear(7, 7)).append(model[3]).append(model[4]), whole)
    twin = integer_twin(model, whole)
    with pytest.raises(StateError, match="whole multiples"):
        twin(torch.rand(4, 1, 5, dtype=torch.float64))
