"""What is timed and what takes memory is the network that is deployed, on samples new to it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from neurospike import models
from neurospike.nn import SubmanifoldConv3d
from neurospike.sparse import VoxelTensor
from neurospike.train import Recipe, load_recipe
from neurospike.train.comparing import peaks
from neurospike.train.comparing.costs import measure_latency
from neurospike.train.comparing.peaks import peak_megabytes, tells_peaks, unseen
from neurospike.train.deploying import deployed


class Noting(nn.Module):
    """One convolution that notes the voxels it is given, and what was derived from them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = SubmanifoldConv3d(1, 1)
        self.met: list[Any] = []
        self.known: list[int] = []

    def forward(self, x: VoxelTensor) -> VoxelTensor:
        self.met.append(x.active)
        self.known.append(len(x.active._cache))
        return self.layer(x)


def voxels() -> VoxelTensor:
    coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 3, 3, 3]], dtype=torch.int32)
    return VoxelTensor(coords, torch.ones(3, 1), (4, 4, 4), batch_size=1)


def test_every_timed_inference_builds_its_kernel_maps() -> None:
    sample = voxels()
    models = [Noting(), Noting()]
    opened: Any = [SimpleNamespace(inputs=(sample,), model=model) for model in models]
    taken = measure_latency(opened, 5)
    assert [len(one) for one in taken] == [5, 5]
    met = [active for model in models for active in model.met]
    assert len(set(map(id, met))) == len(met) >= 10
    assert sample.active not in met
    assert all(known == 0 for model in models for known in model.known)


def test_a_sample_not_met_before_is_the_same_sample() -> None:
    sample = voxels()
    SubmanifoldConv3d(1, 1)(sample)
    copy = unseen(sample)
    assert sample.active._cache and not copy.active._cache
    assert torch.equal(copy.coords, sample.coords)
    assert torch.equal(copy.features, sample.features)
    image = torch.rand(1, 3)
    assert torch.equal(unseen(image), image)


def in_this_process(
    monkeypatch: pytest.MonkeyPatch, model: nn.Module, sample: Any, recipe: Recipe
) -> list[Any]:
    """What ``peak_of`` meets of a model: modules that ran, and what was known of their voxels."""
    seen: list[Any] = []

    def peak_of(call: Any) -> float:
        hooks = nn.modules.module.register_module_forward_pre_hook(
            lambda module, _inputs: seen.append(module)
        )
        call()
        hooks.remove()
        return 0.0

    monkeypatch.setattr(models, "load", lambda _path: model)
    monkeypatch.setattr(peaks, "peak_of", peak_of)
    peaks._measure(Path("any"), sample, recipe)
    return seen


def test_memory_is_that_of_a_sample_not_met_before(monkeypatch: pytest.MonkeyPatch) -> None:
    model, sample = Noting(), voxels()
    in_this_process(monkeypatch, model, sample, load_recipe("solids"))
    assert model.known == [0, 0]
    assert len({id(active) for active in [*model.met, sample.active]}) == 3


def test_memory_is_that_of_the_merged_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurospike import baselines

    recipe = load_recipe("solids")
    model = baselines.create(
        "vanillanet", in_channels=2, num_classes=3, image_size=32, size="cpu"
    ).eval()
    merged = sum(1 for _ in deployed(model, recipe).modules())
    seen = in_this_process(monkeypatch, model, torch.rand(1, 2, 32, 32), recipe)
    assert len(seen) == merged < sum(1 for _ in model.modules())


@pytest.mark.skipif(not tells_peaks(), reason="only Linux tells a process its peak")
def test_memory_is_that_of_whole_delays(tmp_path: Path) -> None:
    recipe = load_recipe("fsdd")
    model = models.create("delay_net", task="shd", hidden=64, num_classes=10, in_features=70)
    path = tmp_path / "best.safetensors"
    models.save(model, path)
    sample = (torch.rand(42, 1, 70) < 0.05).float()
    trained = recipe.model_copy(
        update={"delays": recipe.delays.model_copy(update={"round": False})}
    )
    rounded, spread = (peak_megabytes(path, sample, one) for one in (recipe, trained))
    assert rounded is not None and spread is not None
    assert rounded < 0.5 * spread
