"""Norms fold into the convolutions before them, and copies are merged from the inside out."""

import pytest
import torch
from torch import nn

from neurospike import models
from neurospike.baselines.merging import deployed, fold_norm
from neurospike.errors import ArgumentError


def unsettled(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    """A norm whose numbers are those of no fresh one."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            if values is not None:
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
    return norm


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("groups", [1, 4])
def test_folded_convolution_is_convolution_and_norm(bias: bool, affine: bool, groups: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=groups, bias=bias).double()
    norm = unsettled(nn.BatchNorm2d(8, affine=affine).double()).eval()
    x = torch.randn(2, 4, 7, 5, dtype=torch.float64)
    before = conv.weight.clone()
    folded = fold_norm(conv, norm)
    torch.testing.assert_close(folded(x), norm(conv(x)), rtol=1e-12, atol=1e-12)
    assert torch.equal(conv.weight, before)
    assert folded.weight.requires_grad and folded.bias.requires_grad


def test_a_norm_without_statistics_is_refused() -> None:
    with pytest.raises(ArgumentError, match="must keep running statistics"):
        fold_norm(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, track_running_stats=False))


class Part(nn.Module):
    """Remembers in which order parts are merged."""

    def __init__(self, name: str, order: list[str], inside: nn.Module | None = None) -> None:
        super().__init__()
        self.name = name
        self.order = order
        self.inside = inside or nn.Identity()

    def merge(self) -> None:
        self.inside = nn.Conv2d(1, 1, 1)
        self.order.append(self.name)


def test_a_copy_is_merged_from_the_inside_out() -> None:
    order: list[str] = []
    model = nn.Sequential(Part("outer", order, Part("inner", order)), nn.Dropout())
    copy = deployed(model)
    assert copy[0].order == ["inner", "outer"] and not order
    assert not copy.training and model.training
    assert isinstance(model[0].inside, Part)


def test_a_deployed_copy_is_no_checkpoint(tmp_path: object) -> None:
    network = models.create("e3dsnn", num_classes=2)
    with pytest.raises(ArgumentError, match="must come from a registered factory"):
        models.save(deployed(network), f"{tmp_path}/a.safetensors")
