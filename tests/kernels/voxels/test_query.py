"""The largest values near a cell: the kernel beside its oracle, values and gradients."""

import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.kernels.voxels.query_reference import neighbourhood_max
from neurospike.models.detection.voxel_query import VoxelQuery, _Max, _MaxOnDevice
from neurospike.sparse import VoxelTensor

SHAPE = (5, 7, 3)


def cloud(voxels: int, channels: int, *, samples: int = 2, steps: int | None = None) -> VoxelTensor:
    """So many voxels anywhere on the grids of a batch."""
    rng = torch.Generator().manual_seed(voxels + channels)
    cells = samples * SHAPE[0] * SHAPE[1] * SHAPE[2]
    keys = torch.randperm(cells, generator=rng)[:voxels].sort().values
    coords = torch.stack(torch.unravel_index(keys, (samples, *SHAPE)), 1).int()
    rows = (voxels, channels) if steps is None else (steps, voxels, channels)
    return VoxelTensor(coords, torch.randn(rows, generator=rng).double(), SHAPE, samples)


def anywhere(count: int, *, samples: int = 2) -> torch.Tensor:
    """Cells on the grids and around them."""
    rng = torch.Generator().manual_seed(count)
    rows = [torch.randint(0, samples, (count,), generator=rng)]
    rows += [torch.randint(-3, edge + 3, (count,), generator=rng) for edge in SHAPE]
    return torch.stack(rows, 1)


@pytest.mark.parametrize("voxels", [0, 1, 63])
@pytest.mark.parametrize("channels", [1, 3, 17])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_kernel_equals_the_oracle(voxels: int, channels: int, reach: int) -> None:
    x, cells = cloud(voxels, channels), anywhere(41)
    x.features.requires_grad_(True)
    pooled, found = VoxelQuery(reach)(x, cells)
    weight = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(0)).double()
    (got,) = torch.autograd.grad((pooled * weight).sum(), x.features)
    wanted, there = neighbourhood_max(x.features, x.coords, cells, reach=reach)
    assert torch.equal(pooled, wanted)
    assert torch.equal(found, there)
    nothing = 0.0 * x.features.sum()  # no voxel may be near any cell
    (expected,) = torch.autograd.grad((wanted * weight).sum() + nothing, x.features)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("voxels", [0, 1, 63])
@pytest.mark.parametrize("channels", [1, 17])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_the_way_of_gpus_has_the_same_bits(voxels: int, channels: int, reach: int) -> None:
    x, cells = cloud(voxels, channels), anywhere(41)
    values = x.features.mul(2).round().requires_grad_()  # some are equal
    grads = []
    for way in (_Max, _MaxOnDevice):
        pooled, found = way.apply(values, x, cells, reach)  # type: ignore[no-untyped-call]
        weight = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(0)).double()
        (grad,) = torch.autograd.grad((pooled * weight).sum(), values)
        grads.append((pooled, found, grad))
    for one, other in zip(*grads, strict=True):
        assert torch.equal(one, other)


def test_no_cells_give_no_rows() -> None:
    pooled, found = VoxelQuery(2)(cloud(9, 3), anywhere(0))
    assert pooled.shape == (0, 3)
    assert found.shape == (0,)


def test_equal_values_send_their_gradient_to_the_first_row() -> None:
    x = cloud(63, 2).replace(torch.ones(63, 2, requires_grad=True))
    pooled, found = VoxelQuery(1)(x, x.coords.long())
    pooled.sum().backward()
    assert bool(found.all())
    assert x.features.grad is not None
    assert x.features.grad.sum().item() == 63 * 2


def test_time_steps_are_pooled_apart() -> None:
    x, cells = cloud(40, 3, steps=2), anywhere(15)
    pooled, _ = VoxelQuery(2)(x, cells)
    for step in range(2):
        alone, _ = VoxelQuery(2)(x.replace(x.features[step]), cells)
        assert torch.equal(pooled[step], alone)


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="reach: must be 0 or more"):
        VoxelQuery(-1)
    with pytest.raises(ArgumentError, match=r"cells: must be integers \(P, 4\)"):
        VoxelQuery(1)(cloud(3, 1), torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ArgumentError, match=r"got torch\.float32"):
        VoxelQuery(1)(cloud(3, 1), torch.zeros(2, 4))
