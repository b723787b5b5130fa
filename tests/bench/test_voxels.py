"""The voxeliser's benchmark compares equal work, and its rows say what they are."""

import numpy as np
import pytest

from neurospike.bench import voxels

# What the peers' own imports warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_peers_find_the_same_voxels() -> None:
    points = voxels.scan()
    assert points.shape == (115_200, 4)
    case = voxels.cases(points)["means, points to voxels"]
    ours, where = case.pop(voxels.OURS)()
    for name, candidate in case.items():
        if not name.startswith("numpy"):
            continue
        found, inverse, means = candidate()
        assert len(found) == len(ours.coords)
        np.testing.assert_array_equal(where[where >= 0].numpy(), inverse)
        np.testing.assert_allclose(ours.features.numpy(), means, rtol=1e-6)


def test_rows_hold_medians_and_a_ratio() -> None:
    rows = voxels.run(repeats=1)
    assert len(rows) >= 2
    for row in rows:
        assert row["ratio"] == pytest.approx(row["peer_ms"] / row["ours_ms"])
