"""Whole models: outputs beside torch, and totals beside the counter that never lowers anything."""

import numpy as np
import pytest
import torch
from torch import nn

from neurospike import hw
from neurospike.bench import clouds
from neurospike.hw.sites import samples_of
from neurospike.models import delay_net, e3dsnn
from neurospike.nn import SparseBatchNorm
from neurospike.sparse import VoxelTensor

NORMS = (SparseBatchNorm, nn.BatchNorm1d)


def set_by(model: nn.Module, x: torch.Tensor | VoxelTensor) -> nn.Module:
    """Untrained, with norms as a batch sets them: so that neurons fire."""
    for part in model.modules():
        if isinstance(part, NORMS):
            part.momentum = 1.0
    with torch.no_grad():
        model.train()(x)
    return model.eval()


@pytest.mark.parametrize("steps", [1, 3])
def test_clouds(steps) -> None:
    torch.manual_seed(0)
    active = clouds.surfaces(2, points=500, edge=24)
    x = VoxelTensor.on(active, torch.rand(len(active), 6))
    model = set_by(e3dsnn("T", steps=steps), x)
    network = hw.lower(model, samples_of(x)[0])
    trace = hw.emulate(network, x)
    with torch.no_grad():
        logits = model(x).numpy()
    for given, expected in zip(trace.output, logits, strict=True):
        np.testing.assert_allclose(given.reshape(-1), expected, atol=1e-5)
    counted = hw.count(model, x)
    assert trace.total("synops") == 2 * counted.synops > 0
    assert trace.total("macs") == 2 * counted.macs > 0
    graded = hw.emulate(network, x, mode="graded")
    assert 0 < graded.total("graded_synops") < trace.total("synops")


def test_delays() -> None:
    torch.manual_seed(0)
    x = (torch.rand(40, 3, 140) < 0.1).float()
    model = set_by(delay_net("shd"), x)
    for part in model.modules():
        if hasattr(part, "round_delays_"):
            part.round_delays_()
    set_by(model, x)
    trace = hw.emulate(hw.lower(model, x), x)
    with torch.no_grad():
        membranes = model(x).numpy()
    for i, given in enumerate(trace.output):
        np.testing.assert_allclose(given, membranes[:, i], atol=1e-5)
    # To the counter a tensor of a user's is no spikes: its first layer multiplies.
    later = {p.name for p in trace.network.projections if p.source != "input"}
    synops = sum(int(trace.projections[name]["synops"].sum()) for name in later)
    assert synops == round(3 * hw.count(model, x, batch_dim=1).synops) > 0
    assert trace.total("delay_writes") == trace.total("synops")
