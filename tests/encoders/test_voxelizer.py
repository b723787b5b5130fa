"""The voxeliser against a dictionary of Python floats."""

import itertools
import logging
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurospike.encoders import Voxelizer
from neurospike.errors import ArgumentError, NeurospikeError
from neurospike.sparse import VoxelTensor

KITTI_RANGE = (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)


def brute_force(points, features, batch, size, limits):
    """{(batch, i, j, k): [point, ...]} in ascending order, by Python's own floats."""
    finite = [all(map(math.isfinite, [*p, *f])) for p, f in zip(points, features, strict=True)]
    lows = {}
    for p, b, ok in zip(points, batch, finite, strict=True):
        if ok:
            lows[b] = [min(old, new) for old, new in zip(lows.get(b, p), p, strict=True)]
    table = {}
    for row, (p, b, ok) in enumerate(zip(points, batch, finite, strict=True)):
        low = limits[:3] if limits else lows.get(b)
        if not ok or (limits and not all(a <= v < z for a, v, z in zip(low, p, limits[3:]))):  # noqa: B905
            continue
        index = [math.floor((v - a) / s) for v, a, s in zip(p, low, size, strict=True)]
        table.setdefault((b, *index), []).append(row)
    return dict(sorted(table.items()))


# Quarters land on edges and borders; thirds and the odd special value do not.
coordinate = st.one_of(
    st.integers(-12, 12).map(lambda n: n / 4),
    st.integers(-9, 9).map(lambda n: n / 3),
    st.floats(-3, 3, width=32),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
clouds = st.lists(
    st.tuples(coordinate, coordinate, coordinate, st.floats(-1, 1, width=32), st.integers(0, 2)),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(
    rows=clouds,
    size=st.sampled_from([(0.5, 0.5, 0.5), (0.25, 0.5, 1.0), (0.1, 0.3, 0.7)]),
    limits=st.sampled_from([None, (-2.0, -1.5, -1.0, 2.0, 1.5, 1.0)]),
    dtype=st.sampled_from([np.float32, np.float64]),
    as_torch=st.booleans(),
)
def test_voxels_equal_a_dictionary_of_points(rows, size, limits, dtype, as_torch) -> None:
    table = np.array(rows, np.float64).reshape(-1, 5)
    points, features = table[:, :3].astype(dtype), table[:, 3:4].astype(dtype)
    batch = np.nan_to_num(table[:, 4]).astype(np.int64)
    given_as = torch.from_numpy if as_torch else np.asarray
    result = Voxelizer(size, limits).voxelize(
        given_as(points), given_as(features), given_as(batch), 3
    )
    oracle = brute_force(points.tolist(), features.tolist(), batch.tolist(), size, limits)

    voxels = result.voxels
    assert voxels.coords.tolist() == [list(key) for key in oracle]
    VoxelTensor(voxels.coords, voxels.features, voxels.spatial_shape, voxels.batch_size)
    expected = np.full(len(rows), -1)
    for voxel, members in enumerate(oracle.values()):
        expected[members] = voxel
    assert result.point_to_voxel.tolist() == expected.tolist()
    assert result.counts.tolist() == [len(members) for members in oracle.values()]
    both = np.concatenate([points, features], axis=1).astype(np.float64)
    means = [[math.fsum(both[m, c]) / len(m) for c in range(4)] for m in oracle.values()]
    np.testing.assert_allclose(
        result.voxels.features.numpy(),
        np.array(means).reshape(-1, 4),
        rtol=2e-7 if dtype is np.float32 else 1e-14,
        atol=1e-15,
    )
    finite = np.isfinite(both).all(axis=1)
    assert result.rejected == int((~finite).sum())
    assert result.cropped == len(rows) - result.rejected - int((expected >= 0).sum())


def test_the_range_is_half_open_and_edges_belong_to_the_upper_voxel() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [1.5, 0, 0], [2, 0, 0], [-1e-9, 0, 0], [0, 2, 0]])
    voxels, where = Voxelizer(1.0, (0, 0, 0, 2, 2, 2))(points)
    assert where.tolist() == [0, 1, 1, -1, -1, -1]
    assert voxels.spatial_shape == (2, 2, 2)


def test_a_point_just_below_the_range_stays_in_the_last_voxel() -> None:
    high = 70.4
    points = np.array([[np.nextafter(high, 0), 0.0, 0.0]])
    voxels, where = Voxelizer((0.05, 0.05, 0.1), KITTI_RANGE)(points)
    assert voxels.coords.tolist() == [[0, 1407, 800, 30]]
    assert where.tolist() == [0]


def test_the_kitti_grid_has_the_published_shape() -> None:
    voxels, _ = Voxelizer((0.05, 0.05, 0.1), KITTI_RANGE)(np.zeros((1, 3)))
    assert voxels.spatial_shape == (1408, 1600, 40)


