"""Solids: deterministic, balanced, noisy, and hard for a linear classifier on occupancy."""

import pickle
import warnings

import numpy as np
import pytest

from neurospike.datasets import Solids, sample_surface
from neurospike.datasets.solid_shapes import SHAPES, arrays
from neurospike.errors import ArgumentError


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(first[key], second[key]) for key in first
    )


def test_samples_hold_points_normals_label_and_name() -> None:
    solids = Solids(split="val", size=24, seed=3)
    assert len(solids) == 24
    assert len(solids.classes) >= 10
    for index, sample in enumerate(solids):
        points, normals = sample["points"], sample["normals"]
        assert points.dtype == normals.dtype == np.float32
        assert points.shape == normals.shape
        assert 256 <= len(points) <= 1024
        assert np.abs(points).max() < 0.9
        assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
        assert sample["label"] == solids.labels[index] == index % len(solids.classes)
        assert sample["name"].startswith(solids.classes[sample["label"]])


def test_equal_bits_by_seed_whatever_the_order() -> None:
    forward = Solids(size=40, seed=5)
    backward = Solids(size=60, seed=5, cache=False)
    assert all(equal(forward[i], backward[i]) for i in reversed(range(40)))
    assert all(equal(forward[i], backward[i]) for i in range(40))
    assert not equal(forward[0], Solids(size=40, seed=6)[0])


def test_splits_never_share_a_sample() -> None:
    splits = [Solids(split=split, size=24, seed=1) for split in ("train", "val", "test")]
    clouds = {sample["points"].tobytes() for split in splits for sample in split}
    assert len(clouds) == 72


def test_legacy_validates_on_the_test_split() -> None:
    legacy = Solids(split="val", size=12, protocol="legacy")
    assert equal(legacy[3], Solids(split="test", size=12)[3])
    assert equal(
        Solids(split="train", size=12, protocol="legacy", root=None)[3], Solids(size=12)[3]
    )


def test_the_cache_is_out_of_reach() -> None:
    solids = Solids(size=12)
    first = solids[0]
    first["points"][:] = 0
    assert equal(solids[0], Solids(size=12)[0])
    assert equal(pickle.loads(pickle.dumps(solids))[0], solids[0])


def test_noise_zero_leaves_the_surface_clean() -> None:
    clean = [Solids(size=12, noise=0)[i] for i in range(12)]
    assert all(len(sample["points"]) == 1024 for sample in clean)
    worn = [len(Solids(size=12, noise=1000.0)[i]["points"]) for i in range(12)]
    assert min(worn) >= 256


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_vary_in_proportion_and_face_outwards(name: str) -> None:
    boxes = set()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        vertices, triangles = arrays(SHAPES[name](rng))
        edges = np.ptp(vertices, axis=0)
        boxes.add(tuple(np.round(edges / edges.max(), 4)))
        points, normals = sample_surface(vertices, triangles, 2000, rng=rng)
        centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        # By the divergence theorem the mean of (p - c) . n is 3 V / A, positive when outwards.
        assert np.einsum("ij,ij->i", points - centre, normals).mean() > 0
    assert len(boxes) > 1 or name in {"torus", "helix"}


def test_progress_and_preparation(monkeypatch: pytest.MonkeyPatch) -> None:
    solids = Solids(size=600, points=16).prepare()
    monkeypatch.setattr(type(solids), "_made", None)
    assert len(solids[599]["points"]) <= 16


@pytest.mark.parametrize(
    "arguments",
    [
        {"split": "dev"},
        {"protocol": "dirty"},
        {"size": -1},
        {"seed": -1},
        {"points": 0},
        {"noise": -0.1},
        {"noise": float("nan")},
    ],
)
def test_bad_arguments_are_named(arguments: dict) -> None:
    (name,) = arguments
    with pytest.raises(ArgumentError, match=rf"Solids\.{name}: "):
        Solids(**arguments)


def occupancy(solids: Solids, cells: int, pooling: str) -> np.ndarray:
    """Occupancy of every sample on ``cells`` cubed: centred and scaled, or 5 cm voxels pooled."""
    grids = np.zeros((len(solids), cells**3))
    for row, sample in enumerate(solids):
        points = sample["points"]
        if pooling == "scaled":
            points = points - points.mean(axis=0)
            unit = np.floor((points / np.abs(points).max() * 0.999 + 1) / 2 * cells)
            grid = np.zeros((cells,) * 3)
            grid[tuple(unit.astype(int).T)] = 1
        else:
            voxels = np.zeros((36,) * 3)
            voxels[tuple(np.floor((points + 0.9) / 0.05).astype(int).T)] = 1
            k = 36 // cells
            blocks = voxels.reshape(cells, k, cells, k, cells, k)
            grid = blocks.max((1, 3, 5)) if pooling == "max" else blocks.mean((1, 3, 5))
        grids[row] = grid.ravel()
    return grids


@pytest.mark.parametrize(("cells", "pooling"), [(6, "mean"), (9, "max"), (8, "scaled")])
def test_a_linear_classifier_on_pooled_occupancy_stays_under_sixty_per_cent(
    cells: int, pooling: str
) -> None:
    from sklearn.linear_model import LogisticRegression

    train, val = TRAIN.prepare(progress=False), VAL.prepare(progress=False)
    x, y = occupancy(train, cells, pooling), occupancy(val, cells, pooling)
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so far from converging matters little to the score
        line = LogisticRegression(C=0.01, max_iter=60).fit((x - mean) / spread, train.labels)
    score = line.score((y - mean) / spread, val.labels)
    assert score < 0.60
    assert score > 0.15  # yet above chance, 1 / 12: the features do say something


TRAIN, VAL = Solids("train", 2400), Solids("val", 600)
