"""Automatic mixed precision on the CPU: networks train, parameters and states stay in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from neurospike import models, nn
from neurospike.models.e3dsnn import E3DSNN, Size
from neurospike.sparse import VoxelTensor
from neurospike.testing import random_cloud
from neurospike.train.delays import clamp_delays

BF16 = torch.bfloat16
Case = tuple[torch.nn.Module, Any, Callable[[Any], Tensor]]


def classifier(steps: int) -> Case:
    size = Size(stem=8, stages=(8, 16), blocks=1)
    model = E3DSNN(size, num_classes=5, in_features=3, steps=steps, max_spikes=4)
    cloud = random_cloud((8, 8, 8), 3, batch_size=4, occupancy=0.2)
    return model, cloud, lambda y: F.cross_entropy(y, torch.arange(4))


def segmenter() -> Case:
    model = models.e3dsnn_segmenter(5, 3, stem=8, channels=(8, 8), decoder=8, blocks=1)
    cloud = random_cloud((8, 8, 8), 3, batch_size=2, occupancy=0.2)
    return model, cloud, lambda y: F.cross_entropy(y, torch.arange(len(y)) % 5)


def detector() -> Case:
    model = models.e3dsnn_detector(
        ("Car",), 3, point_range=(0, -3.2, -3, 6.4, 3.2, 1), voxel_size=(0.4, 0.4, 0.2), stem=4,
        channels=(4, 8, 8), blocks=1, out_channels=8, bev_channels=(8, 8), bev_layers=(1, 1),
        up_channels=8, overlap=True, refine=True, refine_channels=(4, 8),
    )  # fmt: skip
    cloud = random_cloud(model.spatial_shape, 3, batch_size=2, occupancy=0.02)
    boxes = [torch.tensor([[3.0, 0.0, -1.0, 3.9, 1.6, 1.5, 0.1]])] * 2
    labels = [torch.zeros(1, dtype=torch.long)] * 2

    def loss(maps: Any) -> Tensor:
        torch.manual_seed(1)  # of the proposals
        found: Tensor = model.loss(maps, boxes, labels)["loss"]
        return found

    return model, cloud, loss


def sound(**options: Any) -> Case:
    net = models.delay_net("shd", hidden=24, in_features=20, max_delay=7, dropout=0.0, **options)
    x = (torch.rand(40, 6, 20, generator=torch.Generator().manual_seed(5)) < 0.2).float()
    return net, x, lambda y: models.delay_net_loss(y, torch.arange(6))


CASES: dict[str, Callable[[], Case]] = {
    "e3dsnn": lambda: classifier(1),
    "e3dsnn over time": lambda: classifier(2),
    "segmenter": segmenter,
    "detector": detector,
    "delays": sound,
    "fixed delays": lambda: sound(delays="fixed", recurrent_delay=3),
    "no delays": lambda: sound(delays="none", learnable_tau=True),
    "adaptive": lambda: sound(neuron="adlif"),
}


@pytest.mark.parametrize("name", list(CASES))
def test_a_training_step_in_bfloat16(name: str) -> None:
    torch.manual_seed(0)
    model, x, loss = CASES[name]()
    model.train()
    right = float(loss(model(x)).detach())
    torch.manual_seed(0)
    model, x, loss = CASES[name]()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    with torch.autocast("cpu", dtype=BF16):
        found = loss(model(x))
    assert found.dtype == torch.float32
    assert float(found.detach()) == pytest.approx(right, rel=0.02)
    found.backward()
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), key
    optimizer.step()
    clamp_delays(model)
    kinds = {value.dtype for value in model.state_dict().values() if value.is_floating_point()}
    assert kinds == {torch.float32}
    with torch.autocast("cpu", dtype=BF16):  # a user may go backward in here as well
        loss(model(x)).backward()


def test_sparse_convolutions_multiply_in_the_dtype_of_autocast() -> None:
    torch.manual_seed(0)
    cloud = random_cloud((6, 6, 6), 8, batch_size=2, occupancy=0.3)
    layers = [nn.SubmanifoldConv3d(8, 4, bias=True), nn.SparseConv3d(8, 4, kernel_size=2, stride=2)]
    for layer in layers:
        plain = layer(cloud)
        with torch.autocast("cpu", dtype=BF16):
            y = layer(cloud)
            again = layer(cloud.replace(cloud.features.to(BF16)))
        assert y.features.dtype == BF16
        assert torch.equal(y.features, again.features)
        torch.testing.assert_close(y.features.float(), plain.features, rtol=2e-2, atol=2e-2)
    with torch.autocast("cpu", dtype=BF16):
        assert layers[0].double()(cloud.to(torch.float64)).features.dtype == torch.float64


def test_unary_events_collapse_to_the_dtype_of_autocast() -> None:
    torch.manual_seed(0)
    cloud = random_cloud((6, 6, 6), 8, batch_size=2, occupancy=0.3)
    spikes = cloud.replace((cloud.features * 2).clamp(0, 4).round())
    layer = nn.SubmanifoldConv3d(8, 4, bias=True)
    with torch.autocast("cpu", dtype=BF16):
        whole, events = layer(spikes), layer(nn.UnarySpikes(4)(spikes))
    assert whole.features.dtype == events.features.dtype == BF16
    torch.testing.assert_close(whole.features, events.features, rtol=3e-2, atol=3e-2)


@pytest.mark.parametrize("rounded", [False, True])
def test_delays_stay_in_float32(rounded: bool) -> None:
    torch.manual_seed(0)
    line, conv = nn.DelayLinear(5, 4, 6, tail=2), nn.DelayConv1d(2, 3, kernel_size=2, max_delay=4)
    loop = nn.RecurrentDelay(nn.LIF(2.0), 5, 3)
    inputs = ((line, (9, 2, 5)), (conv, (9, 2, 2, 4)), (loop, (9, 2, 5)))
    for layer, shape in inputs:
        if rounded:
            layer.round_delays_()
        x = (torch.rand(shape) < 0.4).float()
        plain = layer(x)
        with torch.autocast("cpu", dtype=BF16):
            y = layer(x.to(BF16))  # spikes are exact in any precision
            stepped, _ = layer.step(x[0].to(BF16), layer.init_state(x[0]))
        assert y.dtype == stepped.dtype == torch.float32
        assert torch.equal(y, plain)


NEURONS = [nn.LIF(3.0), nn.ILIF(), nn.LeakyReadout(3.0), nn.AdLIF(6), nn.CubaLIF(4.0, 3.0)]


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda neuron: type(neuron).__name__)
def test_membranes_of_half_precision_are_float32(neuron: Any) -> None:
    x = (torch.randn(30, 4, 6, generator=torch.Generator().manual_seed(2)) + 0.5).to(BF16)
    y = neuron(x)
    assert y.dtype == BF16
    assert torch.equal(y, neuron(x.float()).to(BF16))
    state = neuron.init_state(x[0])
    stepped = []
    for now in x:
        due, state = neuron.step(now, state)
        assert {part.dtype for part in state} == {torch.float32}
        stepped.append(due)
    assert torch.equal(torch.stack(stepped), y)


def test_a_cloud_of_half_precision_streams_with_float32_membranes() -> None:
    cloud: VoxelTensor = random_cloud((4, 4, 4), 3, batch_size=1, occupancy=0.5).to(BF16)
    neuron = nn.LIF(2.0)
    (v,) = neuron.init_state(cloud)
    assert v.dtype == torch.float32
    y, (v,) = neuron.step(cloud, (v,))
    assert (y.features.dtype, v.dtype) == (BF16, torch.float32)
