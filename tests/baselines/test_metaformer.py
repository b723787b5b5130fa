from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from neurospike import baselines, hw, models
from neurospike.baselines.metaformer import ImageNorm
from neurospike.baselines.star_relu import StarReLU
from neurospike.baselines.token_mixers import RandomMixing
from neurospike.errors import ArgumentError
from tests.baselines.checks import (
    assert_counts_as_torch,
    assert_learns,
    assert_samples_stand_alone,
    parameters,
    published_macs,
)

NAMES = [f"metaformer:{mixer}" for mixer in ("identity", "rand", "conv", "ca")]
EACH = pytest.mark.parametrize("name", NAMES)


def small(name: str, channels: int = 3, side: int | tuple[int, int] = 32, **arguments: object):
    torch.manual_seed(0)
    return baselines.create(
        name, in_channels=channels, num_classes=4, image_size=side, size="cpu", **arguments
    )


# The tables of github.com/sail-sg/metaformer. RandFormer: 11.9 M that are trained and 0.2 M that
# are not. Of CAFormer-S18 a public benchmark of timm's models has the exact number.
@pytest.mark.parametrize(
    ("name", "millions", "exact", "billion_macs"),
    [
        ("metaformer:identity", "11.9", 11_891_712, 1.8),
        ("metaformer:rand", "12.1", 11_891_712 + 6 * 196**2 + 2 * 49**2, 1.9),
        ("metaformer:conv", "27", 26_774_448, 3.9),
        ("metaformer:ca", "26", 26_341_656, 4.1),
    ],
)
def test_published_size(name: str, millions: str, exact: int, billion_macs: float) -> None:
    found = parameters(name)
    digits = len(millions.partition(".")[2])
    assert f"{found / 1e6:.{digits}f}" == millions
    assert found == exact
    assert round(published_macs(name) / 1e9, 1) == billion_macs


@EACH
def test_cpu_size(name: str) -> None:
    assert 0.3e6 < sum(p.numel() for p in small(name, side=64).parameters()) < 1.5e6


@EACH
@pytest.mark.parametrize(("channels", "side"), [(3, 32), (1, (9, 21))])
def test_counts(name: str, channels: int, side: int | tuple[int, int]) -> None:
    height, width = (side, side) if isinstance(side, int) else side
    assert_counts_as_torch(small(name, channels, side), torch.rand(2, channels, height, width))


@EACH
def test_samples_stand_alone(name: str) -> None:
    assert_samples_stand_alone(small(name), torch.rand(3, 3, 32, 32))


@EACH
def test_learns(name: str) -> None:
    assert_learns(small(name), torch.rand(4, 3, 32, 32), classes=4)


def test_gradients_of_star_relu_are_those_of_its_equation() -> None:
    star = StarReLU().double()
    with torch.no_grad():
        star.scale.fill_(0.9)
        star.bias.fill_(-0.4)
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

    def by_equation(x: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return scale * torch.clamp(x, min=0) ** 2 + bias

    inputs = (x, star.scale, star.bias)
    weights = torch.randn(3, 4, dtype=torch.float64)
    expected = torch.autograd.grad((weights * by_equation(*inputs)).sum(), inputs)
    for found, wanted in zip(
        torch.autograd.grad((weights * star(x)).sum(), inputs), expected, strict=True
    ):
        torch.testing.assert_close(found, wanted)


def test_star_relu_keeps_a_normal_input_normal() -> None:
    star = StarReLU().double()
    with torch.no_grad():
        star.scale.fill_(0.8944)
        star.bias.fill_(-0.4472)
    x = torch.randn(10**6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    out = star(x)
    assert abs(out.mean().item()) < 0.01
    assert abs(out.var().item() - 1) < 0.03


def test_activation_and_norm_are_counted_as_their_kind() -> None:
    x = torch.rand(2, 3, 4, 5)
    assert hw.count(StarReLU(), x).macs == 0
    counted = hw.count(ImageNorm(5), x)
    assert (counted.macs, counted.acs) == (2 * 60, 2 * 60)


def test_image_norm_is_a_group_norm_of_one_group() -> None:
    norm = ImageNorm(5)
    with torch.no_grad():
        norm.weight.normal_()
    x = torch.rand(2, 3, 4, 5)
    grouped = F.group_norm(x.movedim(-1, 1), 1, norm.weight, eps=1e-6).movedim(1, -1)
    torch.testing.assert_close(norm(x), grouped)


def test_random_mixing_takes_means_and_is_not_trained() -> None:
    mixing = RandomMixing(6)
    torch.testing.assert_close(mixing(torch.ones(2, 2, 3, 4)), torch.ones(2, 2, 3, 4))
    x = torch.rand(2, 2, 3, 4)
    mixed = torch.einsum("mn,bnc->bmc", mixing.mix.weight, x.flatten(1, 2)).view_as(x)
    torch.testing.assert_close(mixing(x), mixed)
    assert not any(p.requires_grad for p in mixing.parameters())
    assert "mix.weight" in mixing.state_dict()
    network = small("metaformer:rand")
    shares = [m.mix.weight for m in network.modules() if isinstance(m, RandomMixing)]
    assert [len(s) for s in shares] == [16, 16, 16, 4]
    for weight in shares:
        torch.testing.assert_close(weight.sum(-1), torch.ones(len(weight)))


def test_a_checkpoint_holds_the_random_means(tmp_path: Path) -> None:
    network = small("metaformer:rand").eval()
    models.save(network, tmp_path / "rand.safetensors")
    loaded = models.load(tmp_path / "rand.safetensors").eval()
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(network(x), loaded(x))


def test_random_mixing_refuses_images_of_another_size() -> None:
    with pytest.raises(ArgumentError, match=r"must have 16 tokens; got 3 x 3"):
        small("metaformer:rand")(torch.rand(1, 3, 24, 24))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mixers": ["identity"] * 3}, "one mixer, depth and width a stage; got 3, 4 and 4"),
        ({"mixers": ["conv"] * 3 + ["pool"]}, "must be among identity, random, .* got 'pool'"),
        ({"widths": [24, 48, 96, 100]}, "multiple of 32, the width of a head, .* got 100"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        small("metaformer:ca", **arguments)


def test_images_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ArgumentError, match="leaves nothing behind a stem of stride 4; got 2 x 64"):
        baselines.create("metaformer:conv", in_channels=3, num_classes=2, image_size=(2, 64))
    assert small("metaformer:conv", side=(1, 1))(torch.rand(1, 3, 1, 1)).shape == (1, 4)
