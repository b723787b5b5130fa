import pytest
import torch

from neurospike import hw, nn
from neurospike.errors import ArgumentError
from neurospike.sparse import VoxelTensor


def test_it_computes_what_an_integer_neuron_does_in_its_first_step() -> None:
    u = torch.linspace(-2.0, 7.0, 181)
    assert torch.equal(nn.QuantisedReLU(4, ceiling=4.0)(u), nn.ILIF(4)(u[None])[0])


def test_levels_are_evenly_spaced_and_reached() -> None:
    found = nn.QuantisedReLU(15)(torch.linspace(-1.0, 6.0, 4001)).unique()
    torch.testing.assert_close(found, torch.arange(16) * (4.0 / 15))


def test_the_gradient_is_that_of_the_range() -> None:
    x = torch.tensor([-1.0, 0.1, 2.0, 3.9, 5.0], requires_grad=True)
    nn.QuantisedReLU(8)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


def test_voxels_keep_their_set_and_it_streams_without_a_state() -> None:
    coords = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.int32)
    x = VoxelTensor(coords, torch.tensor([[-1.0], [3.1]]), (2, 2, 2), 1)
    layer = nn.QuantisedReLU(4)
    y, state = layer.step(x, layer.init_state(x))
    assert y.active is x.active
    assert y.features.flatten().tolist() == [0.0, 3.0]
    assert state == ()


def test_its_outputs_are_numbers_not_events() -> None:
    net = torch.nn.Sequential(nn.QuantisedReLU(4), torch.nn.Linear(5, 2, bias=False))
    counted = hw.count(net, torch.randn(3, 5))
    assert (counted.macs, counted.synops) == (10.0, 0.0)


@pytest.mark.parametrize(("levels", "ceiling"), [(0, 4.0), (1.5, 4.0), (4, 0.0)])
def test_bad_arguments_are_named(levels: int, ceiling: float) -> None:
    with pytest.raises(ArgumentError, match=r"QuantisedReLU\.(levels|ceiling): must be"):
        nn.QuantisedReLU(levels, ceiling)
