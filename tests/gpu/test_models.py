"""Whole networks on a card that is only pretended: one device throughout, and few waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike import models
from neurospike.kernels import devices
from neurospike.models.e3dsnn import E3DSNN, Size
from neurospike.nn import DelayConv1d, DelayLinear, SpikingSequential
from neurospike.sparse import VoxelTensor
from neurospike.train.delays import clamp_delays
from tests.gpu.pretending import CARD, OnCard, card


@pytest.fixture(autouse=True)
def without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pretence satisfies Triton."""
    monkeypatch.setattr(devices, "find_spec", lambda _: None)


def trained(
    model: nn.Module, inputs: Any, loss: Callable[[Any], Tensor], *, steps: int = 2
) -> list[float]:
    """Losses of steps of an optimiser; all parameters, gradients and buffers stay on one device."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        found = loss(model(inputs))
        found.backward()
        optimizer.step()
        clamp_delays(model)
        losses.append(found.detach())
    device = next(model.parameters()).device
    for name, parameter in model.named_parameters():
        assert parameter.device == device, name
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.device == device, name
    for name, buffer in model.named_buffers():
        assert buffer.device == device, name
    return [float(value) for value in losses]


NETS: dict[str, dict[str, Any]] = {
    "lif": {},
    "taps": {"taps": 2, "learnable_tau": True},
    "adlif": {"neuron": "adlif"},
    "recurrent": {"recurrent_delay": 3},
    "none": {"delays": "none"},
}


@pytest.mark.parametrize("name", list(NETS))
def test_a_delay_net_trains_without_waiting_for_the_card(name: str) -> None:
    def step(device: torch.device) -> list[float]:
        torch.manual_seed(0)
        net = models.delay_net("shd", hidden=12, max_delay=9, dropout=0.0, **NETS[name]).to(device)
        x = (torch.rand(12, 3, 140) < 0.2).float().to(device)
        labels = torch.tensor([3, 0, 7]).to(device)
        return trained(net, x, lambda y: models.delay_net_loss(y, labels))

    with card() as pretended:
        ours = step(CARD)
    # Sigma and rounded of every layer are read once, in the first step; losses by the test.
    places = [where for _, where in pretended.waits if "test_models" not in where]
    assert all("delayed.py" in where and "_read" in where for where in places), places
    layers = {"none": 0, "recurrent": 5}.get(name, 3)
    assert len(places) == 2 * layers
    torch.testing.assert_close(ours, step(torch.device("cpu")), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [DelayLinear, DelayConv1d])
def test_rounded_delays_run_densely_and_stream_without_waits(layer: Any) -> None:
    torch.manual_seed(0)
    window = () if layer is DelayLinear else (2,)
    own = layer(3, 4, *window, max_delay=7).round_delays_().eval()
    x = torch.randn(11, 2, 3, *([5] if window else []))
    right = own(x)
    with card() as pretended, torch.no_grad():
        net = SpikingSequential(own).to(CARD)
        net(x.to(CARD))
        pretended.waits.clear()
        y = net(x.to(CARD))
        state = net.init_state(x[0].to(CARD))
        stepped = []
        for now in x.to(CARD):
            due, state = net.step(now, state)
            stepped.append(due)
        assert pretended.waits == []
        assert isinstance(y, OnCard)
        torch.testing.assert_close(torch.stack(stepped), y, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(y.cpu(), right, rtol=1e-5, atol=1e-5)


def test_the_pretended_card_refuses_what_a_card_refuses() -> None:
    with card() as pretended:
        x = torch.ones(3).to(CARD)
        with pytest.raises(RuntimeError, match="at least two devices"):
            x + torch.ones(3)
        with pytest.raises(RuntimeError, match="at least two devices"):
            F.linear(x, torch.ones(2, 3))
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
        assert (x + torch.ones(()) + 1).device == CARD
        assert pretended.waits == []
        assert float(x[1]) == 1
        assert x.cpu().tolist() == x[x > 0].tolist() == [1, 1, 1]
    waits = [what for what, _ in pretended.waits]
    assert waits == ["_local_scalar_dense", "_to_copy", "index", "_to_copy"]


def cloud(shape: tuple[int, int, int], features: int) -> VoxelTensor:
    draws = torch.Generator().manual_seed(0)
    columns = [torch.randint(0, edge, (50,), generator=draws) for edge in (2, *shape)]
    coords = torch.stack(columns, 1).unique(dim=0)
    return VoxelTensor(coords, torch.randn(len(coords), features, generator=draws), shape, 2)


def classifier(steps: int) -> tuple[nn.Module, VoxelTensor, Any]:
    size = Size(stem=4, stages=(8, 8), blocks=1)
    model = E3DSNN(size, num_classes=4, in_features=6, steps=steps, max_spikes=4)
    return (
        model,
        cloud((8, 8, 8), 6),
        lambda y: F.cross_entropy(y, torch.tensor([1, 2]).to(y.device)),
    )


def segmenter() -> tuple[nn.Module, VoxelTensor, Any]:
    model = models.e3dsnn_segmenter(5, 4, stem=8, channels=(8, 8), decoder=8, blocks=1)
    return model, cloud((8, 8, 8), 4), lambda y: y.log_softmax(-1)[:, 2].mean()


def detector(refine: bool) -> tuple[nn.Module, VoxelTensor, Any]:
    model = models.e3dsnn_detector(
        ("Car",), 4, point_range=(0, -3.2, -3, 6.4, 3.2, 1), voxel_size=(0.4, 0.4, 0.2), stem=4,
        channels=(4, 8, 8), blocks=1, out_channels=8, bev_channels=(8, 8), bev_layers=(1, 1),
        up_channels=8, overlap=True, refine=refine, refine_channels=(4, 8),
    )  # fmt: skip
    box = torch.tensor([[3.0, 0.0, -1.0, 3.9, 1.6, 1.5, 0.1]])

    def loss(maps: Any) -> Tensor:
        boxes = [box.to(maps.numbers.device)] * 2
        losses = model.loss(maps, boxes, [torch.zeros(1).long().to(boxes[0].device)] * 2)
        return losses["loss"]

    return model, cloud(model.spatial_shape, 4), loss


SPARSE: dict[str, tuple[Any, int]] = {
    # what builds it, and how often a step waits for the card in its models and layers
    "classifier over time": (lambda: classifier(2), 0),
    "segmenter": (segmenter, 1),  # how many batches its norms have seen
    "refining detector": (lambda: detector(refine=True), 60),
}


@pytest.mark.parametrize("name", list(SPARSE))
def test_sparse_networks_train_on_one_device(name: str) -> None:
    build, allowed = SPARSE[name]

    def step(device: torch.device) -> tuple[float, nn.Module]:
        torch.manual_seed(0)
        model, x, loss = build()
        model.to(device)
        torch.manual_seed(1)
        return trained(model, x.to(device), loss, steps=1)[0], model

    right, twin = step(torch.device("cpu"))
    with card() as pretended:
        ours, model = step(CARD)
        places = [where for _, where in pretended.waits if where.startswith(("models/", "nn/"))]
        assert len(places) <= allowed, places
        norms = [p.grad.norm().cpu() for p in model.parameters()]
        with torch.no_grad():
            outputs = model.eval()(build()[1].to(CARD))
            if "detector" in name:
                assert model.decode(outputs, score=0.0)[0].boxes.device == CARD
    assert ours == pytest.approx(right, rel=1e-4)
    expected = [p.grad.norm() for p in twin.parameters()]
    torch.testing.assert_close(norms, expected, rtol=1e-2, atol=1e-4)
