"""Height as channels: lowered to a window with an axis more, and compared with torch."""

import pytest
import torch
from torch import nn

from neurospike.errors import UnloweredLayerError
from neurospike.hw import lower
from neurospike.hw.wiring import Window
from neurospike.nn import ILIF, LIF, SpikingSequential, SubmanifoldConv3d, ToBEV
from tests.hw.lowering.loop import assert_equal
from tests.hw.lowering.test_voxels import enliven, spiking_cloud

EDGE = 7
"""Planes of the grid of ``spiking_cloud``."""


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


class Seen(nn.Module):
    """Voxels, the map seen from above, a convolution, neurons."""

    def __init__(self, *, channels: int = 4, stride: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.conv = SubmanifoldConv3d(2, channels)
        self.fire = ILIF(3)
        self.seen = ToBEV()
        self.wide = nn.Conv2d(channels * EDGE, 5, 3, stride, padding=1, bias=bias)
        self.last = ILIF(2)

    def forward(self, x):
        return self.last(self._each(self.seen(self.fire(self.conv(x)))))

    def _each(self, maps):
        y = self.wide(maps.flatten(0, 1))
        return y.reshape(*maps.shape[:2], *y.shape[1:])


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_on_the_map(stride: int) -> None:
    model = enliven(Seen(stride=stride))
    nn.init.uniform_(model.wide.weight, -0.3, 0.3)
    nn.init.uniform_(model.wide.bias, 0.0, 1.0)
    x = spiking_cloud(60, 2)
    assert x.spatial_shape == (9, 8, EDGE)
    network = lower(model, x)
    wide = next(p for p in network.projections if p.name == "wide")
    assert wide.wiring == Window((3, 3, EDGE), (stride, stride, 1), (1, 1, 0), (1, 1, 1))
    assert wide.weight.shape == (4, 9 * EDGE, 5)
    assert network.population("last").space.shape == ((9, 8) if stride == 1 else (5, 4))
    assert_equal(network, model, x)
    assert_equal(network, model, spiking_cloud(33, 2, seed=9))


def test_only_a_convolution_reads_the_map() -> None:
    net = SpikingSequential(SubmanifoldConv3d(2, 3), LIF(2.0), ToBEV(), LIF(2.0)).double().eval()
    with pytest.raises(UnloweredLayerError, match="which only a convolution can read"):
        lower(net, spiking_cloud(40, 2))


@pytest.mark.parametrize(
    "reader",
    [
        nn.Conv2d(4 * EDGE, 8, 3, padding=1, groups=4),
        nn.Conv2d(4 * EDGE, 4 * EDGE, 3, padding=1, groups=4 * EDGE),
        nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(4 * EDGE, 5, 1)),
    ],
)
def test_groups_and_pools_cannot_read_the_map(reader: nn.Module) -> None:
    model = Seen()
    model.wide = reader
    with pytest.raises(UnloweredLayerError, match="which only a convolution can read, of a single"):
        lower(enliven(model), spiking_cloud(40, 2))
