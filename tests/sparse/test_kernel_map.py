"""Kernel maps against brute force."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurospike.kernels.sparse import maps, reference, select
from neurospike.kernels.sparse.geometry import strided, submanifold
from neurospike.sparse import VoxelTensor, strided_map, submanifold_map

TRIPLE = st.tuples(*[st.integers(1, 4)] * 3)


@st.composite
def clouds(draw):
    shape = draw(st.tuples(*[st.integers(1, 7)] * 3))
    batch = draw(st.integers(1, 3))
    cell = st.tuples(st.integers(0, batch - 1), *(st.integers(0, edge - 1) for edge in shape))
    rows = sorted(draw(st.sets(cell, max_size=30)))
    return torch.tensor(rows, dtype=torch.int32).reshape(-1, 4), shape


def brute_force(coords_in, coords_out, geometry):
    rows = {tuple(row): n for n, row in enumerate(coords_in.tolist())}
    lists = []
    for tap in itertools.product(*(range(edge) for edge in geometry.kernel)):
        pairs = []
        for out, (b, *site) in enumerate(coords_out.tolist()):
            at = tuple(
                o * s - p + t * d
                for o, s, p, t, d in zip(
                    site, geometry.stride, geometry.padding, tap, geometry.dilation, strict=True
                )
            )
            if (b, *at) in rows:
                pairs.append((rows[b, *at], out))
        lists.append(pairs)
    return lists


def lists_of(rules):
    return [
        list(zip(*(side.tolist() for side in rules.at(k)), strict=True))
        for k in range(rules.volume)
    ]


@settings(max_examples=60, deadline=None)
@given(clouds(), st.tuples(*[st.sampled_from([1, 3, 5])] * 3), TRIPLE)
def test_submanifold_map_is_the_brute_force_map(cloud, kernel, dilation):
    coords, shape = cloud
    geometry = submanifold(kernel, dilation, shape)
    wanted = brute_force(coords, coords, geometry)
    for build in (maps.build_rules, reference.build_rules):
        assert lists_of(build(coords, coords, geometry)) == wanted


@settings(max_examples=80, deadline=None)
@given(clouds(), TRIPLE, TRIPLE, st.tuples(*[st.integers(0, 3)] * 3), TRIPLE)
def test_strided_map_is_the_brute_force_map(cloud, kernel, stride, padding, dilation):
    coords, shape = cloud
    geometry = strided(kernel, stride, padding, dilation, shape)
    if min(geometry.out_shape) < 1:
        return
    every = torch.cartesian_prod(torch.arange(4), *map(torch.arange, geometry.out_shape)).int()
    reached = {out for pairs in brute_force(coords, every, geometry) for _, out in pairs}
    sites = every[sorted(reached)]
    for module in (maps, reference):
        assert torch.equal(module.output_coords(coords, geometry), sites)
        rules = module.build_rules(coords, sites, geometry)
        assert lists_of(rules) == brute_force(coords, sites, geometry)


def test_rows_of_a_map_ascend_on_both_sides():
    coords = (torch.rand(2, 20, 20, 20) < 0.2).nonzero().int()
    for geometry in (
        submanifold((3, 3, 3), (1, 1, 1), (20, 20, 20)),
        strided((3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1), (20, 20, 20)),
    ):
        sites = coords if geometry.keeps_sites else maps.output_coords(coords, geometry)
        rules = maps.build_rules(coords, sites, geometry)
        for k in range(rules.volume):
            for side in rules.at(k):
                assert bool((side[1:] > side[:-1]).all())
        turned = rules.transposed()
        assert turned.transposed().inputs is rules.inputs
        assert torch.equal(turned.fan_in(), rules.fan_out())


def test_coordinates_near_the_key_limit():
    edges = (2**21 - 3, 2**20 - 3, 2**20 - 3)
    low, high = [0, 0, 0, 0], [0, *(edge - 1 for edge in edges)]
    coords = torch.tensor([low, [0, 0, 0, 1], [0, *(edge - 2 for edge in edges)], high])
    x = VoxelTensor(coords, torch.ones(4, 1), edges, batch_size=1)
    found = submanifold_map(x.active, (3, 3, 3), (1, 1, 1))
    assert found.fan_in().tolist() == [2, 2, 2, 2]
    down = strided_map(x.active, (2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1))
    assert down.out_active.coords.tolist() == [low, [0, *((edge - 3) // 2 for edge in edges)]]


def test_rows_do_not_wrap_around_the_grid():
    coords = torch.tensor(
        [[0, 0, 0, 4], [0, 0, 1, 0], [0, 0, 4, 4], [0, 2, 0, 0], [0, 4, 4, 4], [1, 0, 0, 0]]
    )
    x = VoxelTensor(coords, torch.ones(6, 1), (5, 5, 5), batch_size=2)
    assert submanifold_map(x.active, (3, 3, 3), (1, 1, 1)).pairs == 6


@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_maps_of_empty_clouds(backend):
    x = VoxelTensor(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 1), (4, 4, 4), 2)
    with select.backend(backend):
        assert submanifold_map(x.active, (3, 3, 3), (1, 1, 1)).pairs == 0
        down = strided_map(x.active, (3, 3, 3), (2, 2, 2), (1, 1, 1), (1, 1, 1))
    assert down.pairs == len(down.out_active) == 0
    assert down.out_active.coords.shape == (0, 4)


@pytest.mark.parametrize("strided_first", [False, True])
def test_unstrided_and_submanifold_maps_of_one_geometry_stay_apart(strided_first):
    coords = torch.tensor([[0, 3, 3, 3], [0, 3, 3, 4]])
    active = VoxelTensor(coords, torch.ones(2, 1), (8, 8, 8), batch_size=1).active
    three, one = (3, 3, 3), (1, 1, 1)
    builds = [
        lambda: submanifold_map(active, three, one),
        lambda: strided_map(active, three, one, one, one),
    ]
    for build in reversed(builds) if strided_first else builds:
        build()
    assert [build().pairs for build in builds] == [4, 54]
    assert [len(build().out_active) for build in builds] == [2, 36]
