"""Energies that SANA-FE printed for its gesture network, from its own spikes and cores."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurospike import hw
from tests.hw.gesture import gesture_network, gesture_placement, gesture_spikes

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sanafe_dvs100"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs shared/data/sanafe_dvs100"),
]


def test_energies_to_the_last_digits() -> None:
    arrays = np.load(DATA / "counts.npz")
    expected = json.loads((DATA / "expected.json").read_text())
    network = gesture_network()
    # SANA-FE priced every synapse of this network as a dense one, kernels too.
    dense = tuple(replace(p, kind="dense") for p in network.projections)
    trace = hw.replay(
        replace(network, projections=dense), gesture_spikes(arrays), gesture_placement(arrays)
    )
    # The spikes of all steps stand in one row; neurons are looked at and fire in each of them,
    # and which had work is what SANA-FE counted.
    for counts in trace.populations.values():
        counts["accesses"] *= expected["timesteps_executed"]
        counts["fired"][:] = counts["spikes"]
        counts["updates"][:] = 0
    trace.populations["layer0"]["updates"][0] = expected["neurons_updated"]
    report = hw.price(trace, "loihi1_sanafe")
    joules = {name: part.nominal * 1e-12 for name, part in report.by_group().items()}
    assert joules["synapse"] == pytest.approx(expected["energy"]["synapse"], rel=1e-12)
    assert joules["soma"] == pytest.approx(expected["energy"]["soma"], rel=1e-12)
    assert joules["network"] == pytest.approx(expected["energy"]["network"], rel=1e-12)
    total = report.energy_pj.nominal * 1e-12
    assert total == pytest.approx(2.890621195e-4, rel=1e-12)
    assert report.unpriced == {"host_inputs": trace.populations["layer0"]["spikes"].sum()}
    assert report.energy_pj.evidence == "derived"
    # Pre-silicon prices of synapses are 34 % lower: a seventh of the total is not known.
    assert report.sensitive_to == "prices.synop_dense"
