"""Unary events go only where somebody sums them before the next bias and neuron."""

import pytest
import torch

from neurospike import encoders, nn
from neurospike.errors import ArgumentError


def layers() -> list[torch.nn.Module]:
    return [torch.nn.Linear(3, 8), nn.ILIF(), torch.nn.Linear(8, 2)]


def test_a_plain_container_refuses_dense_events() -> None:
    net = nn.spike_mode(torch.nn.Sequential(*layers()), "unary")
    with pytest.raises(ArgumentError, match="needs a SpikingSequential around it"):
        net(torch.randn(3, 2, 3))
    nn.spike_mode(net, "integer")
    assert net(torch.randn(3, 2, 3)).shape == (3, 2, 2)


def test_a_spiking_container_inside_a_plain_one_sums_them() -> None:
    net = torch.nn.Sequential(nn.SpikingSequential(*layers()), torch.nn.Identity()).eval()
    x = torch.randn(3, 2, 3)
    integer = net(x)
    torch.testing.assert_close(nn.spike_mode(net, "unary")(x), integer)


def test_a_neuron_alone_sends_them() -> None:
    assert nn.spike_mode(nn.ILIF(4), "unary")(torch.rand(3, 2)).shape == (12, 2)


def test_states_by_shape() -> None:
    stem = encoders.SpikeVoxelCoding(4, 8)
    assert [tuple(part.shape) for part in stem.init_state((94, 4))] == [(94, 8)] * 3
    chain = nn.SpikingSequential(nn.SubmanifoldConv3d(3, 4), nn.ILIF())
    with pytest.raises(ArgumentError, match="Give one step's VoxelTensor"):
        chain.init_state((94, 3))
