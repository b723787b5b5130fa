"""VanillaNet: activations that fade, series of activations, and the form that is deployed."""

from pathlib import Path

import pytest
import torch
from torch import nn

from neurospike import baselines, hw, models
from neurospike.baselines.merging import deployed
from neurospike.baselines.vanillanet import Pair, SeriesActivation, VanillaNet
from neurospike.errors import ArgumentError, StateError

from . import checks


def small(**arguments: object) -> VanillaNet:
    torch.manual_seed(0)
    model = baselines.create(
        "vanillanet", in_channels=2, num_classes=5, image_size=32, size="cpu", **arguments
    )
    assert isinstance(model, VanillaNet)
    return model


def used(model: nn.Module, seed: int = 1) -> nn.Module:
    """Norms and weights as training might leave them: nothing folds to the identity."""
    generator = torch.Generator().manual_seed(seed)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            for values in (part.weight, part.bias, part.running_mean, part.running_var):
                values.data.copy_(torch.rand(values.shape, generator=generator) + 0.5)
        if isinstance(part, nn.Conv2d):
            size = (part.in_channels // part.groups * part.kernel_size[0] ** 2) ** -0.5
            part.weight.data.normal_(0, size, generator=generator)
    return model


def test_published_size_is_the_deployed_one() -> None:
    torch.manual_seed(0)
    model = baselines.create("vanillanet", in_channels=3, num_classes=1000, image_size=224)
    shallow = deployed(model)
    found = sum(p.numel() for p in shallow.parameters())
    assert round(found / 1e6, 1) == baselines.find("vanillanet").parameters / 1e6 == 15.5
    # The authors' table says 5.2 billion.
    macs = checks.torch_macs(shallow.to("meta"), torch.empty(1, 3, 224, 224, device="meta"))
    assert round(macs / 1e9, 1) == 5.2
    # Five layers, besides the series of four activations.
    layers = [p for p in shallow.modules() if isinstance(p, nn.Conv2d) and p.groups == 1]
    assert len(layers) == 5


def test_cpu_size() -> None:
    with torch.device("meta"):
        model = baselines.create(
            "vanillanet", in_channels=3, num_classes=40, image_size=64, size="cpu"
        )
        assert checks.torch_macs(model, torch.empty(1, 3, 64, 64)) < 60e6
    assert 0.3e6 < sum(p.numel() for p in model.parameters()) < 1.5e6


@pytest.mark.parametrize("side", [32, 45])
def test_deployed_form_computes_the_same(side: int) -> None:
    model = used(small()).eval()
    x = torch.randn(3, 2, side, 32)
    with torch.no_grad():
        expected, found = model(x), deployed(model)(x)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_deployed_form_of_a_trained_network_computes_the_same() -> None:
    model = small()
    checks.assert_learns(model, torch.randn(8, 2, 32, 32), 5)
    x = torch.randn(3, 2, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(deployed(model)(x), model.eval()(x), rtol=1e-5, atol=1e-5)


def test_deployed_form_is_counted_too_and_costs_less() -> None:
    model, x = small(), torch.randn(2, 2, 32, 32)
    shallow = deployed(model)
    checks.assert_counts_as_torch(model, x)
    checks.assert_counts_as_torch(shallow, x)
    assert hw.count(shallow, x).macs < 0.7 * hw.count(model, x).macs


def test_samples_stand_alone() -> None:
    checks.assert_samples_stand_alone(used(small()), torch.randn(3, 2, 32, 32))


@pytest.mark.parametrize("faded", [0.0, 0.25, 1.0])
def test_activation_fades_from_relu_to_nothing(faded: float) -> None:
    model = small()
    model.act_learn = faded
    pair = next(part for part in model.modules() if isinstance(part, Pair)).eval()
    x = torch.randn(2, 2, 32, 32)
    with torch.no_grad():
        middle = pair.first_norm(pair.first(x))
        bent = (1 - faded) * middle.clamp(min=0) + faded * middle
        torch.testing.assert_close(pair(x), pair.second_norm(pair.second(bent)))
    assert model.act_learn == faded


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_fading_beyond_its_ends_is_refused(value: float) -> None:
    with pytest.raises(ArgumentError, match=r"must lie in 0\.\.1"):
        small().act_learn = value


def test_layers_do_not_merge_before_the_activation_has_faded() -> None:
    model = small()
    model.act_learn = 0.5
    with pytest.raises(StateError, match=r"must be 1 before layers can merge; got 0\.5"):
        deployed(model)
    model.act_learn = 1
    deployed(model)


def test_a_checkpoint_remembers_how_far_the_activation_had_faded(tmp_path: Path) -> None:
    model = small()
    model.act_learn = 0.25
    models.save(model, tmp_path / "a.safetensors")
    again = models.load(tmp_path / "a.safetensors")
    x = torch.randn(1, 2, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(again(x), model.eval()(x))
    assert again.act_learn == 0.25


def test_series_sums_bent_neighbours_of_a_channel() -> None:
    torch.manual_seed(0)
    layer = SeriesActivation(3, reach=1).double().eval()
    x = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    expected = torch.zeros_like(x)
    for row in range(4):
        for column in range(5):
            for i in range(max(row - 1, 0), min(row + 2, 4)):
                for j in range(max(column - 1, 0), min(column + 2, 5)):
                    tap = layer.series.weight[:, 0, i - row + 1, j - column + 1]
                    expected[0, :, row, column] += tap * x[0, :, i, j].clamp(min=0)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), layer.norm(expected))


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"at least 32 for vanillanet.*got \(31, 64\)"):
        baselines.create("vanillanet", in_channels=1, num_classes=2, image_size=(31, 64))
    with pytest.raises(ArgumentError, match="strides: must be one fewer than widths"):
        small(strides=(2, 2))
