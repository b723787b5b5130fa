"""The shipped recipes of segmentation, on scans of Streets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike import datasets
from neurospike.train.recipe import load_recipe
from neurospike.train.run import build_model
from neurospike.train.samples import build_loader, build_source
from neurospike.train.segmentation import class_shares
from neurospike.train.tasks import build_task

pytest.importorskip("open3d")


@pytest.fixture(scope="module")
def streets() -> datasets.Streets:
    return datasets.Streets("train", scans=2, task="segment", scans_per_world=2)


def test_the_small_network_learns_from_streets(streets: datasets.Streets) -> None:
    recipe = load_recipe("streets-segment")
    task = build_task(recipe)
    samples = task.samples(streets, augmented=True, seed=0)
    torch.manual_seed(0)
    model = build_model(recipe, task, streets)
    assert sum(p.numel() for p in model.parameters()) == 1_626_659
    batch = next(iter(build_loader(samples, 2, collate=task.collate, shuffle=True)))
    x = task.encode(batch)
    # The range holds nearly every point, however a scan was scaled.
    assert (batch["point_to_voxel"] < 0).float().mean() < 0.01
    optimizer = torch.optim.AdamW(model.parameters(), 4e-3)
    losses = []
    for _ in range(3):
        loss = task.loss(model, model(x), batch, training=True)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1


def test_the_published_recipe_fits_nineteen_classes(streets: datasets.Streets) -> None:
    recipe = load_recipe("semantickitti")
    task = build_task(recipe)
    assert task.score == "mIoU"
    with torch.device("meta"):
        model = build_model(recipe, task, streets)
    assert sum(p.numel() for p in model.parameters()) == 20_049_683
    samples = task.samples(streets, augmented=False, seed=0)
    x = task.encode(task.collate([samples[(0, 0)]]))
    assert x.features.shape[1] == 4
    assert x.spatial_shape == (1408, 1408, 120)


def test_semantickitti_keeps_its_published_shares_where_scans_are_held_out(
    streets: datasets.Streets, tmp_path: Path
) -> None:
    scan = streets[0]
    for name in ("000000", "000001"):
        columns = (scan["points"][:500], scan["label"][:500])
        datasets.write_semantic_scan(tmp_path, "00", name, *columns)
    recipe = load_recipe("semantickitti")
    source = build_source(recipe.data, "train", root=tmp_path)
    assert np.array_equal(class_shares(source), datasets.SemanticKITTI.shares)
