"""Counts of SANA-FE's gesture network, from its own spikes and cores."""

import json
from pathlib import Path

import numpy as np
import pytest

from neurospike.hw import replay
from tests.hw.gesture import gesture_network, gesture_placement, gesture_spikes

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sanafe_dvs100"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs shared/data/sanafe_dvs100"),
]


def test_packets_hops_and_synaptic_operations():
    arrays = np.load(DATA / "counts.npz")
    expected = json.loads((DATA / "expected.json").read_text())
    trace = replay(gesture_network(), gesture_spikes(arrays), gesture_placement(arrays))
    assert trace.total("synops") == expected["spikes"] == 4172959
    assert trace.total("packets") == expected["packets_sent"] == 198161
    assert trace.total("hops_x") == expected["hops_x"] == 146279
    assert trace.total("hops_y") == expected["hops_y"] == 230885
    assert trace.total("spikes") == expected["neurons_fired"] == 29252
    assert trace.total("chip_crossings") == 0
