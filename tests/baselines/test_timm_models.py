"""timm's networks, by a stand-in: timm itself needs a torchvision that few machines have."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from neurospike import baselines
from neurospike.errors import ArgumentError, MissingExtraError

calls: list[tuple[str, dict[str, Any]]] = []


def create_model(name: str, pretrained: bool = False, **arguments: Any) -> nn.Module:
    """As timm's: arguments that a factory has not are a TypeError."""
    if name == "plain_net" and "img_size" in arguments:
        raise TypeError("plain_net() got an unexpected keyword argument 'img_size'")
    if "depth" in arguments:
        raise TypeError("got an unexpected\nkeyword argument 'depth'")
    calls.append((name, {"pretrained": pretrained, **arguments}))
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(arguments["num_classes"]))


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    names = ("plain_net", "sized_net")
    stand_in = SimpleNamespace(
        create_model=create_model,
        is_model=lambda name: name in names,
        get_pretrained_cfg=lambda name: SimpleNamespace(fixed_input_size=name == "sized_net"),
    )
    monkeypatch.setitem(sys.modules, "timm", stand_in)  # type: ignore[arg-type]


def create(name: str, **arguments: Any) -> nn.Module:
    return baselines.create(name, in_channels=2, num_classes=5, image_size=(32, 64), **arguments)


@pytest.mark.usefixtures("timm")
def test_new_weights_in_the_asked_for_shape() -> None:
    assert create("timm:plain_net")(torch.randn(3, 2, 32, 64)).shape == (3, 5)
    create("timm:sized_net", drop_rate=0.1)
    common = {"pretrained": False, "in_chans": 2, "num_classes": 5}
    assert calls == [
        ("plain_net", common),
        ("sized_net", {**common, "img_size": (32, 64), "drop_rate": 0.1}),
    ]


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("timm:resnot", {}, r"one of timm\.list_models\(\); got 'resnot'"),
        ("timm:plain_net", {"pretrained": True}, "pretrained: must be left out"),
        ("timm:plain_net", {"depth": 3}, "timm refuses 'plain_net': got an unexpected keyword"),
        ("timm:", {}, "must be one of .*timm:NAME; got 'timm:'"),
    ],
)
def test_what_timm_refuses_is_one_line(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as error:
        create(name, **arguments)
    assert "\n" not in str(error.value)


def test_without_timm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match="pip install timm"):
        create("timm:resnet18")
