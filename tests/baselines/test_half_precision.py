"""Every conventional network trains under autocast, and runs in the precision it was stored in."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neurospike import baselines, models

DTYPES = (torch.float64, torch.bfloat16)
NAMES = [name for name in baselines.list() if not name.startswith("ann-twin")]


def small(name: str) -> tuple[nn.Module, Tensor]:
    """A small network and two samples for it."""
    of_points = baselines.find(name).takes == "points"
    channels = 1 if name == "ast" else 3
    shape = {"in_channels": channels, "num_classes": 4, "image_size": 64 if of_points else 32}
    x = (2, 64, channels) if of_points else (2, channels, 32, 32)
    model = baselines.create(name, **shape, size="cpu")
    return model, torch.randn(x, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_a_step_under_autocast_leaves_finite_slopes(name: str) -> None:
    model, x = small(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model.train()(x)
    F.cross_entropy(logits.float(), torch.tensor([0, 3])).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), parameter_name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_checkpoint_of_another_precision_runs(
    name: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    model, x = small(name)
    models.save(model.to(dtype).eval(), tmp_path / "net.safetensors")
    with torch.no_grad():
        logits = models.load(tmp_path / "net.safetensors").eval()(x.to(dtype))
        torch.testing.assert_close(logits, model(x.to(dtype)))
    assert logits.dtype == dtype
