"""Baselines whose branches merge are tested and priced in the form that is deployed."""

from pathlib import Path

import torch

from neurospike import baselines
from neurospike.train import fit, load_recipe, open_run
from neurospike.train.deploying import deployed, merges
from neurospike.train.fading import fading_buffers
from neurospike.train.opponents import with_baseline
from tests.train.comparing.runs import little_recipe


def test_merged_forms_have_the_same_outputs_and_wait_until_nothing_fades() -> None:
    torch.manual_seed(0)
    recipe = load_recipe("solids")
    net = baselines.create("vanillanet", in_channels=2, num_classes=3, image_size=32, size="cpu")
    x = torch.rand(2, 2, 32, 32)
    net.eval()
    small = deployed(net, recipe)
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in net.parameters())
    assert torch.allclose(small(x), net(x), atol=1e-5)
    for faded in fading_buffers(net):
        faded.fill_(0.5)
    assert not merges(net)
    assert deployed(net, recipe) is net


def test_a_run_fades_its_activations_and_opens_merged(tmp_path: Path) -> None:
    recipe = with_baseline(little_recipe(), "vanillanet", image_size=32)
    found = fit(recipe, out=tmp_path / "run", progress=False)
    model, _, _ = open_run(found.checkpoint)
    assert found.epochs == 3
    assert found.best_epoch >= 2  # in the first of the three they bend
    assert sum(p.numel() for p in model.parameters()) < found.parameters
