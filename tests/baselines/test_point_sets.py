"""Neighbours and samples equal slow loops, at awkward sizes too."""

import pytest
import torch
from torch import Tensor, nn

from neurospike.baselines.point_sets import (
    check_points,
    farthest_points,
    gather_points,
    nearest_points,
    over_rows,
    squared_distances,
)
from neurospike.errors import ArgumentError


def cloud(batch: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(batch, count, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 1), (3, 4, 17)])
def test_distances_equal_a_loop(shape: tuple[int, int, int]) -> None:
    batch, left, right = shape
    a, b = cloud(batch, left), cloud(batch, right)
    found = squared_distances(a, b.mT)
    for i in range(batch):
        for j in range(left):
            for k in range(right):
                assert found[i, j, k].item() == pytest.approx(((a[i, j] - b[i, k]) ** 2).sum())


def test_distances_are_exact_far_from_the_origin() -> None:
    near = torch.tensor([[0.0, 0.0, 0.0], [0.25, 0.0, 0.0]])
    far = near + 1e4
    assert torch.equal(squared_distances(near, near.mT), squared_distances(far, far.mT))


@pytest.mark.parametrize(("count", "wanted"), [(1, 4), (4, 4), (9, 4), (30, 1)])
def test_neighbours_equal_a_full_sort(count: int, wanted: int) -> None:
    points = cloud(2, count)
    found = nearest_points(points, points, wanted)
    assert found.shape == (2, count, min(wanted, count))
    for i in range(2):
        for j in range(count):
            apart = ((points[i] - points[i, j]) ** 2).sum(-1)
            assert torch.equal(found[i, j], apart.argsort()[: min(wanted, count)])


@pytest.mark.parametrize(("count", "wanted"), [(1, 1), (5, 5), (40, 7)])
def test_samples_equal_a_loop(count: int, wanted: int) -> None:
    points = cloud(3, count)
    found = farthest_points(points, wanted)
    for i in range(3):
        chosen = [0]
        while len(chosen) < wanted:
            apart = [min(float(((p - points[i, c]) ** 2).sum()) for c in chosen) for p in points[i]]
            chosen.append(max(range(count), key=apart.__getitem__))
        assert found[i].tolist() == chosen
        assert len(set(chosen)) == wanted


def test_samples_of_equal_points_end() -> None:
    assert torch.equal(farthest_points(torch.zeros(1, 4, 3), 3), torch.zeros(1, 3).long())


def test_gathering_equals_indexing_and_passes_slopes_on() -> None:
    x = cloud(2, 6).requires_grad_()
    index = torch.tensor([[[0, 5], [5, 5]], [[1, 2], [3, 3]]])
    found = gather_points(x, index)
    assert torch.equal(found, torch.stack([x[i][index[i]] for i in range(2)]))
    found.sum().backward()
    uses = torch.tensor([[1.0, 0, 0, 0, 0, 3], [0, 1, 1, 2, 0, 0]])
    assert torch.equal(x.grad, uses[:, :, None].expand(2, 6, 3).double())


def test_a_norm_over_rows_sees_every_point_of_every_cloud() -> None:
    norm = nn.BatchNorm1d(3).double()
    x = cloud(4, 5)
    out = over_rows(norm, x)
    assert out.shape == x.shape
    torch.testing.assert_close(out.mean(dim=(0, 1)), torch.zeros(3).double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 6), (2, 0, 6), (2, 6, 5), (1, 2, 5, 6)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"net\.x: must be points \(B, N, 6\)"):
        check_points("net", torch.zeros(shape), 6)
