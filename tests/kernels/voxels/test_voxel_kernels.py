"""The numba kernels against the torch oracle, bit for bit, at awkward sizes."""

import numpy as np
import pytest
import torch

from neurospike.kernels.voxels import numba as fast
from neurospike.kernels.voxels import reference as slow

SHAPE = (5, 4, 3)
NO_BATCH = np.empty(0, np.int64)


def cloud(rows: int, channels: int, dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(1.0, 1.5, (rows, channels)).astype(dtype)
    if rows > 10:
        values[3, 0], values[7, -1], values[9, 1] = np.nan, np.inf, -np.inf
    return values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [3, 4, 17])
@pytest.mark.parametrize("rows", [0, 1, 63, 1000])
def test_kernels_match_the_oracle(rows: int, channels: int, dtype: str) -> None:
    values = cloud(rows, channels, dtype)
    batch = np.random.default_rng(1).integers(0, 3, rows)
    t_values, t_batch = torch.from_numpy(values), torch.from_numpy(batch)

    low, high = fast.sample_bounds(values, batch, 4)
    for ours, oracle in zip((low, high), slow.sample_bounds(t_values, t_batch, 4), strict=True):
        np.testing.assert_array_equal(ours, oracle.numpy())

    origin = np.tile([-1.0, -0.5, 0.0], (4, 1))
    top, size = np.array([4.0, 3.5, 2.4]), np.array([1.0, 1.0, 0.8])
    keys, rejected = fast.point_keys(values, batch, origin, top, size, np.array(SHAPE))
    oracle = slow.point_keys(
        t_values, t_batch, torch.tensor(origin), torch.tensor(top), torch.tensor(size), SHAPE
    )
    np.testing.assert_array_equal(keys, oracle.numpy())
    assert rejected == int((oracle == slow.REJECTED).sum()) == (3 if rows > 10 else 0)

    grouped = fast.group(keys, (4 * 60 - 1).bit_length())
    for ours, theirs in zip(grouped, slow.group(torch.from_numpy(keys)), strict=True):
        np.testing.assert_array_equal(ours, theirs.numpy())

    _, order, starts, _ = grouped
    t_order, t_starts = torch.from_numpy(order), torch.from_numpy(starts)
    means = np.empty((len(starts) - 1, channels), dtype)
    fast.segment_mean(values, order, starts, means)
    expected = slow.segment_mean(t_values, t_order, t_starts, torch.from_numpy(means).dtype)
    np.testing.assert_array_equal(means, expected.numpy())
    for seed in (0, 1, 2**63 - 1):
        picks = fast.segment_random(order, starts, seed)
        np.testing.assert_array_equal(picks, slow.segment_random(t_order, t_starts, seed).numpy())


@pytest.mark.parametrize("bits", [1, 11, 12, 40, 62])
def test_group_sorts_keys_of_any_width(bits: int) -> None:
    keys = np.random.default_rng(bits).integers(-2, 2**bits, 500)
    for ours, oracle in zip(
        fast.group(keys, bits), slow.group(torch.from_numpy(keys)), strict=True
    ):
        np.testing.assert_array_equal(ours, oracle.numpy())


def test_unravel_inverts_the_row_major_key() -> None:
    coords = np.stack(np.unravel_index(np.arange(2 * 60), (2, *SHAPE)), axis=1)
    np.testing.assert_array_equal(fast.unravel(np.arange(2 * 60), np.array(SHAPE)), coords)


def test_an_empty_batch_array_means_sample_zero() -> None:
    values = cloud(63, 3, "float32")
    for ours, named in zip(
        fast.sample_bounds(values, NO_BATCH, 1),
        fast.sample_bounds(values, np.zeros(63, np.int64), 1),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, named)


def test_random_picks_are_uniform() -> None:
    """4,000 voxels of four points each: every place is picked about a thousand times."""
    order, starts = np.arange(16_000), np.arange(0, 16_001, 4)
    places = np.bincount(fast.segment_random(order, starts, 5) % 4, minlength=4)
    assert np.all(np.abs(places - 1000) < 5 * np.sqrt(1000 * 0.75))
