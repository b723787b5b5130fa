"""What every conventional network must do, whatever its family."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from neurospike import baselines, hw

PRODUCTS = {"Linear", "Conv1d", "Conv2d", "mm", "bmm", "addmm", "baddbmm"}
PRODUCTS |= {"_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention"}


def published(name: str, **arguments: object) -> nn.Module:
    """A network of the published size, without memory for its weights."""
    channels, classes, side = baselines.find(name).example
    with torch.device("meta"):
        return baselines.create(
            name, in_channels=channels, num_classes=classes, image_size=side, **arguments
        )


def parameters(name: str, **arguments: object) -> int:
    """Parameters of the published size."""
    return sum(p.numel() for p in published(name, **arguments).parameters())


def torch_macs(model: nn.Module, x: Tensor) -> float:
    """Products of convolutions, linear layers and attention per sample, as torch counts them."""
    unfused = sdpa_kernel(SDPBackend.MATH)  # torch has no price of the CPU's fused attention
    with FlopCounterMode(display=False) as flops, torch.no_grad(), unfused:
        copy.deepcopy(model).eval()(x)
    return flops.get_total_flops() / 2 / len(x)


def published_macs(name: str, **arguments: object) -> float:
    """The same of the published size at its example, without computing anything."""
    channels, _, side = baselines.find(name).example
    sides = (side, side) if isinstance(side, int) else side
    return torch_macs(published(name, **arguments), torch.empty(1, channels, *sides, device="meta"))


def assert_counts_as_torch(model: nn.Module, x: Tensor) -> None:
    """``hw.count`` knows every layer, and its products are torch's within 1 %."""
    counted = hw.count(model, x)
    products = sum(layer.macs for layer in counted.layers if layer.type in PRODUCTS)
    assert products == pytest.approx(torch_macs(model, x), rel=0.01)
    assert counted.synops == counted.updates == 0
    assert counted.macs >= products


def assert_samples_stand_alone(model: nn.Module, x: Tensor) -> None:
    """In evaluation mode and in double, a sample's logits are the same alone and in a batch."""
    model, x = copy.deepcopy(model).double().eval(), x.double()
    with torch.no_grad():
        together = model(x)
        alone = torch.cat([model(sample[None]) for sample in x])
    assert together.dtype == torch.float64
    torch.testing.assert_close(together, alone)


def assert_learns(model: nn.Module, x: Tensor, classes: int, idle: str = "nothing") -> None:
    """The loss of a small fixed batch falls over five steps, and every parameter gets a slope.

    But for biases that cannot matter, of keys under a softmax and before a norm, and for names with
    ``idle`` in them.
    """
    labels = torch.arange(len(x)) % classes
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        loss = F.cross_entropy(model.train()(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert name.endswith("bias") or idle in name or parameter.grad.any(), name
