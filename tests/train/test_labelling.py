import sys

import numpy as np
import pytest
import torch

from neurospike.train.labelling import point_classes, point_scores, voxel_labels


@pytest.mark.parametrize(("points", "voxels"), [(0, 0), (1, 1), (500, 63)])
def test_a_voxel_has_the_label_of_most_of_its_points(points: int, voxels: int) -> None:
    rng = np.random.default_rng(points)
    label = rng.integers(-1, 4, points)
    places = rng.integers(-1, max(voxels, 1), points)
    found = voxel_labels(torch.from_numpy(label), torch.from_numpy(places), voxels, 4)
    expected = np.full(voxels, -1)
    for voxel in range(voxels):
        own = label[(places == voxel) & (label >= 0)]
        if len(own):
            expected[voxel] = np.bincount(own).argmax()
    assert np.array_equal(found.numpy(), expected)


def batch(points: np.ndarray, owner: list[int], places: list[int]) -> dict[str, torch.Tensor]:
    return {
        "points": torch.from_numpy(points.astype(np.float32)),
        "batch": torch.tensor(owner),
        "point_to_voxel": torch.tensor(places),
    }


def test_points_without_a_voxel_take_the_nearest_of_their_own_scan() -> None:
    points = np.zeros((7, 4))
    points[:, 0] = [0, 1, 10, 9, 0.4, 30, 10]
    points[6, 1] = np.nan
    given = batch(points, [0, 0, 0, 0, 0, 1, 0], [0, 0, 1, -1, -1, -1, -1])
    logits = torch.tensor([[5.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    scores = point_scores(logits, given["point_to_voxel"])
    found = point_classes(scores, given)
    # The scan of the last but one has no voxel, and the last one is not finite.
    assert found.tolist() == [0, 0, 2, 2, 0, -1, -1]


def test_scores_are_those_of_the_voxel() -> None:
    logits = torch.randn(3, 4)
    scores = point_scores(logits, torch.tensor([2, -1, 0, 2]))
    torch.testing.assert_close(scores[0], logits[2].softmax(0))
    assert torch.equal(scores[1], torch.zeros(4))
    assert torch.equal(scores[0], scores[3])
    assert point_scores(torch.zeros(0, 4), torch.tensor([-1])).tolist() == [[0.0] * 4]


@pytest.mark.parametrize("with_scipy", [True, False])
def test_nearest_agrees_with_a_loop(with_scipy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if with_scipy:
        pytest.importorskip("scipy.spatial")
    else:
        monkeypatch.setitem(sys.modules, "scipy.spatial", None)
    rng = np.random.default_rng(0)
    # Far from zero, where squares of coordinates hide the differences of distances.
    points = np.round(rng.uniform(-10, 10, (300, 4)), 3)
    points[:, 0] += 3000
    places = np.full(300, -1)
    places[:80] = rng.integers(0, 40, 80)
    given = batch(points, [0] * 300, places.tolist())
    logits = torch.from_numpy(rng.normal(size=(40, 5)).astype(np.float32))
    found = point_classes(point_scores(logits, given["point_to_voxel"]), given).numpy()
    exact = points.astype(np.float32).astype(np.float64)
    _, first = np.unique(places[:80], return_index=True)
    for row in range(80, 300):
        distances = np.linalg.norm(exact[first, :3] - exact[row, :3], axis=1)
        assert found[row] == found[first[distances.argmin()]]
