"""Which samples each process takes: whole batches stay what they are, and work is shared evenly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike.datasets import KITTI, Solids, Streets, write_kitti_frame
from neurospike.errors import ArgumentError
from neurospike.train.samples import EpochSampler, First, Some
from neurospike.train.sharing import deal, sample_sizes, share_of_batch
from tests.train.scenes import Scenes
from tests.train.stand_ins import be_process

COUNT, BATCH, RANKS = 203, 16, 4
SIZES = np.random.default_rng(0).lognormal(9, 1, COUNT)  # a few scans are ten times the others


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    def become(rank: int, count: int = RANKS) -> None:
        be_process(monkeypatch, rank, count)

    return become


def batches_of(on: Any, sizes: Any, *, epoch: int = 0) -> list[list[list[int]]]:
    """Samples of every batch on every rank."""
    shares = []
    for rank in range(RANKS):
        on(rank)
        options: Any = {"shuffle": True, "seed": 1, "shared": True}
        sampler = EpochSampler(COUNT, **options, batch_size=BATCH, sizes=sizes)
        sampler.set_epoch(epoch)
        mine = [index for _, index in sampler]
        assert len(mine) == len(sampler)
        each = BATCH // RANKS
        shares.append([mine[i : i + each] for i in range(0, COUNT // BATCH * each, each)])
    return [list(batch) for batch in zip(*shares, strict=True)]


def waiting(batches: Any) -> float:
    """Time that ranks wait for the slowest, as a share of all their work."""
    loads = np.array([[SIZES[share].sum() for share in batch] for batch in batches])
    return float(loads.max(1).sum() * RANKS / loads.sum()) - 1


def test_batches_hold_the_same_samples_however_they_are_dealt(on: Any) -> None:
    order = np.random.default_rng([1, 0]).permutation(COUNT)
    for sizes in (None, SIZES):
        for place, batch in enumerate(batches_of(on, sizes)):
            assert {len(share) for share in batch} == {BATCH // RANKS}
            whole = order[place * BATCH : (place + 1) * BATCH].tolist()
            assert sorted(index for share in batch for index in share) == sorted(whole)


def test_work_is_shared_more_evenly_than_by_turns(on: Any) -> None:
    turns, dealt = waiting(batches_of(on, None)), waiting(batches_of(on, SIZES))
    assert turns > 0.5
    assert dealt < 0.25
    assert batches_of(on, SIZES) == batches_of(on, SIZES)
    assert batches_of(on, SIZES) != batches_of(on, SIZES, epoch=1)


def test_each_part_gets_as_many() -> None:
    parts = deal([100, 1, 1, 1, 1, 1, 1], 3)
    assert [len(part) for part in parts] == [2, 2, 2]
    assert sorted(np.concatenate(parts)) == [0, 1, 2, 3, 4, 5]


def test_unshuffled_runs_are_in_order(on: Any) -> None:
    seen = []
    for rank in range(3):
        on(rank, 3)
        sampler = EpochSampler(7, shuffle=False, seed=0, shared=True)
        seen += [index for _, index in sampler]
    assert seen == list(range(7))


def test_a_batch_that_cannot_be_shared_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"a multiple of 3; got 16\. Take 15 or 18"):
        share_of_batch(16, 3)
    with pytest.raises(ArgumentError, match=r"got 1\. Take 2\."):
        share_of_batch(1, 2)


def test_sizes_come_from_the_data_set_where_it_knows_them(tmp_path: Path) -> None:
    solids = Solids(size=5, points=64)
    points = [len(sample["points"]) for sample in solids]
    assert sample_sizes(solids) == pytest.approx(points)
    assert sample_sizes(Some(First(solids, 4), [3, 1])) == pytest.approx([points[3], points[1]])
    assert sample_sizes(Solids(size=5, cache=False)) is None
    assert sample_sizes(Streets(scans=3)) is None  # none is made yet
    assert sample_sizes([1, 2]) is None
    scenes = Scenes(2)
    for index in range(2):
        one = scenes[index]
        write_kitti_frame(
            tmp_path / "training", one["name"], one["points"], one["label"], one["calibration"]
        )
    kitti = KITTI(tmp_path, protocol="legacy")
    assert sample_sizes(kitti) == pytest.approx([16 * len(sample["points"]) for sample in kitti])


def test_sizes_of_other_samples_are_named() -> None:
    class Short:
        def __len__(self) -> int:
            return 3

        def sizes(self) -> list[int]:
            return [1, 2]

    with pytest.raises(ArgumentError, match=r"for each of 3 samples; got an array \(2,\)"):
        sample_sizes(Short())
