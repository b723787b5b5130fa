"""PointNet: its published size and cost, its T-nets, and its indifference to order."""

import pytest
import torch
from torch import Tensor, nn

from neurospike import baselines, hw
from neurospike.baselines.pointnet import PENALTY, PointNet, orthogonality
from neurospike.errors import ArgumentError
from tests.baselines import checks


def small(in_channels: int = 6, classes: int = 3) -> PointNet:
    torch.manual_seed(0)
    model = baselines.create(
        "pointnet", in_channels=in_channels, num_classes=classes, image_size=64, size="cpu"
    )
    assert isinstance(model, PointNet)
    return model


def turning(model: PointNet) -> PointNet:
    """The model with T-nets that do something."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for net in (model.turn, model.mix):
            net.last.weight.copy_(0.01 * torch.randn(net.last.weight.shape, generator=generator))
    return model


def clouds(batch: int = 4, count: int = 64, channels: int = 6) -> Tensor:
    return torch.randn(batch, count, channels, generator=torch.Generator().manual_seed(2))


def test_published_size_has_the_published_parameters_and_cost() -> None:
    # Table 6: 3.5 M parameters and 440 M per sample, which are those of the points.
    assert checks.parameters("pointnet") == 3_480_049
    assert round(3_480_049 / 1e6, 1) == 3.5
    model = baselines.create("pointnet", in_channels=3, num_classes=40, image_size=1024)
    counted = hw.count(model, clouds(1, 1024, 3))
    points = sum(layer.macs for layer in counted.layers if layer.type == "Conv1d")
    assert points / 1e6 == pytest.approx(440, abs=1)


def test_cpu_size_is_small() -> None:
    model = small()
    assert 0.3e6 < sum(p.numel() for p in model.parameters()) < 1.5e6
    assert checks.torch_macs(model, clouds(1, 1024)) < 64e6


def test_transforms_are_the_identity_at_first() -> None:
    model, x = small().eval(), clouds()
    for net, channels in ((model.turn, 6), (model.mix, 32)):
        found = net(torch.randn(4, channels, 9))
        torch.testing.assert_close(found, torch.eye(net.size).expand(4, -1, -1))
    logits, penalty = model.penalised(x)
    assert penalty == 0
    assert torch.equal(logits, model(x))


def test_penalty_is_that_of_the_mix_and_trains_it() -> None:
    model = turning(small()).train()
    _, penalty = model.penalised(clouds())
    penalty.backward()
    assert penalty > 0
    assert model.mix.last.weight.grad.abs().sum() > 0
    assert model.head[-1].weight.grad is None


def test_orthogonal_matrices_have_no_penalty() -> None:
    turns, _ = torch.linalg.qr(torch.randn(5, 8, 8, dtype=torch.float64))
    assert orthogonality(turns) < 1e-24
    matrix = torch.randn(5, 8, 8, dtype=torch.float64)
    by_hand = sum(((torch.eye(8) - m @ m.T) ** 2).sum() for m in matrix) / 5
    torch.testing.assert_close(orthogonality(matrix), by_hand)
    assert PENALTY == 0.001


def test_the_order_of_points_does_not_matter() -> None:
    model, x = turning(small()).double().eval(), clouds().double()
    torch.testing.assert_close(model(x[:, torch.randperm(64)]), model(x))


def test_only_positions_are_turned() -> None:
    model = small().eval()
    with torch.no_grad():
        model.turn.last.bias.copy_(2 * torch.eye(3).flatten())
    seen: list[Tensor] = []
    model.local.register_forward_pre_hook(lambda _module, args: seen.append(args[0]))
    x = clouds()
    model(x)
    torch.testing.assert_close(seen[0].transpose(1, 2)[..., :3], 2 * x[..., :3])
    assert torch.equal(seen[0].transpose(1, 2)[..., 3:], x[..., 3:])


def test_counts_equal_torch() -> None:
    checks.assert_counts_as_torch(turning(small()), clouds())


@pytest.mark.parametrize("count", [1, 33])
def test_samples_stand_alone(count: int) -> None:
    checks.assert_samples_stand_alone(turning(small()), clouds(3, count))


def test_learns() -> None:
    checks.assert_learns(small(3, 2), clouds(6, 64, 3), 2)


def test_layouts_with_channels_first_are_refused() -> None:
    model: nn.Module = small()
    with pytest.raises(ArgumentError, match=r"pointnet\.x: must be points \(B, N, 6\)"):
        model(torch.randn(2, 6, 64))
    with pytest.raises(ArgumentError, match="at least 3, for pointnet"):
        small(2)
