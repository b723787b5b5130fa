"""InceptionNeXt: a square, two bands and nothing in the place of a large kernel."""

import pytest
import torch
from torch import Tensor, nn

from neurospike import baselines
from neurospike.baselines.inceptionnext import InceptionConv
from neurospike.errors import ArgumentError

from . import checks


def small(**arguments: object) -> nn.Module:
    torch.manual_seed(0)
    return baselines.create(
        "inceptionnext", in_channels=2, num_classes=5, image_size=32, size="cpu", **arguments
    )


def test_published_parameters_and_products() -> None:
    found = checks.parameters("inceptionnext")
    assert round(found / 1e6, 1) == baselines.find("inceptionnext").parameters / 1e6 == 4.2
    # The authors' code, built with their arguments of "atto".
    assert found == 4_156_520
    # Their table says 0.51 G, norms and activations included.
    assert checks.published_macs("inceptionnext") == pytest.approx(0.51e9, rel=0.015)


def test_cpu_size() -> None:
    with torch.device("meta"):
        model = baselines.create(
            "inceptionnext", in_channels=3, num_classes=40, image_size=64, size="cpu"
        )
        assert checks.torch_macs(model, torch.empty(1, 3, 64, 64)) < 60e6
    assert 0.3e6 < sum(p.numel() for p in model.parameters()) < 1.5e6


def test_products_are_counted_as_torch_counts_them() -> None:
    checks.assert_counts_as_torch(small(), torch.randn(2, 2, 32, 32))


def test_samples_stand_alone() -> None:
    checks.assert_samples_stand_alone(small(layer_scale=1.0), torch.randn(3, 2, 17, 32))


def test_it_learns() -> None:
    checks.assert_learns(small(), torch.randn(8, 2, 32, 32), 5)


def reach(layer: InceptionConv, channel: int) -> Tensor:
    """Which inputs the middle output of a channel reads, of any channel."""
    x = torch.randn(1, 16, 15, 15, requires_grad=True)
    (slopes,) = torch.autograd.grad(layer(x)[0, channel, 7, 7], x)
    read = slopes[0] != 0
    assert read.any(2).any(1).nonzero().flatten().tolist() == [channel]
    return read[channel]


@pytest.mark.parametrize(
    ("channel", "rows", "columns"), [(0, 1, 1), (4, 3, 3), (8, 1, 9), (12, 9, 1)]
)
def test_every_group_reads_its_own_window(channel: int, rows: int, columns: int) -> None:
    torch.manual_seed(0)
    read = reach(InceptionConv(16, band=9, share=0.25), channel)
    window = torch.zeros(15, 15, dtype=torch.bool)
    window[7 - rows // 2 : 8 + rows // 2, 7 - columns // 2 : 8 + columns // 2] = True
    assert torch.equal(read, window)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at least 32 for inceptionnext"):
        baselines.create("inceptionnext", in_channels=1, num_classes=2, image_size=16)
    with pytest.raises(ArgumentError, match=r"band: must be odd.*got 8\. Take 9"):
        small(band=8)
    with pytest.raises(ArgumentError, match=r"share: .*must lie in 0\.0417\.\.1/3; got 0\.5"):
        small(share=0.5)
    with pytest.raises(ArgumentError, match="widths: must be 4, one a stage; got 2"):
        small(widths=(24, 48))
