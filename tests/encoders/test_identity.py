"""Identity coding: what a voxel holds comes back within half a spike."""

import numpy as np
import pytest
import torch

from neurospike.encoders import Voxelizer, decode_identity, identity_coding, load_svc, save_svc
from neurospike.errors import ArgumentError, DataError

SIZE = (0.4, 0.5, 0.8)


def scan(points: int = 3000, features: int = 2, limits=None, batch_size: int = 2):
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(points, 3)) * (4, 4, 1)
    values = rng.uniform(-1, 3, (points, features))
    batch = rng.integers(0, batch_size, points)
    return Voxelizer(SIZE, limits).voxelize(cloud, values, batch, batch_size)


@pytest.mark.parametrize("max_spikes", [1, 3, 4, 15])
@pytest.mark.parametrize("limits", [None, (-4, -4, -2, 4, 4, 2)])
def test_decoding_inverts_within_half_a_spike(tmp_path, max_spikes: int, limits) -> None:
    cloud = scan(limits=limits)
    coded = identity_coding(cloud, max_spikes=max_spikes, feature_range=(-1.0, 3.0))
    save_svc(
        tmp_path / "a.svc",
        coded,
        max_spikes=max_spikes,
        voxel_size_m=cloud.voxel_size_m,
        origin=cloud.origin,
        meta={"feature_range": [-1.0, 3.0]},
    )
    decoded = decode_identity(load_svc(tmp_path / "a.svc"))
    rows = cloud.voxels.features
    half = torch.tensor(SIZE, dtype=torch.float64) / (2 * max_spikes)
    assert bool(((decoded.points - rows[:, :3]).abs() <= half + 1e-12).all())
    assert bool(((decoded.features - rows[:, 3:]).abs() <= 4 / (2 * max_spikes) + 1e-12).all())
    counts = cloud.counts.clip(max=2**max_spikes)
    factor = decoded.counts / counts
    assert float(factor.max()) <= 2**0.5 + 1e-12
    assert float(factor.min()) >= 0.5**0.5 - 1e-12
    assert torch.equal(decoded.batch, cloud.voxels.coords[:, 0].long())


def test_spikes_are_integers_of_the_announced_range() -> None:
    coded = identity_coding(scan(), max_spikes=4)
    assert coded.features.shape[1] == 6
    assert coded.features.dtype == torch.float32
    assert set(coded.features.unique().tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}


def test_features_outside_their_range_saturate() -> None:
    cloud = Voxelizer(1.0).voxelize(np.zeros((1, 3)), np.array([[-5.0, 0.5, 9.0]]))
    assert identity_coding(cloud, max_spikes=4).features.tolist() == [[0, 0, 0, 0, 2, 4, 0]]


def test_an_empty_scan_codes_to_nothing() -> None:
    coded = identity_coding(Voxelizer(1.0).voxelize(np.zeros((0, 3))))
    assert coded.features.shape == (0, 4)


def test_bad_arguments_are_named() -> None:
    cloud = scan(10)
    with pytest.raises(ArgumentError, match="max_spikes: must be 1 or more"):
        identity_coding(cloud, max_spikes=0)
    with pytest.raises(ArgumentError, match="low below high"):
        identity_coding(cloud, feature_range=(1.0, 1.0))


def test_spikes_of_a_network_have_no_inverse(tmp_path) -> None:
    coded = identity_coding(scan(10))
    save_svc(tmp_path / "a.svc", coded, max_spikes=4, voxel_size_m=SIZE, coding="checkpoint")
    with pytest.raises(DataError, match="no inverse"):
        decode_identity(load_svc(tmp_path / "a.svc"))
