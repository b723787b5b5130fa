import pytest
import torch

from neurospike import baselines
from neurospike.baselines.convit import GatedPositionalAttention, offsets_of
from neurospike.errors import ArgumentError
from tests.baselines.checks import (
    assert_counts_as_torch,
    assert_learns,
    assert_samples_stand_alone,
    parameters,
    published_macs,
)


def small(channels: int = 3, side: int | tuple[int, int] = 32, **arguments: object):
    torch.manual_seed(0)
    return baselines.create(
        "convit", in_channels=channels, num_classes=4, image_size=side, size="cpu", **arguments
    )


def test_published_size() -> None:
    # 5.7 M and 1.3 G: the model card of timm's convit_tiny; the paper's table 1 says 6 M and 1 G.
    assert round(parameters("convit") / 1e6, 1) == 5.7
    assert parameters("convit") == 5_710_512
    assert round(published_macs("convit") / 1e9, 1) == 1.3


def test_cpu_size() -> None:
    assert 0.3e6 < sum(p.numel() for p in small(side=64).parameters()) < 1.5e6


@pytest.mark.parametrize(("channels", "side"), [(3, 32), (1, (16, 40))])
def test_counts(channels: int, side: int | tuple[int, int]) -> None:
    height, width = (side, side) if isinstance(side, int) else side
    assert_counts_as_torch(small(channels, side), torch.rand(2, channels, height, width))


def test_samples_stand_alone() -> None:
    assert_samples_stand_alone(small(), torch.rand(3, 3, 32, 32))


def test_learns() -> None:
    assert_learns(small(), torch.rand(4, 3, 32, 32), classes=4)


@pytest.mark.parametrize(("heads", "places"), [(1, [0.0]), (4, [-0.5, 0.5]), (9, [-1.0, 0, 1])])
def test_heads_start_at_the_places_of_a_kernel(heads: int, places: list[float]) -> None:
    layer = GatedPositionalAttention(4 * heads, heads, strength=2.0).double()
    offsets = offsets_of((5, 4)).double()
    with torch.no_grad():
        layer.gate.fill_(torch.inf)  # nothing but places
        shares = layer.attention(torch.rand(1, 20, 4 * heads, dtype=torch.float64), offsets)[0]
    wanted = [(x, y) for x in places for y in places]
    for share, (x, y) in zip(shares, wanted, strict=True):
        apart = (offsets[..., 0] - x) ** 2 + (offsets[..., 1] - y) ** 2
        torch.testing.assert_close(share, (-2.0 * apart).softmax(-1))


def test_strong_heads_are_a_convolution() -> None:
    """A head that looks at one place alone moves the image by it, whatever the image is."""
    layer = GatedPositionalAttention(9, 9, strength=60.0).double()
    with torch.no_grad():
        layer.gate.fill_(torch.inf)
        layer.project.weight.copy_(torch.eye(9))
        x = torch.rand(1, 9, 5, 4, dtype=torch.float64)
        out = layer(x.flatten(2).mT, offsets_of((5, 4)).double()).mT.view_as(x)
    for head, (column, row) in enumerate((c, r) for c in (-1, 0, 1) for r in (-1, 0, 1)):
        moved = x[:, head].roll((-row, -column), (1, 2))
        # Away from the border, behind which there is nothing to look at.
        torch.testing.assert_close(out[:, head, 1:-1, 1:-1], moved[:, 1:-1, 1:-1])


def test_closed_gates_leave_plain_attention() -> None:
    layer = GatedPositionalAttention(8, 4).double()
    x = torch.rand(2, 6, 8, dtype=torch.float64)
    with torch.no_grad():
        layer.gate.fill_(-torch.inf)
        shares = layer.attention(x, offsets_of((2, 3)).double())
        query, key = (p.unflatten(-1, (4, 2)) for p in layer.query_key(x).chunk(2, -1))
    for b in range(2):
        for head in range(4):
            scores = query[b, :, head] @ key[b, :, head].T / 2**0.5
            torch.testing.assert_close(shares[b, head], scores.softmax(-1))


def test_shares_sum_to_one_at_any_gate() -> None:
    layer = GatedPositionalAttention(8, 4)
    with torch.no_grad():
        layer.gate.copy_(torch.tensor([-3.0, 0.0, 1.0, 5.0]))
        shares = layer.attention(torch.randn(2, 6, 8), offsets_of((2, 3)))
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 4, 6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"heads": 3}, "heads: must be a square number"),
        ({"heads": 25}, r"heads: must be a square number.*divide the width, 96"),
        ({"local": 7}, "local: must be at least 0 and less than depth, 7"),
        ({"patch": 12}, "image_size: each side must be a multiple of the patch, 12; got 32 x 32"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        small(**arguments)


def test_published_patches_refuse_what_small_ones_take() -> None:
    with pytest.raises(ArgumentError, match="multiple of the patch, 16; got 40 x 40"):
        baselines.create("convit", in_channels=1, num_classes=2, image_size=40)
    with pytest.raises(ArgumentError, match="multiple of 8"):
        small(side=36)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"images must be 32 x 32.*got 32 x 40"):
        small()(torch.rand(1, 3, 32, 40))
