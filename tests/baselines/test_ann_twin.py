"""Twins of the spiking networks: same topology, rectifiers, priced as products."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from neurospike import baselines, hw, models
from neurospike.errors import ArgumentError
from neurospike.nn import ILIF, LIF, AdLIF, QuantisedReLU, ReLU, Stateful, UnarySpikes
from neurospike.sparse import VoxelTensor
from tests.baselines import checks

NAMES = ["delay_net", "e3dsnn", "e3dsnn_detector", "e3dsnn_segmenter"]


def cloud(features: int = 6, samples: int = 3, edge: int = 12) -> VoxelTensor:
    generator = torch.Generator().manual_seed(0)
    every = torch.cartesian_prod(*(torch.arange(edge),) * 3)
    parts = []
    for sample in range(samples):
        picked = every[torch.randperm(len(every), generator=generator)[:60]]
        parts.append(torch.cat([torch.full((60, 1), sample), picked], 1))
    coords = torch.cat(parts).to(torch.int32)
    values = torch.randn(len(coords), features, generator=generator)
    return VoxelTensor.from_unsorted(coords, values, (edge,) * 3, samples)


def fires(model: nn.Module) -> bool:
    return any(isinstance(layer, Stateful) and layer.emits_spikes for layer in model.modules())


def twin(of: str, in_channels: int = 6, classes: int = 3, **arguments: object) -> nn.Module:
    torch.manual_seed(0)
    return baselines.create(
        f"ann-twin:{of}", in_channels=in_channels, num_classes=classes, image_size=0, **arguments
    )


@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("size", ["published", "cpu"])
def test_every_model_has_one_with_its_parameters(model: str, size: str) -> None:
    family = baselines.find(f"ann-twin:{model}")
    assert f"ann-twin:{model}" in baselines.list()
    channels, classes, _ = family.example
    with torch.device("meta"):
        found = twin(model, channels, classes, size=size)
        sizes = {} if model == "e3dsnn_detector" else {"num_classes": classes}
        arguments = family.published if size == "published" else family.cpu
        spiking = models.create(model, in_features=channels, **sizes, **arguments)
    assert fires(spiking)
    assert not fires(found)
    count = sum(p.numel() for p in found.parameters())
    assert count == sum(p.numel() for p in spiking.parameters())
    if family.parameters is not None and size == "published":
        assert count == family.parameters


def test_the_plain_name_takes_a_model() -> None:
    one = baselines.create(
        "ann-twin", in_channels=9, num_classes=4, image_size=32, model="delay_net", hidden=5
    )
    assert one(torch.randn(7, 2, 9))[0].shape == (2, 4)


def test_it_starts_from_the_spiking_networks_weights_and_is_what_counting_compares_with() -> None:
    x = cloud()
    torch.manual_seed(0)
    spiking = models.e3dsnn("T", num_classes=3).eval()
    own, other = twin("e3dsnn").eval(), hw.ann_twin(spiking)
    with torch.no_grad():
        assert torch.equal(own(x), other(x))
    counted = hw.count(own, x)
    assert counted.synops == counted.updates == 0
    assert counted.macs == hw.count(other, x).macs > 0


def test_four_levels_compute_what_the_spiking_network_does() -> None:
    x = cloud()
    torch.manual_seed(0)
    spiking = models.e3dsnn("T", num_classes=3)
    spiking(x)  # running statistics of its own
    quantised = twin("e3dsnn", levels=4)
    quantised.load_state_dict(spiking.state_dict())
    assert any(isinstance(layer, QuantisedReLU) for layer in quantised.modules())
    with torch.no_grad():
        assert torch.equal(quantised.eval()(x), spiking.eval()(x))


def test_steps_of_one_input_are_one() -> None:
    with torch.no_grad():
        assert torch.equal(twin("e3dsnn", steps=4).eval()(cloud()), twin("e3dsnn").eval()(cloud()))


@pytest.mark.parametrize("neuron", ["lif", "adlif"])
def test_a_net_of_delays_keeps_them(neuron: str) -> None:
    net = twin("delay_net", 9, hidden=8, neuron=neuron, learnable_tau=True, max_delay=5)
    assert not any(isinstance(layer, LIF | AdLIF) for layer in net.modules())
    assert {name.rpartition(".")[2] for name, _ in net.named_parameters()} >= {"delay", "weight"}
    counted = hw.count(net, torch.randn(6, 2, 9), batch_dim=1)
    assert counted.synops == 0
    assert counted.macs > 0


@pytest.mark.parametrize("levels", [None, 15])
def test_it_learns(levels: int | None) -> None:
    class OnCloud(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = twin("e3dsnn", levels=levels)

        def forward(self, _samples: Tensor) -> Tensor:
            logits: Tensor = self.net(cloud())
            return logits

    checks.assert_learns(OnCloud(), torch.zeros(3, 1), classes=3)


def test_a_checkpoint_of_a_quantised_twin_loads(tmp_path: Path) -> None:
    model = twin("e3dsnn", levels=7).eval()
    models.save(model, tmp_path / "twin.safetensors")
    loaded = models.load(tmp_path / "twin.safetensors")
    assert any(isinstance(layer, QuantisedReLU) and layer.levels == 7 for layer in loaded.modules())
    with torch.no_grad():
        assert torch.equal(loaded(cloud()), model(cloud()))


def test_unary_events_become_plain_numbers() -> None:
    net = nn.Sequential(ILIF(), UnarySpikes(4), nn.Linear(2, 2))
    twin_of = models.without_spikes(copy.deepcopy(net))
    assert [type(layer) for layer in twin_of] == [ReLU, nn.Identity, nn.Linear]


@pytest.mark.parametrize(
    ("model", "classes", "arguments", "message"),
    [
        ("e3dsn", 3, {}, "ann-twin needs one of baseline, delay_net, e3dsnn, .*; got 'e3dsn'"),
        ("baseline", 3, {}, "a factory that takes in_features and num_classes; got 'baseline'"),
        ("e3dsnn", 3, {"levels": 0}, "levels: must be a whole number, 1 or more; got 0"),
        ("e3dsnn", 3, {"in_features": 4}, "in_features: must be the data's 6; got 4"),
        ("e3dsnn", 3, {"width": 4}, "e3dsnn takes"),
        ("e3dsnn", 3, {"model": "delay_net"}, "is 'e3dsnn' by the name; got 'delay_net'"),
        ("e3dsnn_detector", 4, {}, "at most 3, for Car, Pedestrian, Cyclist; got 4"),
        (
            "e3dsnn_segmenter",
            3,
            {"size": "cpu", "spiking": False},
            "neurons that fire; got 'e3dsnn_segmenter'",
        ),
        ("delay_net", 3, {"recurrent_delay": 4}, "must not hold a RecurrentDelay"),
    ],
)
def test_what_has_no_twin_is_named(
    model: str, classes: int, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        twin(model, classes=classes, **arguments)


def test_a_detector_finds_the_first_classes() -> None:
    with torch.device("meta"):
        assert twin("e3dsnn_detector", 4, 2, size="cpu").classes == ("Car", "Pedestrian")
        names = ("Cyclist", "Car", "Pedestrian")
        shape = {"in_channels": 4, "num_classes": 2, "image_size": 0}
        found = baselines.create("ann-twin:e3dsnn_detector", **shape, size="cpu", classes=names)
        assert found.classes == names[:2]


def test_users_models_have_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.registry, "_FACTORIES", dict(models.registry.factories()))

    @models.register
    def own_net(in_features: int, num_classes: int, width: int = 3) -> nn.Module:
        return nn.Sequential(
            nn.Linear(in_features, width), LIF(tau=2.0), nn.Linear(width, num_classes)
        )

    net = twin("own_net", 5, 2, width=7)
    assert [type(layer) for layer in net] == [nn.Linear, ReLU, nn.Linear]
    assert net(torch.zeros(4, 5)).shape == (4, 2)
