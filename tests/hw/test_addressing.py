"""Targets of events against loops over the grid, and the fixtures that peers get wrong."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurospike.errors import ArgumentError
from neurospike.hw.addressing import output_sites, targets

LINE = torch.tensor([[0, 3, 3, 3], [0, 3, 3, 4], [0, 3, 3, 5]])
SPIKES = torch.tensor([[0, 0, 0], [0, 3, 3], [0, 4, 4]])


def reached(site, shape, kernel, stride, padding, dilation):
    """Output sites of one event, by the definition of a convolution."""
    axes = []
    for p, n, k, s, pad, d in zip(site, shape, kernel, stride, padding, dilation, strict=True):
        edge = (n + 2 * pad - d * (k - 1) - 1) // s + 1
        axes.append([q for q in range(edge) for tap in range(k) if q * s - pad + tap * d == p])
    return set(itertools.product(*axes))


def test_three_voxels_in_a_line() -> None:
    assert int(targets(LINE, (8, 8, 8), 3).sum()) == 7
    assert int(targets(LINE, (8, 8, 8), 3, mode="vanilla").sum()) == 81
    assert output_sites(LINE, (8, 8, 8), 3, mode="vanilla").shape == (45, 4)
    assert torch.equal(output_sites(LINE, (8, 8, 8), 3, mode="submanifold"), LINE)


@pytest.mark.parametrize(("stride", "padding", "expected"), [(1, 0, 19), (1, 1, 22), (2, 1, 6)])
def test_borders_and_strides_are_exact(stride: int, padding: int, expected: int) -> None:
    found = targets(SPIKES, (8, 8), 3, mode="vanilla", stride=stride, padding=padding)
    assert found.dtype == torch.int64
    assert found.shape == (3,)
    assert int(found.sum()) == expected


def test_two_by_two_stride_two_has_one_target_an_event() -> None:
    coords = torch.cartesian_prod(torch.arange(2), torch.arange(4), torch.arange(6))
    found = targets(coords, (4, 6), 2, mode="vanilla", stride=2, padding=0)
    assert found.tolist() == [1] * len(coords)


def test_a_repeated_event_counts_again_and_an_empty_set_counts_nothing() -> None:
    twice = torch.tensor([[0, 2], [0, 2]])
    assert targets(twice, (5,), 3, mode="vanilla").tolist() == [3, 3]
    for mode in ("vanilla", "submanifold"):
        assert targets(twice[:0], (5,), 3, mode=mode).shape == (0,)
        assert output_sites(twice[:0], (5,), 3, mode=mode).shape == (0, 2)


def test_samples_do_not_meet() -> None:
    apart = torch.tensor([[0, 2], [1, 3]], dtype=torch.int32)
    assert targets(apart, (5,), 3).tolist() == [1, 1]


@st.composite
def clouds(draw):
    axes = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, 5)) for _ in range(axes))
    cells = list(itertools.product(range(2), *(range(n) for n in shape)))
    rows = draw(st.lists(st.sampled_from(cells), max_size=8, unique=True))
    return shape, torch.tensor(rows, dtype=torch.int32).reshape(-1, 1 + axes)


@settings(max_examples=150, deadline=None)
@given(clouds(), st.data())
def test_vanilla_equals_a_loop_over_outputs(cloud, data) -> None:
    shape, coords = cloud
    axes = len(shape)
    each = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in range(axes))  # noqa: E731
    kernel, stride, padding, dilation = each(1, 4), each(1, 3), each(0, 2), each(1, 2)
    settings_ = {"mode": "vanilla", "stride": stride, "padding": padding, "dilation": dilation}
    sets = [
        {(b, *q) for q in reached(p, shape, kernel, stride, padding, dilation)}
        for b, *p in coords.tolist()
    ]
    assert targets(coords, shape, kernel, **settings_).tolist() == [len(s) for s in sets]
    union = sorted(set().union(*sets))
    found = output_sites(coords, shape, kernel, **settings_)
    assert [tuple(row) for row in found.tolist()] == union
    assert found.dtype == coords.dtype


@settings(max_examples=100, deadline=None)
@given(clouds(), st.data())
def test_submanifold_equals_a_loop_over_pairs(cloud, data) -> None:
    shape, coords = cloud
    kernel = tuple(data.draw(st.sampled_from((1, 3, 5))) for _ in shape)
    dilation = tuple(data.draw(st.integers(1, 2)) for _ in shape)
    rows = [tuple(row) for row in coords.tolist()]
    expected = [
        sum(
            b == c
            and all(
                (i - j) % d == 0 and abs(i - j) // d <= k // 2
                for i, j, k, d in zip(p, q, kernel, dilation, strict=True)
            )
            for c, *q in rows
        )
        for b, *p in rows
    ]
    assert targets(coords, shape, kernel, dilation=dilation).tolist() == expected


def test_arrays_are_taken_too() -> None:
    for function in (targets, output_sites):
        found = function(LINE.int().numpy(), (8, 8, 8), 3)
        assert torch.equal(found.long(), function(LINE, (8, 8, 8), 3))


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"kernel_size": 2}, "needs odd edges"),
        ({"stride": 2}, "stride 1"),
        ({"padding": 0}, "centred padding"),
        ({"mode": "dense"}, "'submanifold' or 'vanilla'"),
        ({"kernel_size": (3, 3, 3)}, "one integer or 2"),
        ({"spatial_shape": (4, 4)}, "must lie inside"),
        ({"spatial_shape": (8, 8, 8)}, "and then an axis an edge"),
        ({"coords": SPIKES.float()}, "must be integers"),
        ({"spatial_shape": ()}, "one or more positive edges"),
        ({"spatial_shape": (2**31, 2**31)}, "key range"),
    ],
)
def test_bad_arguments_are_named(changed, match: str) -> None:
    arguments = {"coords": SPIKES, "spatial_shape": (8, 8), "kernel_size": 3} | changed
    with pytest.raises(ArgumentError, match=match):
        targets(**arguments)
