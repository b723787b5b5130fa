"""The operations of a waterline are those that were counted."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from neurospike import baselines, hw
from neurospike.train.comparing.waterline import Machine, Waterline, measure_waterline


class Mixes(nn.Module):
    """Several functions at one path, beside a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.bmm(x, x.transpose(1, 2))
        return self.linear(mixed @ x) + torch.mul(x, x)


def waterline_of(model: nn.Module, sample: Tensor) -> Waterline:
    opened = SimpleNamespace(model=model.eval(), inputs=(sample,), counting={})
    return measure_waterline(opened, Machine(1e9, 1e9))  # type: ignore[arg-type]


def test_functions_at_one_path_are_added_up() -> None:
    found = waterline_of(Mixes(), torch.rand(1, 3, 4))
    assert found.operations == 2 * 3 * 3 * 4 + 3 * 4 * 4 + 3 * 4
    assert [(layer.name, layer.operations) for layer in found.layers] == [("linear", 3 * 4 * 4)]


@pytest.mark.parametrize("name", ["convit", "unireplknet"])
def test_a_network_has_the_operations_that_were_counted(name: str) -> None:
    model = baselines.create(name, in_channels=1, num_classes=4, image_size=32, size="cpu")
    sample = torch.rand(1, 1, 32, 32)
    found, counts = waterline_of(model, sample), hw.count(model.eval(), sample)
    assert found.operations == pytest.approx(counts.macs + counts.synops)
    assert sum(layer.operations for layer in found.layers) <= found.operations
