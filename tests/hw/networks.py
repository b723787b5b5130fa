"""Small layers that the tests of counting share."""

import torch

from neurospike import nn as snn
from neurospike.sparse import VoxelTensor


class Relay(snn.Stateful):
    """Sends on what it gets: its output is spikes because of where it comes from."""

    emits_spikes = True

    def forward(self, x):
        return x

    def init_state(self, example):
        return ()

    def step(self, x, state):
        return x, state


def cloud(channels=1, *, voxels=40, edge=6, batch=2, seed=0, spikes=None, steps=None):
    """Random voxels; integer features 0..spikes, or normal ones."""
    g = torch.Generator().manual_seed(seed)
    rows = torch.randint(0, edge, (voxels, 3), generator=g)
    samples = torch.randint(0, batch, (voxels, 1), generator=g)
    coords = torch.unique(torch.cat([samples, rows], 1), dim=0).int()
    shape = (len(coords), channels) if steps is None else (steps, len(coords), channels)
    features = (
        torch.randn(shape, generator=g)
        if spikes is None
        else torch.randint(0, spikes + 1, shape, generator=g).float()
    )
    return VoxelTensor(coords, features, (edge,) * 3, batch)
