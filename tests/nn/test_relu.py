import torch

from neurospike import models, nn
from neurospike.sparse import VoxelTensor


def test_voxels_keep_their_set() -> None:
    coords = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.int32)
    x = VoxelTensor(coords, torch.tensor([[-1.0], [3.0]]), (2, 2, 2), 1)
    y = nn.ReLU()(x)
    assert y.active is x.active
    assert y.features.flatten().tolist() == [0.0, 3.0]


def test_it_streams_without_a_state() -> None:
    layer = nn.ReLU()
    y, state = layer.step(torch.tensor([-2.0, 2.0]), layer.init_state((2,)))
    assert y.tolist() == [0.0, 2.0]
    assert state == ()


def test_a_network_without_spikes_has_the_same_parameters() -> None:
    torch.manual_seed(0)
    spiking = models.e3dsnn("T")
    torch.manual_seed(0)
    twin = models.without_spikes(models.e3dsnn("T"))
    assert not any(isinstance(part, nn.ILIF) for part in twin.modules())
    for own, other in zip(spiking.parameters(), twin.parameters(), strict=True):
        assert torch.equal(own, other)
