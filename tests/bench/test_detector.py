"""The detector's bench: both backbones are one network, and every part is timed."""

import pytest
import torch

from neurospike.bench import detector, spconv_peer
from neurospike.bench.detector import BackboneTwin, profile
from neurospike.models import e3dsnn_detector
from neurospike.models.detection.voxel_backbone import VoxelBackbone
from neurospike.sparse import ActiveSet, VoxelTensor


def test_the_twin_has_as_many_weights_and_voxels() -> None:
    pytest.importorskip("spconv")
    mine = VoxelBackbone(4, 16, (32, 64, 64), 128, blocks=2, steps=1, max_spikes=4)
    twin = BackboneTwin()
    assert sum(p.numel() for p in mine.parameters()) == sum(p.numel() for p in twin.parameters())
    keys = torch.randperm(64 * 64 * 41, generator=torch.Generator().manual_seed(0))[:500]
    keys = keys.sort().values
    coords = torch.stack([0 * keys, keys // (64 * 41), keys // 41 % 64, keys % 41], 1).int()
    active, features = ActiveSet(coords, (64, 64, 41), 1), torch.rand(500, 4)
    spikes, *_ = mine(VoxelTensor.on(active, features), (64, 64, 41))
    theirs = twin(spconv_peer.tensor(active, features))
    assert spikes.spatial_shape == tuple(theirs.spatial_shape) == (8, 8, 2)
    assert len(spikes.coords) == len(theirs.indices)


def test_parts_make_the_whole() -> None:
    model = e3dsnn_detector(stem=4, channels=(4, 4, 4), blocks=1, bev_layers=(0, 0)).eval()
    taken = profile(model, 1)
    whole = taken.pop(detector.WHOLE).median_s
    assert {"voxels", "stage 1", "bird's-eye view", "head", "boxes"} <= set(taken)
    assert 0 < sum(timing.best_s for timing in taken.values()) <= whole
