"""Baselines as large as another network."""

import pytest
import torch

from neurospike import baselines, hw
from neurospike.baselines.scaling import fitted
from neurospike.errors import ArgumentError

SHAPE = {"in_channels": 6, "num_classes": 12, "image_size": 64}
IMAGES = [
    name for name in baselines.list() if baselines.find(name).takes == "images" and name != "ast"
]


@pytest.mark.parametrize("name", IMAGES)
def test_parameters_are_met(name: str) -> None:
    arguments = fitted(name, **SHAPE, parameters=1.87e6)
    with torch.device("meta"):
        net = baselines.create(name, **SHAPE, size="cpu", **arguments)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(1.87e6, rel=0.15)


@pytest.mark.parametrize("name", ["vanillanet", "unireplknet", "inceptionnext", "vit"])
def test_operations_are_met_as_deployed(name: str) -> None:
    # A width less or more is up to 10 % of a narrow ViT; activations are no matrix products.
    for macs in (60e6, 12e6):
        arguments = fitted(name, **SHAPE, macs=macs)
        net = baselines.deployed(baselines.create(name, **SHAPE, size="cpu", **arguments))
        found = hw.count(net, torch.rand(1, 6, 64, 64)).macs
        assert found == pytest.approx(macs, rel=0.15), macs


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("vit", {}, "one of them"),
        ("vit", {"parameters": 1e6, "macs": 1e6}, "one of them"),
        ("vit", {"parameters": -1.0}, "above 0"),
        ("vit", {"parameters": 1e12}, "cannot have"),
        ("goliath", {"parameters": 1e6}, "must be one of"),
        ("ann-twin:delay_net", {"parameters": 1e6}, "no widths"),
    ],
)
def test_what_cannot_be_met_is_refused(name: str, numbers: dict[str, float], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        fitted(name, **SHAPE, **numbers)
