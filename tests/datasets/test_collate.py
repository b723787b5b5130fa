"""Batches of clouds, in this process and in workers."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from neurospike.datasets import Solids, collate_points
from neurospike.errors import ArgumentError


def cloud(points: int, label: object = 0, **more: object) -> dict:
    return {"points": np.full((points, 3), points, np.float32), "label": label, **more}


def test_clouds_of_any_length_are_joined() -> None:
    joined = collate_points([cloud(2, 5), cloud(0, 6), cloud(3, np.int64(7))])
    assert joined["points"].dtype == torch.float32
    assert joined["points"][:, 0].tolist() == [2, 2, 3, 3, 3]
    assert joined["batch"].dtype == joined["label"].dtype == torch.int64
    assert joined["batch"].tolist() == [0, 0, 2, 2, 2]
    assert joined["label"].tolist() == [5, 6, 7]
    assert joined["batch_size"] == 3


def test_every_array_of_as_many_rows_comes_along() -> None:
    samples = [
        cloud(n, name=f"n{n}", normals=np.ones((n, 3), np.float32), frame=np.zeros(9))
        for n in (2, 4)
    ]
    joined = collate_points(samples)
    assert joined["normals"].shape == (6, 3)
    assert joined["name"] == ["n2", "n4"]
    assert "frame" not in joined
    del samples[1]["normals"]
    assert "normals" not in collate_points(samples)


def test_labels_that_are_no_integers_stay_a_list() -> None:
    assert collate_points([cloud(1, ("Car",)), cloud(1, ())])["label"] == [("Car",), ()]


def test_bad_batches_are_named() -> None:
    with pytest.raises(ArgumentError, match="at least one"):
        collate_points([])
    with pytest.raises(ArgumentError, match="points must be equally wide"):
        collate_points([cloud(1), {"points": np.zeros((1, 4), np.float32), "label": 0}])


def test_workers_give_the_batches_of_this_process() -> None:
    solids = Solids(size=12, points=32)
    here = list(DataLoader(solids, batch_size=4, collate_fn=collate_points))
    there = list(
        DataLoader(
            solids,
            batch_size=4,
            collate_fn=collate_points,
            num_workers=1,
            multiprocessing_context="spawn",
        )
    )
    assert len(here) == len(there) == 3
    for ours, theirs in zip(here, there, strict=True):
        assert torch.equal(ours["points"], theirs["points"])
        assert torch.equal(ours["batch"], theirs["batch"])
        assert ours["name"] == theirs["name"]
