"""Fast counts against the oracle that walks every event, tap and packet."""

import numpy as np
import pytest

from neurospike.errors import ArgumentError
from neurospike.hw.placement import Mesh
from neurospike.hw.tally import joined, tally
from neurospike.hw.trace import POPULATION_COUNTS, PROJECTION_COUNTS, SHORTCUT_COUNTS
from tests.hw.tally.cases import Case, cloud, dense_net, voxel_net
from tests.hw.tally.oracle import Oracle

PLACES = {
    "nowhere": None,
    "one chip": {"mesh": Mesh(4, 2, 2)},
    "several chips": {"cores": 23, "mesh": Mesh(2, 1, 2)},
    "host outside": {"host": False},
    "static": {"style": "static"},
}


def both(case, place, **options):
    placement = None if PLACES[place] is None else case.placement(**PLACES[place])
    options = {"gate": "voxel", "mode": "unary", "generator": "bitmap"} | options
    fast = tally(
        case.network, case.sets, case.pairs, case.spikes, case.active,
        placement=placement, **options,
    )  # fmt: skip
    slow = Oracle(case.network, case.sets, case.spikes, case.active, placement, **options)
    return fast, slow


def same_rows(fast, slow, names):
    """Each count of each element, row by row."""
    for element, counts in fast.items():
        assert set(counts) == set(names)
        for name, column in counts.items():
            if name == "saturations":
                continue
            expected = [slow[element][name][row] for row in range(len(column))]
            assert column.tolist() == expected, (element, name)


def check(fast, slow):
    same_rows(fast.populations, slow.populations, POPULATION_COUNTS)
    same_rows(fast.projections, slow.projections, PROJECTION_COUNTS)
    same_rows(fast.shortcuts, slow.shortcuts, SHORTCUT_COUNTS)
    if slow.placement is None:
        assert not fast.cores
        assert len(fast.links) == 0
        return
    for element, counts in fast.cores.items():
        for name, table in counts.items():
            expected = slow.cores[element, name]
            for row, core in np.ndindex(table.shape):
                assert table[row, core] == expected[row, core], (element, name, row, core)
            assert table.sum() == sum(n for (_, core), n in expected.items() if core is not None)
    busiest = [max(slow.links[row].values(), default=0) for row in range(len(fast.links))]
    assert fast.links.tolist() == busiest
    ways = ((1, 0), (-1, 0), (0, 1), (0, -1))
    expected = np.zeros_like(fast.flow)
    for passed in slow.links.values():
        for (x, y, to_x, to_y), messages in passed.items():
            way = ways.index((to_x - x, to_y - y))
            expected[way, min(x, to_x), min(y, to_y)] += messages
    assert fast.flow.tolist() == expected.tolist()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", ["unary", "graded"])
def test_dense_networks(place, mode):
    check(*both(Case(dense_net()), place, mode=mode))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("gate", ["voxel", "spike"])
@pytest.mark.parametrize("generator", ["bitmap", "hash", "rulebook"])
def test_voxel_networks(place, gate, generator):
    check(*both(Case(voxel_net(), cloud()), place, gate=gate, generator=generator))


@pytest.mark.parametrize("mode", ["unary", "graded"])
@pytest.mark.parametrize("gate", ["voxel", "spike"])
def test_modes_on_voxels(mode, gate):
    check(*both(Case(voxel_net(), cloud(9, seed=3), steps=2), "one chip", mode=mode, gate=gate))


@pytest.mark.parametrize("density", [0.0, 1.0])
def test_silence_and_noise(density):
    check(*both(Case(dense_net(), steps=1, density=density), "one chip"))


def test_one_voxel_and_none():
    check(*both(Case(voxel_net(), cloud(1)), "one chip", gate="spike"))
    check(*both(Case(voxel_net(), cloud(0)), "one chip", gate="spike"))


def test_samples_follow_one_another():
    parts = []
    for seed in (0, 1):
        case = Case(voxel_net(), cloud(seed=seed))
        parts.append(tally(case.network, case.sets, case.pairs, case.spikes, case.active))
    both_samples = joined(parts)
    rows = [len(part.projections["sub"]["hits"]) for part in parts]
    assert len(both_samples.projections["sub"]["hits"]) == sum(rows)
    assert both_samples.sites.shape == (2, 2)
    assert both_samples.rebuild["bitmap"]["inserts"].shape == (2,)


def test_unary_and_graded_send_the_same_sum():
    case = Case(dense_net())
    unary, _ = both(case, "nowhere")
    graded, _ = both(case, "nowhere", mode="graded")
    fired = np.count_nonzero(case.spikes["a"])
    assert unary.populations["a"]["spikes"].sum() == case.spikes["a"].sum()
    assert graded.populations["a"]["spikes"].sum() == fired
    assert graded.projections["deep"]["synops"].sum() == 0


@pytest.mark.parametrize(
    ("argument", "value", "rule"),
    [
        ("gate", "both", "'voxel', 'spike'"),
        ("mode", "binary", "'unary'"),
        ("generator", "tree", "bitmap"),
    ],
)
def test_unknown_options(argument, value, rule):
    case = Case(dense_net())
    with pytest.raises(ArgumentError, match=rule):
        tally(case.network, [], case.pairs, case.spikes, **{argument: value})


def test_a_placement_for_other_voxels():
    case, other = Case(voxel_net(), cloud(5)), Case(voxel_net(), cloud(30))
    with pytest.raises(ArgumentError, match="Place the network with this sample"):
        tally(case.network, case.sets, case.pairs, case.spikes, placement=other.placement())


def test_spikes_of_another_shape():
    case = Case(dense_net())
    with pytest.raises(ArgumentError, match="a column a neuron"):
        tally(case.network, [], case.pairs, case.spikes | {"a": np.zeros((3, 7))})
