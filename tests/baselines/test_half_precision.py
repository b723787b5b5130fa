"""Every conventional network trains in bfloat16: autocast is what ``--precision`` sets."""

import pytest
import torch
import torch.nn.functional as F

from neurospike import baselines

NAMES = [name for name in baselines.list() if not name.startswith("ann-twin")]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_under_autocast_leaves_finite_slopes(name: str) -> None:
    family = baselines.find(name)
    of_points = family.takes == "points"
    channels = 1 if name == "ast" else 3
    model = baselines.create(
        name,
        in_channels=channels,
        num_classes=4,
        image_size=32 if not of_points else 64,
        size="cpu",
    )
    rng = torch.Generator().manual_seed(0)
    shape = (2, 64, channels) if of_points else (2, channels, 32, 32)
    x = torch.randn(shape, generator=rng)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model.train()(x)
    F.cross_entropy(logits.float(), torch.tensor([0, 3])).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), parameter_name
