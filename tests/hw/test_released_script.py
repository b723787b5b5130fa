"""The energy script that E-3DSNN's authors released, and what it leaves out.

The script asks for the pairs of layers by names; those of the stem alone exist when it asks, so
its total holds the three convolutions of the stem, each as if it had as many inputs as outputs.
"""

import pytest
import torch
from torch import nn

from neurospike import hw, models
from neurospike.sparse import VoxelTensor

POINTS, EDGE, PJ_PER_FLOP = 9830, 64, 4.6
PUBLISHED_FLOP, PUBLISHED_MJ = 2.92e7, 0.13432


@pytest.fixture(scope="module")
def cloud() -> VoxelTensor:
    seeded = torch.Generator().manual_seed(0)
    index = torch.randperm(EDGE**3, generator=seeded)[:POINTS].sort().values
    columns = [torch.zeros_like(index), index // EDGE**2, index // EDGE % EDGE, index % EDGE]
    features = torch.randn(POINTS, 6, generator=seeded)
    return VoxelTensor(torch.stack(columns, 1).int(), features, (EDGE, EDGE, EDGE), 1)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return models.e3dsnn("T", num_classes=40, in_features=6)


def script_flop(model: nn.Module, cloud: VoxelTensor) -> int:
    """2 * pairs * 16 * 16 less one a voxel, three times."""
    pairs = model.stem.convs[0].kernel_map(cloud).pairs
    return 3 * (2 * pairs * 16 * 16 - POINTS)


def test_the_script_counts_the_stem(model, cloud) -> None:
    flop = script_flop(model, cloud)
    # Its points are drawn anew in each run, with repetitions: pairs vary by some per mille.
    assert flop == pytest.approx(PUBLISHED_FLOP, rel=0.015)
    assert flop * PJ_PER_FLOP * 1e-9 == pytest.approx(PUBLISHED_MJ, rel=0.015)


def test_the_whole_network_does_far_more(model, cloud) -> None:
    whole = hw.count(hw.ann_twin(model.eval()), cloud)
    stem = sum(layer.macs for layer in whole.layers if layer.name.startswith("stem"))
    ratio = 2 * whole.macs / script_flop(model, cloud)
    assert 33 < ratio < 120
    assert stem < 0.03 * whole.macs


def test_spikes_of_the_whole_network(model, cloud) -> None:
    """With norms set to the data, as after training, so that neurons fire."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.momentum = 1.0
    with torch.no_grad():
        model.train()(cloud)
    counted = hw.count(model.eval(), cloud)
    assert counted.spike_density > 0.1
    # Event for event, the spiking network does more additions than the script has FLOP.
    assert counted.synops > 5 * PUBLISHED_FLOP
