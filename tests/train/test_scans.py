from typing import Any

import numpy as np
import pytest
import torch

from neurospike.encoders import RelativeVoxelizer, Voxelizer
from neurospike.train.scan_sections import ScanPart
from neurospike.train.scans import ScanInput, ScanSamples, collate_scans, in_features

RANGE = (0.0, -4.0, -2.0, 8.0, 4.0, 2.0)


def scan(points: int, seed: int, **rest: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    low, high = np.array(RANGE[:3]) - 0.5, np.array(RANGE[3:]) + 0.5
    xyz = rng.uniform(low, high, (points, 3))
    made = np.concatenate([xyz, rng.random((points, 1))], 1).astype(np.float32)
    return {"points": made, "name": str(seed), **rest}


def part(**arguments: Any) -> ScanPart:
    return ScanPart(voxel_size=(0.5, 0.5, 1.0), point_range=RANGE, **arguments)


@pytest.mark.parametrize("counts", [(0,), (1,), (40, 0, 7)])
def test_scans_of_any_length_are_joined(counts: tuple[int, ...]) -> None:
    scans = [scan(n, i, boxes=np.zeros((i, 7))) for i, n in enumerate(counts)]
    batch = collate_scans(scans)
    assert batch["points"].shape == (sum(counts), 4)
    assert batch["batch_size"] == len(counts)
    assert torch.bincount(batch["batch"], minlength=len(counts)).tolist() == list(counts)
    assert [tuple(b.shape) for b in batch["boxes"]] == [(i, 7) for i in range(len(counts))]
    voxels = ScanInput(part())(batch)
    assert voxels.batch_size == len(counts)


def test_labels_of_points_are_joined_and_others_listed() -> None:
    of_points = [scan(n, n, label=np.arange(n)) for n in (3, 2)]
    assert collate_scans(of_points)["label"].tolist() == [0, 1, 2, 0, 1]
    of_scans = [scan(n, n, label=("a", "b")) for n in (3, 2)]
    assert collate_scans(of_scans)["label"] == [("a", "b"), ("a", "b")]


@pytest.mark.parametrize("relative", [False, True])
def test_points_know_their_voxels(relative: bool) -> None:
    batch = collate_scans([scan(50, 0), scan(30, 1)])
    encode = ScanInput(part(relative=relative))
    voxels, rows = encode(batch), batch["point_to_voxel"]
    assert voxels.features.shape[1] == in_features(part(relative=relative))
    inside = ((batch["points"][:, :3] >= torch.tensor(RANGE[:3])).all(1)) & (
        (batch["points"][:, :3] < torch.tensor(RANGE[3:])).all(1)
    )
    assert torch.equal(rows >= 0, inside)
    assert torch.equal(voxels.coords[rows[inside], 0].long(), batch["batch"][inside])


def test_relative_features_are_places_in_the_range_and_in_the_voxel() -> None:
    points = scan(60, 3)["points"]
    plain, _ = Voxelizer((0.5, 0.5, 1.0), RANGE)(points[:, :3], points[:, 3:])
    scaled, _ = RelativeVoxelizer((0.5, 0.5, 1.0), RANGE)(points[:, :3], points[:, 3:])
    assert torch.equal(plain.coords, scaled.coords)
    low, high, edges = torch.tensor(RANGE[:3]), torch.tensor(RANGE[3:]), torch.tensor([0.5, 0.5, 1])
    middles = low + (plain.coords[:, 1:] + 0.5) * edges
    xyz = plain.features[:, :3]
    torch.testing.assert_close(scaled.features[:, :3], (2 * xyz - low - high) / (high - low))
    torch.testing.assert_close(scaled.features[:, 3:6], (xyz - middles) / edges)
    assert torch.equal(scaled.features[:, 6:], plain.features[:, 3:])
    assert scaled.features[:, 3:6].abs().max() <= 0.5


def test_a_limit_leaves_so_many_voxels_the_same_for_the_same_draw() -> None:
    source: Any = [scan(200, 0), scan(5, 1)]
    samples = ScanSamples(source, limited=True, seed=4)
    batches = [collate_scans([samples[(0, 0)], samples[(0, 1)]]) for _ in range(2)]
    encode = ScanInput(part(max_voxels=20))
    first, second = (encode(batch) for batch in batches)
    assert torch.equal(first.coords, second.coords)
    whole = ScanInput(part())(collate_scans([samples[(0, 0)], samples[(0, 1)]]))
    counts = torch.bincount(whole.coords[:, 0]).clamp(max=20)
    assert torch.equal(torch.bincount(first.coords[:, 0]), counts)
    kept = {tuple(row) for row in whole.coords.tolist()}
    assert {tuple(row) for row in first.coords.tolist()} <= kept
    rows = batches[0]["point_to_voxel"]
    assert int(rows.max()) == len(first.coords) - 1
    assert torch.equal(first.coords[rows[rows >= 0], 0].long(), batches[0]["batch"][rows >= 0])


def test_what_a_scan_undergoes_follows_from_its_key() -> None:
    def shift(sample: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        return {**sample, "points": sample["points"] + np.float32(rng.random())}

    source: Any = [scan(5, 0), scan(5, 1)]
    samples = ScanSamples(source, [shift], seed=1)
    assert len(samples) == 2
    np.testing.assert_array_equal(samples[(3, 1)]["points"], samples[(3, 1)]["points"])
    assert not np.array_equal(samples[(3, 1)]["points"], samples[(4, 1)]["points"])