def test_a_range_that_is_no_multiple_keeps_every_point_inside() -> None:
    voxels, where = Voxelizer(0.3, (0, 0, 0, 1, 1, 1))(np.full((1, 3), 0.95))
    assert voxels.spatial_shape == (4, 4, 4)
    assert voxels.coords.tolist() == [[0, 3, 3, 3]]
    assert where.tolist() == [0]


def test_samples_do_not_depend_on_their_companions() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 3)), rng.normal(7, 2, size=(80, 3))
    mixed = rng.permutation(130)
    batch = np.repeat([0, 2], [50, 80])[mixed]
    voxels, _ = Voxelizer(0.4)(np.concatenate([a, b])[mixed], batch=batch, batch_size=4)
    for sample, cloud in ((0, a), (2, b)):
        alone, _ = Voxelizer(0.4)(cloud)
        rows = voxels.coords[:, 0] == sample
        assert torch.equal(voxels.coords[rows, 1:], alone.coords[:, 1:])
        torch.testing.assert_close(voxels.features[rows], alone.features, rtol=1e-14, atol=0)
    assert voxels.batch_size == 4


def test_non_finite_points_are_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    points = np.zeros((5, 3), np.float32)
    points[1, 2], points[3, 0] = np.nan, np.inf
    features = np.array([0, 0, 0, 0, np.nan], np.float32)
    with caplog.at_level(logging.WARNING, "neurospike"):
        result = Voxelizer(0.1).voxelize(points, features)
    assert result.rejected == 3
    assert "rejected 3 of 5 points" in caplog.text
    assert result.point_to_voxel.tolist() == [0, -1, 0, -1, -1]
    assert bool(result.voxels.features.isfinite().all())


@pytest.mark.parametrize("limits", [None, (0, 0, 0, 1, 1, 1)])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_nothing_left_is_a_legal_empty_tensor(limits, rows: int) -> None:
    points = np.full((rows, 3), np.nan)
    voxels, where = Voxelizer(0.5, limits)(points)
    assert voxels.coords.shape == (0, 4)
    assert voxels.features.shape == (0, 3)
    assert voxels.batch_size == 1
    assert where.tolist() == [-1] * rows


@pytest.mark.parametrize(
    ("points", "features", "expected"),
    [
        (torch.float32, None, torch.float32),
        (torch.float64, torch.float32, torch.float64),
        (torch.float32, torch.float64, torch.float64),
        (torch.float16, torch.bfloat16, torch.float32),
        (torch.int64, torch.uint8, torch.float32),
    ],
)
def test_features_keep_double_precision_only_where_given(points, features, expected) -> None:
    cloud = torch.arange(12).reshape(4, 3).to(points)
    extra = None if features is None else torch.ones(4, 2).to(features)
    voxels, _ = Voxelizer(1.0)(cloud, extra)
    assert voxels.features.dtype == expected
    assert voxels.features.shape == (4, 3 if features is None else 5)


def test_large_integer_coordinates_stay_exact() -> None:
    points = np.array([[2**24, 0, 0], [2**24 + 1, 0, 0]])
    voxels, _ = Voxelizer(1.0)(points)
    assert voxels.coords.tolist() == [[0, 0, 0, 0], [0, 1, 0, 0]]


def test_first_and_random_return_a_row_of_their_own_voxel() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(500, 3)).astype(np.float32)
    marks = np.arange(500, dtype=np.float32)
    first, where = Voxelizer(0.8, reduce="first")(points, marks)
    random, _ = Voxelizer(0.8, reduce="random", seed=1)(points, marks)
    for voxel in range(len(first.coords)):
        members = np.flatnonzero(where.numpy() == voxel)
        assert int(first.features[voxel, 3]) == members[0]
        pick = int(random.features[voxel, 3])
        assert pick in members
        np.testing.assert_array_equal(random.features[voxel, :3].numpy(), points[pick])


def test_random_is_a_function_of_the_seed() -> None:
    points = np.random.default_rng(3).normal(size=(500, 3))
    voxelizer = Voxelizer(0.8, reduce="random", seed=1)
    once, again = voxelizer(points)[0], voxelizer(points)[0]
    other = voxelizer(points, seed=2)[0]
    same_seed = Voxelizer(0.8, reduce="random", seed=2)(points)[0]
    assert torch.equal(once.features, again.features)
    assert not torch.equal(once.features, other.features)
    assert torch.equal(other.features, same_seed.features)


def test_threads_do_not_change_a_bit() -> None:
    points = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(Voxelizer(0.3)(points)[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0].coords, results[1].coords)
    assert torch.equal(results[0].features, results[1].features)


def test_the_order_of_float32_points_does_not_change_a_bit() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(20.0, 3.0, size=(3000, 3)).astype(np.float32)
    order = rng.permutation(len(points))
    voxels, where = Voxelizer(1.0)(points)
    shuffled, where_shuffled = Voxelizer(1.0)(points[order])
    assert torch.equal(voxels.coords, shuffled.coords)
    assert torch.equal(voxels.features, shuffled.features)
    assert torch.equal(where[torch.from_numpy(order)], where_shuffled)


