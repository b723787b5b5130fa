"""Leaves of transformers and timm are counted by name, neither library being imported."""

import pytest
import torch
from torch import Tensor, nn

from neurospike import hw

PASSED_ON = ("timm.layers.drop.DropPath", "transformers.models.swin.modeling_swin.SwinDropPath")
NUMBERS = 2 * 3 * 4 * 5
EXPECTED = {
    "timm.layers.activations.GELU": (0, 0),
    "timm.layers.norm.LayerNorm2d": (2 * NUMBERS, 2 * NUMBERS),
    "timm.layers.norm.GroupNorm": (2 * NUMBERS, 2 * NUMBERS),
    "timm.layers.norm.GroupNorm1": (2 * NUMBERS, 2 * NUMBERS),
    "timm.layers.layer_scale.LayerScale2d": (NUMBERS, 0),
    # A product with each scale, a square and the response's product; what channels have besides.
    "timm.layers.grn.GlobalResponseNorm": (3 * NUMBERS + 2 * 3, NUMBERS + 2 * 3),
    **dict.fromkeys(PASSED_ON, (0, 0)),
}


def leaf(path: str) -> nn.Module:
    """A layer of that name whose sum would be counted if it were no leaf with a rule."""
    module, _, name = path.rpartition(".")

    class Leaf(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            return x.cumsum(1)

    Leaf.__module__, Leaf.__qualname__ = module, name
    return Leaf()


@pytest.mark.parametrize("path", EXPECTED)
def test_leaves_are_known_by_name(path: str) -> None:
    counted = hw.count(leaf(path), torch.randn(2, 3, 4, 5))
    assert (counted.macs * 2, counted.acs * 2) == EXPECTED[path]


def test_a_linear_layer_of_timm_is_a_linear_layer() -> None:
    layer = nn.Linear(5, 7, bias=False)
    own = type("Linear", (nn.Linear,), {"forward": lambda self, x: x @ self.weight.T})
    own.__module__ = "timm.layers.linear"
    layer.__class__ = own
    assert hw.count(layer, torch.randn(2, 5)).macs == 35


def test_the_mean_of_images_is_a_sum() -> None:
    class Mean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    Mean.__module__ = "timm.layers.adaptive_avgmax_pool"
    Mean.__qualname__ = "FastAdaptiveAvgPool"
    assert hw.count(Mean(), torch.randn(2, 3, 4, 5)).acs == 3 * 19


def test_masks_may_be_added_up() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            seen = torch.ones(x.shape, dtype=torch.bool)
            return self.linear(x) + seen.cumsum(1, dtype=x.dtype)

    assert hw.count(Positions(), torch.randn(2, 4)).macs == 16
