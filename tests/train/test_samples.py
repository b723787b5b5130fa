from typing import Any

import numpy as np
import pytest
import torch

from neurospike import datasets
from neurospike.datasets import Solids
from neurospike.errors import ArgumentError
from neurospike.train.clouds import CloudSamples, collate_clouds, thin_voxels
from neurospike.train.samples import EpochSampler, build_loader, build_source, held_out
from neurospike.train.sections import AugmentPart, DataPart, EverySamplePart


class Clouds:
    classes = ("a", "b")

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng(index)
        points = rng.random((5 + index, 3), dtype=np.float32)
        return {"points": points, "normals": points.copy(), "label": index % 2, "name": str(index)}


def prepared(augment: AugmentPart | None = None) -> CloudSamples:
    return CloudSamples(Clouds(), EverySamplePart(), augment, seed=3)


def test_a_sample_follows_from_seed_epoch_and_index_alone() -> None:
    augment = AugmentPart(rotate="z", scale=(0.9, 1.1), shift=0.2, jitter=0.01, drop_points=0.3)
    first, second = prepared(augment), prepared(augment)
    second[(0, 1)]
    a, b = first[(2, 4)]["points"], second[(2, 4)]["points"]
    np.testing.assert_array_equal(a, b)
    assert a.shape != (9, 3) or not np.array_equal(a, first[(3, 4)]["points"])


def test_normals_turn_with_the_points_and_are_not_shifted() -> None:
    sample = prepared(AugmentPart(rotate="all", shift=5.0))[(0, 3)]
    original = Clouds()[3]["normals"]
    np.testing.assert_allclose(
        np.linalg.norm(sample["normals"], axis=1), np.linalg.norm(original, axis=1), rtol=1e-5
    )
    assert np.abs(sample["normals"]).max() < 2


def test_batches_join_clouds_of_any_length() -> None:
    batch = next(iter(build_loader(prepared(), 3, collate=collate_clouds)))
    assert batch["points"].shape == (5 + 6 + 7, 3)
    assert torch.equal(batch["batch"], torch.tensor([0] * 5 + [1] * 6 + [2] * 7))
    assert batch["label"].tolist() == [0, 1, 0]
    assert "name" not in batch


def test_the_order_follows_from_the_epoch() -> None:
    sampler = EpochSampler(50, shuffle=True, seed=1)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert [index for _, index in sampler] != [index for _, index in first]
    assert sorted(index for _, index in sampler) == list(range(50))
    assert {epoch for epoch, _ in sampler} == {1}


def test_workers_draw_the_same_samples() -> None:
    solids = Solids(size=4, points=64)
    ready = CloudSamples(solids, EverySamplePart(), AugmentPart(rotate="z"), seed=3)
    alone = [b["points"] for b in build_loader(ready, 2, collate=collate_clouds)]
    spawned = [b["points"] for b in build_loader(ready, 2, workers=1, collate=collate_clouds)]
    for a, b in zip(alone, spawned, strict=True):
        assert torch.equal(a, b)


def test_thinning_keeps_centres_of_occupied_voxels() -> None:
    points = np.random.default_rng(0).uniform(-4, 4, (4000, 3))
    thinned = thin_voxels(points, 100, np.random.default_rng(1))
    assert thinned.shape == (100, 3)
    assert len(np.unique(thinned, axis=0)) == 100
    np.testing.assert_array_equal(thinned % 1, 0.5)


@pytest.mark.parametrize(("count", "block"), [(2, 1), (9, 1), (40, 1), (25, 10), (450, 100)])
def test_held_out_scans_and_the_others_are_all(count: int, block: int) -> None:
    held, kept = (held_out(count, block, held=held) for held in (True, False))
    assert sorted(held + kept) == list(range(count))
    assert held
    assert kept
    # Whole blocks, so that neighbours of a held scan are not trained on.
    assert not {index // block for index in held} & {index // block for index in kept}


class Public:
    """Stands for KITTI: says how it was asked."""

    classes = ("Car",)

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"index": index, **self.arguments}


def test_data_without_public_test_labels_is_tested_on_its_validation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datasets, "KITTI", Public)

    def read(split: str, protocol: str) -> tuple[str, list[int]]:
        part = DataPart.model_validate({"name": "kitti", "protocol": protocol})
        source = build_source(part, split, root="there")
        assert source[0]["protocol"] == "clean"
        assert source[0]["crop_to_image"]
        return source[0]["split"], [source[place]["index"] for place in range(len(source))]

    everything = list(range(20))
    assert read("val", "clean") == ("train", [9, 19])
    assert read("train", "clean") == ("train", [i for i in everything if i not in (9, 19)])
    assert read("test", "clean") == read("test", "legacy") == ("val", everything)
    assert read("train", "legacy") == ("train", everything)
    assert read("val", "legacy") == ("val", everything)


def test_an_argument_by_split_is_the_splits_own() -> None:
    sizes = {"train": 5, "val": 3, "test": 4}
    part = DataPart(name="solids", arguments={"size": sizes, "points": 16})
    assert [len(build_source(part, split)) for split in sizes] == list(sizes.values())


def test_an_unknown_split_is_refused_whatever_the_data_calls_its_own() -> None:
    for name in ("kitti", "solids"):
        with pytest.raises(ArgumentError, match="--split: must be one of train, val, test; got"):
            build_source(DataPart(name=name), "tset", root="nowhere")
