"""Families of transformers: published sizes, small sizes, and what their errors say."""

import pytest
import torch
from torch import nn

from neurospike import baselines, models
from neurospike.errors import ArgumentError, MissingExtraError
from tests.baselines import checks

pytest.importorskip("transformers")

# Millions of parameters and thousand millions of products, as published, digit by digit. CvT's
# paper says 4.5 of what comes to 4.6 here; AST's says nothing.
PUBLISHED = {
    "convnext": ("28.6", "4.5"),
    "convnextv2": ("3.7", "0.55"),
    "vit": ("5.7", "1.3"),
    "swin": ("28.3", "4.5"),
    "pvt": ("13.2", "1.9"),
    "pvt_v2": ("3.7", "0.6"),
    "cvt": ("20.0", None),
    "poolformer": ("11.9", "1.8"),
    "resnet": ("11.7", "1.8"),
    "ast": ("86.6", None),
}
NAMES = sorted(PUBLISHED)
SIDE = 32


def small(name: str, classes: int = 3, size: int | tuple[int, int] = SIDE) -> nn.Module:
    torch.manual_seed(0)
    return baselines.create(
        name, in_channels=channels(name), num_classes=classes, image_size=size, size="cpu"
    )


def channels(name: str) -> int:
    return 1 if name == "ast" else 2


def images(name: str, count: int = 2, size: tuple[int, int] = (SIDE, SIDE)) -> torch.Tensor:
    return torch.randn(count, channels(name), *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_published_size_has_the_published_parameters(name: str) -> None:
    expected, _ = PUBLISHED[name]
    found = checks.parameters(name)
    digits = len(expected.partition(".")[2])
    assert f"{found / 1e6:.{digits}f}" == expected
    assert found == pytest.approx(baselines.find(name).parameters, rel=3e-3)


@pytest.mark.parametrize("name", [n for n in NAMES if PUBLISHED[n][1]])
def test_published_size_has_the_published_products(name: str) -> None:
    expected = PUBLISHED[name][1]
    assert expected is not None
    digits = len(expected.partition(".")[2])
    assert f"{checks.published_macs(name) / 1e9:.{digits}f}" == expected


@pytest.mark.parametrize("name", NAMES)
def test_cpu_size_trains_on_a_cpu(name: str) -> None:
    model = small(name, classes=10, size=64)
    assert 0.3e6 < sum(p.numel() for p in model.parameters()) < 1.5e6
    assert checks.torch_macs(model, images(name, 1, (64, 64))) < 60e6


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_counted(name: str) -> None:
    checks.assert_counts_as_torch(small(name), images(name))


@pytest.mark.parametrize("name", NAMES)
def test_samples_stand_alone(name: str) -> None:
    checks.assert_samples_stand_alone(small(name), images(name, 3))


@pytest.mark.parametrize("name", NAMES)
def test_it_learns(name: str) -> None:
    # Of CvT's last layer only the class token is read, and its query passes no convolution.
    idle = "stages.2.layers.2.attention.attention.convolution_projection_query"
    checks.assert_learns(small(name), images(name, 6), classes=3, idle=idle)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(32, 96), (64, 32)])
def test_images_need_not_be_square(name: str, size: tuple[int, int]) -> None:
    with torch.no_grad():
        logits = small(name, size=size).eval()(images(name, 1, size))
    assert logits.shape == (1, 3)


def test_strides_of_one_s_own_fit_square_images_too() -> None:
    strides = {"patch_sizes": [4, 4, 2, 2], "strides": [4, 4, 2, 2]}
    shape = {"in_channels": 2, "num_classes": 3, "image_size": 64}
    net = baselines.create("pvt", **shape, size="cpu", **strides).eval()
    with torch.no_grad():
        assert net(images("pvt", 1, (64, 64))).shape == (1, 3)


@pytest.mark.parametrize("name", ["pvt", "pvt_v2"])
def test_a_small_pyramid_has_something_to_attend_to(name: str) -> None:
    keys: list[int] = []
    net = small(name, size=64).eval()
    for part_name, part in net.named_modules():
        if part_name.endswith(".key"):
            part.register_forward_hook(lambda _m, _args, out: keys.append(out.shape[1]))
    with torch.no_grad():
        net(images(name, 1, (64, 64)))
    assert min(keys) >= 16


def test_no_sample_of_cvt_is_dropped_with_its_shortcut() -> None:
    with torch.device("meta"):
        net = baselines.create("cvt", in_channels=3, num_classes=2, image_size=224)
    drops = [part for part in net.modules() if type(part).__name__ == "CvtDropPath"]
    assert all(part.drop_prob == 0 for part in drops)
    with pytest.raises(ArgumentError, match="drop_path_rate: must be 0 for cvt"):
        baselines.create(
            "cvt", in_channels=3, num_classes=2, image_size=64, drop_path_rate=[0, 0, 0.1]
        )


def test_tokens_of_ast_start_apart() -> None:
    found = dict(small("ast").named_parameters())
    tokens = [found[f"network.audio_spectrogram_transformer.embeddings.{name}"]
              for name in ("cls_token", "distillation_token", "position_embeddings")]  # fmt: skip
    assert all(token.std() > 0.01 for token in tokens)
    assert not torch.equal(tokens[0], tokens[1])


@pytest.mark.parametrize("name", ["cvt", "poolformer", "resnet"])
def test_some_take_any_size(name: str) -> None:
    with torch.no_grad():
        logits = small(name, size=(5, 33)).eval()(images(name, 1, (5, 33)))
    assert logits.isfinite().all()


def test_a_checkpoint_knows_its_family(tmp_path: object) -> None:
    path = f"{tmp_path}/swin.safetensors"
    model = small("swin").eval()
    models.save(model, path)
    x = images("swin")
    with torch.no_grad():
        assert torch.equal(models.load(path)(x), model(x))


def test_a_slip_in_an_argument_is_refused() -> None:
    with pytest.raises(ArgumentError, match="convnext has no argument depth; it takes depths,"):
        baselines.create("convnext", in_channels=3, num_classes=2, image_size=32, depth=[1])


def test_a_value_that_transformers_refuses_is_one_line() -> None:
    with pytest.raises(ArgumentError, match=r"resnet refuses .*'depths': 'many'") as error:
        baselines.create("resnet", in_channels=3, num_classes=2, image_size=32, depths="many")
    assert "\n" not in str(error.value)


def test_a_spectrogram_has_one_channel_and_room_for_a_patch() -> None:
    with pytest.raises(ArgumentError, match=r"in_channels: must be 1 for ast, .*; got 2"):
        baselines.create("ast", in_channels=2, num_classes=2, image_size=64)
    with pytest.raises(ArgumentError, match=r"ast needs 16 mel bands and frames .* \(64, 12\)"):
        baselines.create("ast", in_channels=1, num_classes=2, image_size=(64, 12))


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers.models.vit", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'neurospike\[baselines\]'"):
        baselines.create("vit", in_channels=3, num_classes=2, image_size=32)
