"""Pooling by segments, as GPUs have it, against a slice for each sample."""

from typing import Any

import pytest
import torch

from neurospike.kernels.sparse.pool import pool

COUNTS = [[], [0], [1], [5, 0, 64], [0, 0, 129, 65, 1], [300]]


@pytest.mark.parametrize("mode", ["mean", "max", "sum"])
@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("steps", [None, 0, 2])
def test_values_and_gradients(steps: int | None, counts: list[int], mode: Any) -> None:
    rng = torch.Generator().manual_seed(len(counts))
    rows = (sum(counts), 3) if steps is None else (steps, sum(counts), 3)
    # Whole numbers, so that the largest one often occurs more than once.
    features = torch.randint(-4, 5, rows, generator=rng).double().requires_grad_()
    sizes = torch.tensor(counts, dtype=torch.long)
    samples = torch.arange(len(counts)).repeat_interleave(sizes).int()
    bounds = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)])
    ours = pool(features, samples, bounds, mode)
    reduce: Any = {"mean": torch.mean, "max": torch.amax, "sum": torch.sum}[mode]
    parts = features.split(counts, -2)
    pooled = [
        reduce(part if part.shape[-2] else part.new_zeros(*rows[:-2], 1, 3), -2) for part in parts
    ]
    right = torch.stack(pooled, -2) if pooled else ours * 0
    if steps == 0:
        right = ours * 0
    assert ours.shape == (*rows[:-2], len(counts), 3)
    torch.testing.assert_close(ours, right, rtol=1e-12, atol=0)
    weight = torch.randn(ours.shape, generator=rng).double()
    if ours.numel() and rows[-2]:
        (grad,) = torch.autograd.grad((ours * weight).sum(), features)
        (wanted,) = torch.autograd.grad((right * weight).sum(), features)
        torch.testing.assert_close(grad, wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_added_up_in_float32(dtype: torch.dtype) -> None:
    features = torch.full((1000, 1), 1.0, dtype=dtype)
    bounds = torch.tensor([0, 1000])
    samples = torch.zeros(1000, dtype=torch.int32)
    assert pool(features, samples, bounds, "sum").item() == 1000
    assert pool(features, samples, bounds, "mean").dtype == dtype


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_mean_of_more_voxels_than_half_precision_counts(dtype: torch.dtype) -> None:
    rows = 70_000
    features = torch.ones(rows + 1, 1, dtype=dtype, requires_grad=True)
    samples = torch.zeros(rows + 1, dtype=torch.int32)
    samples[-1] = 1
    pooled = pool(features, samples, torch.tensor([0, rows, rows + 1]), "mean")
    (grad,) = torch.autograd.grad(pooled, features, torch.full_like(pooled, 64.0))
    assert grad[0].item() == pytest.approx(64 / rows, rel=4e-3)
    assert grad[-1].item() == 64
