"""HorNet: products of neighbourhoods, of as many orders as asked for."""

import pytest
import torch
from torch import nn

from neurospike import baselines
from neurospike.baselines.hornet import GATE_SCALE, GatedConv, HorNet
from neurospike.errors import ArgumentError

from . import checks


def small(**arguments: object) -> nn.Module:
    torch.manual_seed(0)
    return baselines.create(
        "hornet", in_channels=2, num_classes=5, image_size=32, size="cpu", **arguments
    )


def test_published_parameters_and_products() -> None:
    assert checks.parameters("hornet") == baselines.find("hornet").parameters == 22_409_512
    # mmpretrain's model zoo counts 3,976,156,352, gates included.
    assert checks.published_macs("hornet") == pytest.approx(3_976_156_352, rel=0.01)


def test_cpu_size() -> None:
    with torch.device("meta"):
        model = baselines.create("hornet", in_channels=3, num_classes=40, image_size=64, size="cpu")
        assert checks.torch_macs(model, torch.empty(1, 3, 64, 64)) < 60e6
    assert 0.3e6 < sum(p.numel() for p in model.parameters()) < 1.5e6


def test_products_are_counted_as_torch_counts_them() -> None:
    checks.assert_counts_as_torch(small(), torch.randn(2, 2, 32, 32))


def test_samples_stand_alone() -> None:
    checks.assert_samples_stand_alone(small(layer_scale=1.0), torch.randn(3, 2, 17, 32))


def test_it_learns() -> None:
    checks.assert_learns(small(), torch.randn(8, 2, 32, 32), 5)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_a_gated_convolution_of_order_n_is_of_degree_n_plus_one(order: int) -> None:
    torch.manual_seed(0)
    layer = GatedConv(16, order).double()
    for name, parameter in layer.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    x = torch.randn(1, 16, 3, 4, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(layer(2 * x), 2 ** (order + 1) * layer(x))


def test_gates_multiply_what_came_before() -> None:
    torch.manual_seed(0)
    layer = GatedConv(8, 3).double()
    x = torch.randn(2, 8, 5, 4, dtype=torch.float64)
    with torch.no_grad():
        entered = layer.enter(x)
        gates = GATE_SCALE * layer.neighbours(entered[:, 2:])
        product = entered[:, :2] * gates[:, :2]
        product = layer.widen[0](product) * gates[:, 2:6]
        product = layer.widen[1](product) * gates[:, 6:]
        torch.testing.assert_close(layer(x), layer.leave(product))


def test_branches_of_the_small_size_are_felt_from_the_start() -> None:
    felt: list[float] = []
    model = small().eval()
    for part in model.modules():
        if isinstance(part, GatedConv):
            part.register_forward_hook(lambda _m, _args, out: felt.append(out.std().item()))
    with torch.no_grad():
        model(torch.randn(2, 2, 32, 32))
    assert len(felt) == 6
    assert min(felt) > 1e-3


def test_scale_of_branches_starts_as_asked() -> None:
    model = small(layer_scale=0.0).eval()
    assert isinstance(model, HorNet)
    x = torch.randn(1, 24, 4, 4)
    block = model.layers[2]
    with torch.no_grad():
        assert torch.equal(block(x), x)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"at least 32 for hornet.*got \(64, 31\)"):
        baselines.create("hornet", in_channels=1, num_classes=2, image_size=(64, 31))
    with pytest.raises(ArgumentError, match=r"width: must be even.*got 13\. Take 12"):
        small(width=13)
    with pytest.raises(ArgumentError, match="depths: must be 4, one a stage; got 3"):
        small(depths=(1, 1, 1))
