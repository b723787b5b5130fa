"""E-3DSNN-T on a full LiDAR frame: millions of neurons on the cores of many chips."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike import models
from neurospike.hw import load_chip, lower, place, replay
from neurospike.hw.neuron_models import Source
from neurospike.sparse import VoxelTensor

SCANS = Path(__file__).resolve().parents[3] / "shared" / "data" / "kitti"
LOW, HIGH, SIZE = (0.0, -40.0, -3.0), (70.4, 40.0, 1.0), (0.05, 0.05, 0.1)
FRAMES = sorted(SCANS.rglob("velodyne/*.bin"))[:1]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FRAMES, reason="needs shared/data/kitti"),
]


@cache
def network_and_frame():
    points = np.fromfile(FRAMES[0], np.float32).reshape(-1, 4).astype(np.float64)
    inside = ((points[:, :3] >= LOW) & (points[:, :3] < HIGH)).all(1)
    cells = np.floor((points[inside, :3] - LOW) / SIZE).astype(np.int64)
    cells = np.unique(np.minimum(cells, (1407, 1599, 39)), axis=0)
    coords = torch.from_numpy(np.pad(cells, ((0, 0), (1, 0))))
    features = torch.randn(len(cells), 6, generator=torch.Generator().manual_seed(0))
    x = VoxelTensor(coords, features, (1408, 1600, 40), batch_size=1)
    torch.manual_seed(0)
    return lower(models.e3dsnn("T").eval(), x), x


def test_every_core_keeps_to_its_limits():
    network, x = network_and_frame()
    placement = place(network, load_chip("loihi1_sanafe"), x)
    for use in placement.use.values():
        assert 0 < use.used.max() <= use.limit
    neurons = sum(len(where) for where in placement.core.values())
    assert neurons > 4_000_000
    assert placement.use["neurons_per_core"].used.sum() == neurons
    assert placement.lower_bound <= placement.cores < 1.5 * placement.lower_bound
    assert placement.chips == -(-placement.cores // 128)


def test_counts_agree_with_and_without_cores():
    network, x = network_and_frame()
    placement = place(network, load_chip("loihi1_sanafe"), x)
    rng = np.random.default_rng(0)
    spikes = {
        p.name: rng.integers(0, 5, (1, len(placement.core[p.name]))).astype(np.int32)
        for p in network.populations
        if not isinstance(p.neuron, Source)
    }
    placed, bare = replay(network, spikes, placement, inputs=x), replay(network, spikes, inputs=x)
    for count in ("events", "addresses", "hits", "synops", "index_reads"):
        assert placed.total(count) == bare.total(count) > 0
    for projection in network.projections:
        by_core = placed.cores[projection.name]
        of_all = placed.projections[projection.name]
        total = of_all["synops"] + of_all["macs"]
        assert np.array_equal(by_core["synops"].sum(1), total)
        assert np.array_equal(by_core["packets_in"].sum(1), of_all["packets"])
