import numpy as np
import pytest
import torch

from neurospike.encoders import RelativeVoxelizer, Voxelizer
from neurospike.errors import ArgumentError

EDGES = np.array([0.5, 0.25, 1.0])
RANGE = (-4.0, 0.0, -3.0, 4.0, 5.0, 1.0)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_features_agree_with_a_loop(count: int) -> None:
    rng = np.random.default_rng(count)
    points = rng.uniform((-4.5, -0.5, -3.5), (4.5, 5.5, 1.5), (count, 3)).astype(np.float32)
    shine = rng.random((count, 1), dtype=np.float32)
    voxels, places = RelativeVoxelizer(EDGES.tolist(), RANGE)(points, shine)
    plain, same = Voxelizer(EDGES.tolist(), RANGE)(points, shine)
    assert torch.equal(places, same)
    assert torch.equal(voxels.coords, plain.coords)
    assert voxels.spatial_shape == plain.spatial_shape == (16, 20, 4)
    assert voxels.features.shape == (len(plain.coords), 7)
    low, high = np.array(RANGE).reshape(2, 3)
    for row, cell in enumerate(voxels.coords[:, 1:].numpy()):
        mean = points[places.numpy() == row].astype(np.float64).mean(0)
        middle = low + (cell + 0.5) * EDGES
        expected = [
            *((mean - (low + high) / 2) / ((high - low) / 2)),
            *((mean - middle) / EDGES),
            shine[places.numpy() == row].mean(),
        ]
        np.testing.assert_allclose(voxels.features[row].numpy(), expected, atol=2e-5)
    assert (voxels.features[:, :3].abs() <= 1).all()
    assert (voxels.features[:, 3:6].abs() <= 0.5 + 1e-5).all()


def test_a_range_is_needed() -> None:
    with pytest.raises(ArgumentError, match=r"point_range: must be given.*got None"):
        RelativeVoxelizer(0.5, None)  # type: ignore[arg-type]
