"""SANA-FE's gesture network emulated from its own weights: every neuron's spikes, every total."""

import json
from pathlib import Path

import numpy as np
import pytest

from neurospike.bench import sanafe_peer
from neurospike.hw import emulate, price

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sanafe_dvs100"

pytestmark = pytest.mark.real
sanafe = pytest.importorskip("sanafe", reason="SANA-FE is not installed")


@pytest.fixture(scope="module")
def trace():
    network = sanafe_peer.gesture_network(sanafe_peer.gesture_arrays())
    return emulate(network, None, sanafe_peer.gesture_placement(), schedule="pipelined")


@pytest.mark.skipif(not DATA.is_dir(), reason="needs shared/data/sanafe_dvs100")
def test_recorded_counts(trace) -> None:
    recorded = np.load(DATA / "counts.npz")
    expected = json.loads((DATA / "expected.json").read_text())
    for index, population in enumerate(trace.network.populations):
        channels = population.space.channels
        counts = trace.spikes[population.name].sum(0)
        cores = trace.placement.core[population.name]
        np.testing.assert_array_equal(
            sanafe_peer.by_channel(counts, channels), recorded[f"counts{index}"]
        )
        np.testing.assert_array_equal(
            sanafe_peer.by_channel(cores, channels), recorded[f"core{index}"]
        )
    assert trace.rows == expected["timesteps_executed"] == 100
    assert trace.total("fired") == expected["neurons_fired"] == 29252
    assert trace.total("synops") == expected["spikes"] == 4172959
    assert trace.total("updates") == expected["neurons_updated"] == 919404
    assert trace.total("packets") == expected["packets_sent"] == 198161
    assert trace.total("hops_x") == expected["hops_x"] == 146279
    assert trace.total("hops_y") == expected["hops_y"] == 230885
    report = price(trace, "loihi1_sanafe")
    for part, energy in report.by_group().items():
        assert 1e-12 * energy.nominal == pytest.approx(expected["energy"][part], rel=1e-12)
    assert 1e-12 * report.energy_pj.nominal == pytest.approx(2.890621195e-4, rel=1e-12)
    # Its simple timing lets a core's neurons and synapses work at once: the low end.
    assert report.latency_s.low == pytest.approx(expected["sim_time"], rel=1e-12)
    assert report.latency_s.nominal > report.latency_s.low


def test_integers_give_the_same_spikes(trace) -> None:
    whole = emulate(trace.network, None, quantise=(10, 24), schedule="pipelined")
    assert whole.network.quantised.errors["conv1"].rms == 0
    for name, spikes in trace.spikes.items():
        np.testing.assert_array_equal(whole.spikes[name], spikes, err_msg=name)
    assert whole.total("saturations") == 0
