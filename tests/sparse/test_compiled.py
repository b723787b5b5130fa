"""Kernel maps where torch records graphs: built outside of them, read inside."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.sparse import VoxelTensor


@pytest.fixture(autouse=True)
def graphs_are_forgotten() -> Iterator[None]:
    yield
    torch._dynamo.reset()


@torch.no_grad()  # dynamo looks at gradients between graphs, and torch warns of that
def test_maps_are_built_outside_of_a_graph_and_found_inside() -> None:
    torch.manual_seed(0)
    layer = nn.SparseConv3d(3, 5, kernel_size=2, stride=2)
    coords = (torch.rand(2, 6, 5, 4) < 0.3).nonzero().int()
    features = torch.randn(len(coords), 3)

    def net(x: VoxelTensor) -> Tensor:
        y: Tensor = layer(x).features
        return y

    def cloud() -> VoxelTensor:
        return VoxelTensor(coords, features, (6, 5, 4), 2)

    known = cloud()
    right = net(known)
    torch.testing.assert_close(torch.compile(net, backend="eager")(cloud()), right)
    # Maps that are there already leave the graph whole.
    whole = torch.compile(net, backend="eager", fullgraph=True)
    torch.testing.assert_close(whole(known), right)
