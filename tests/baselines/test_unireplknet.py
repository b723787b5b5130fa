"""UniRepLKNet: its published size, its large kernels, and one form that equals the other."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from neurospike import baselines
from neurospike.baselines.merging import deployed
from neurospike.baselines.unireplknet import BRANCHES, Block, DilatedKernel
from neurospike.errors import ArgumentError
from tests.baselines import checks


def small(in_channels: int = 2, classes: int = 3, side: int = 32) -> nn.Module:
    torch.manual_seed(0)
    return baselines.create(
        "unireplknet", in_channels=in_channels, num_classes=classes, image_size=side, size="cpu"
    )


def settled(model: nn.Module) -> nn.Module:
    """The model as training might leave it: no scale, shift or statistic is that of a start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, values in (*model.named_parameters(), *model.named_buffers()):
            if values.dtype.is_floating_point and "conv" not in name:
                values.add_(0.2 * torch.rand(values.shape, generator=generator) + 0.05)
    return model.eval()


def test_published_size_has_the_published_parameters() -> None:
    # 4.4 M and 0.6 G are of the form that is deployed; training adds branches, norms and scales.
    with torch.device("meta"):
        model = deployed(
            baselines.create("unireplknet", in_channels=3, num_classes=1000, image_size=224)
        )
        macs = checks.torch_macs(model, torch.empty(1, 3, 224, 224))
    count = sum(p.numel() for p in model.parameters())
    assert round(count / 1e6, 1) == 4.4
    assert round(macs / 1e9, 1) == 0.6
    assert count == 4_437_300
    assert checks.parameters("unireplknet") == 4_649_060


def test_cpu_size_is_small() -> None:
    model = small(side=64)
    assert sum(p.numel() for p in model.parameters()) < 1.5e6
    assert checks.torch_macs(model, torch.randn(1, 2, 64, 64)) < 60e6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_deployed_form_equals_the_training_form(dtype: torch.dtype) -> None:
    model = settled(small().to(dtype))
    x = torch.randn(3, 2, 40, 33, dtype=dtype)
    merged = deployed(model)
    with torch.no_grad():
        before, after = model(x), merged(x)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(after, before, rtol=tolerance, atol=tolerance)
    assert before.abs().max() > 0.1
    assert not any(isinstance(part, nn.BatchNorm2d) for part in merged.modules())
    with torch.no_grad():
        torch.testing.assert_close(deployed(merged)(x), after, rtol=0, atol=0)


@pytest.mark.parametrize("edge", sorted(BRANCHES))
def test_branches_stay_inside_the_large_kernel_and_merge_into_it(edge: int) -> None:
    torch.manual_seed(edge)
    layer = settled(DilatedKernel(4, edge).double())
    x = torch.randn(2, 4, 9, 23, dtype=torch.float64)
    merged = deployed(layer)
    (conv,) = merged.branches
    assert conv.weight.shape == (4, 1, edge, edge)
    by_hand = conv2d(x, conv.weight, conv.bias, padding=edge // 2, groups=4)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), by_hand, rtol=1e-12, atol=1e-12)


def test_merged_weights_are_trainable_leaves() -> None:
    for parameter in deployed(small()).parameters():
        assert parameter.is_leaf and parameter.requires_grad


def test_a_block_is_almost_the_identity_at_first() -> None:
    block = Block(8, 13, 1e-6).eval()
    x = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(block(x), x, rtol=0, atol=1e-4)


@pytest.mark.parametrize("merged", [False, True])
def test_counts_equal_torch(merged: bool) -> None:
    model = small()
    checks.assert_counts_as_torch(deployed(model) if merged else model, torch.randn(2, 2, 32, 32))


def test_samples_stand_alone() -> None:
    checks.assert_samples_stand_alone(settled(small()), torch.randn(3, 2, 32, 20))


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 96), (1, 96, 32)])
def test_any_image_goes(shape: tuple[int, int, int]) -> None:
    model = small(shape[0], classes=1).eval()
    with torch.no_grad():
        assert model(torch.randn(1, *shape)).shape == (1, 1)


def test_learns() -> None:
    checks.assert_learns(small(1, 2), torch.randn(6, 1, 32, 32), 2)


def test_wrong_kernels_and_widths_are_refused() -> None:
    def create(**arguments: object) -> nn.Module:
        return baselines.create(
            "unireplknet", in_channels=1, num_classes=2, image_size=32, **arguments
        )

    with pytest.raises(ArgumentError, match=r"edges must be among 3, 5, 7, .*; got 4"):
        create(kernels=((3,), (4,), (13,), (13,)))
    with pytest.raises(ArgumentError, match="each of the 4 stages"):
        create(widths=(8, 16))
