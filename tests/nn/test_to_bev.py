import torch

from neurospike import nn
from neurospike.sparse import VoxelTensor
from tests.hw.networks import cloud


def test_columns_become_channels() -> None:
    x = cloud(batch=2, edge=6, voxels=40, channels=3)
    grid, seen = nn.ToDense()(x), nn.ToBEV()(x)
    assert seen.shape == (2, 18, 6, 6)
    for z in range(6):
        assert torch.equal(seen[:, z * 3 : z * 3 + 3], grid[..., z])
    assert seen.is_contiguous(memory_format=torch.channels_last)


def test_time_stays_first() -> None:
    coords = torch.tensor([[0, 1, 0, 1]], dtype=torch.int32)
    x = VoxelTensor(coords, torch.arange(6.0).reshape(3, 1, 2), (2, 2, 2), 1)
    assert nn.ToBEV()(x).shape == (3, 1, 4, 2, 2)
    assert nn.ToBEV()(x)[2, 0, :, 1, 0].tolist() == [0.0, 0.0, 4.0, 5.0]