def test_means_survive_a_large_offset() -> None:
    """Ten thousand points in one voxel, a million metres out: float32 sums would drift."""
    rng = np.random.default_rng(0)
    points = (1e6 + rng.random((10_000, 3))).astype(np.float32)
    voxels, _ = Voxelizer(4.0, (1e6 - 2, 1e6 - 2, 1e6 - 2, 1e6 + 2, 1e6 + 2, 1e6 + 2))(points)
    exact = points.astype(np.float64).mean(axis=0)
    np.testing.assert_array_equal(voxels.features[0].numpy(), exact.astype(np.float32))


def test_gradients_stop_here() -> None:
    points = torch.rand(5, 3, requires_grad=True)
    assert not Voxelizer(0.5)(points)[0].features.requires_grad


def test_strided_input_is_read_in_its_own_order() -> None:
    points = np.random.default_rng(0).normal(size=(3, 40)).T
    assert not points.flags.c_contiguous
    ours, _ = Voxelizer(0.5)(points[::2])
    plain, _ = Voxelizer(0.5)(np.ascontiguousarray(points[::2]))
    assert torch.equal(ours.features, plain.features)


CLOUD = np.zeros((4, 3))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Voxelizer(0.0), "voxel_size: must be a positive edge"),
        (lambda: Voxelizer((0.1, 0.1)), "voxel_size: must be"),
        (lambda: Voxelizer((0.1, 0.1, math.nan)), "voxel_size: must be"),
        (lambda: Voxelizer("small"), "voxel_size: must be"),
        (lambda: Voxelizer(0.1, (0, 0, 0, 1, 1)), "point_range: must be"),
        (lambda: Voxelizer(0.1, (0, 0, 0, 1, 0, 1)), "each low below its high"),
        (lambda: Voxelizer(0.1, (0, 0, 0, 1, math.inf, 1)), "point_range: must be"),
        (lambda: Voxelizer(0.1, reduce="max"), "reduce: must be 'mean', 'random' or 'first'"),
        (lambda: Voxelizer(0.1, seed=-1), "seed: must lie in"),
        (lambda: Voxelizer(0.1)(np.zeros((4, 4))), "further columns as features"),
        (lambda: Voxelizer(0.1)(np.zeros(3)), r"points: must be \(N, 3\)"),
        (lambda: Voxelizer(0.1)(np.zeros((4, 3), bool)), "points: must be real numbers"),
        (lambda: Voxelizer(0.1)(np.zeros((4, 3), complex)), "points: must be real numbers"),
        (lambda: Voxelizer(0.1)(CLOUD, np.zeros((3, 1))), "a row a point"),
        (lambda: Voxelizer(0.1)(CLOUD, batch=np.zeros(3, int)), "one integer a point"),
        (lambda: Voxelizer(0.1)(CLOUD, batch=np.zeros(4)), "one integer a point"),
        (lambda: Voxelizer(0.1)(CLOUD, batch=np.full(4, 2), batch_size=2), "must lie in"),
        (lambda: Voxelizer(0.1)(CLOUD, batch=np.full(4, -1)), "must lie in"),
        (lambda: Voxelizer(0.1)(CLOUD, batch_size=0), "must count every sample"),
    ],
)
def test_bad_arguments_are_named(call, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        call()


@pytest.mark.parametrize("far", [1e9, 1e30, 1.7e308])
@pytest.mark.parametrize("axes", [1, 3])
def test_a_grid_beyond_the_key_range_is_an_error(far: float, axes: int) -> None:
    points = np.zeros((2, 3))
    points[0, :axes], points[1, :axes] = far, -far
    with pytest.raises(ArgumentError, match="beyond the key range"):
        Voxelizer(0.05)(points)


def test_a_range_beyond_the_key_range_is_an_error_at_once() -> None:
    with pytest.raises(ArgumentError, match="beyond the key range"):
        Voxelizer(1e-9, (0, 0, 0, 100, 100, 100))


def test_a_batch_may_exceed_the_key_range_where_one_sample_does_not() -> None:
    """2^59 cells a sample: one fits, eight do not."""
    voxelizer = Voxelizer(1.0, (0, 0, 0, 2.0**20 - 2, 2.0**20 - 2, 2.0**19 - 2))
    points = np.zeros((8, 3))
    assert len(voxelizer(points)[0].coords) == 1
    with pytest.raises(NeurospikeError, match="x batch 8"):
        voxelizer(points, batch=np.arange(8))


def test_corners_of_a_grid_near_the_key_limit() -> None:
    voxelizer = Voxelizer(1.0, (0, 0, 0, 2.0**20 - 2, 2.0**20 - 2, 2.0**21 - 2))
    ends = [(0.0, 2.0**20 - 3), (0.0, 2.0**20 - 3), (0.0, 2.0**21 - 3)]
    corners = np.array(list(itertools.product(*ends)))
    voxels, where = voxelizer(corners[::-1])
    assert voxels.coords[:, 1:].tolist() == corners.tolist()
    assert where.tolist() == list(range(8))[::-1]
