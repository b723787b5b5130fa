"""What makes the host wait for a GPU, told by a card that is only pretended, its kernels real."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import _disable_current_modes
from triton.runtime import interpreter

from neurospike.encoders import RelativeVoxelizer, Voxelizer
from neurospike.kernels import devices
from neurospike.models.detection.voxel_query import VoxelQuery
from neurospike.models.e3dsnn import E3DSNN, Size
from neurospike.nn import (
    ILIF,
    LIF,
    AdLIF,
    CubaLIF,
    LeakyReadout,
    SparseBatchNorm,
    SparseConv3d,
    SparseGlobalPool,
    SparseInverseConv3d,
    SubmanifoldConv3d,
    ToBEV,
    ToDense,
    together,
)
from neurospike.sparse import VoxelTensor
from tests.gpu.pretending import CARD, Card, OnCard, card

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="pretends a card of its own")

GRID = (5, 4, 6)


def held(value: Any) -> Any:
    return value.held if isinstance(value, OnCard) else value


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """A card on which Triton's kernels are interpreted."""
    own = interpreter.GridExecutor.__call__

    def launch(self: Any, *args: Any, **options: Any) -> Any:
        with _disable_current_modes():
            return own(self, *map(held, args), **{k: held(v) for k, v in options.items()})

    monkeypatch.setattr(interpreter.GridExecutor, "__call__", launch)
    monkeypatch.setattr(devices, "multiprocessors", lambda _: 1)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    with card() as found:
        yield found


def cloud(device: torch.device, channels: int = 3, *, steps: int | None = None) -> VoxelTensor:
    rng = torch.Generator().manual_seed(0)
    cells = GRID[0] * GRID[1] * GRID[2]
    keys = torch.randperm(2 * cells, generator=rng)[:30].sort().values
    coords = torch.stack(torch.unravel_index(keys, (2, *GRID)), 1).int()
    rows = (30, channels) if steps is None else (steps, 30, channels)
    features = torch.randn(rows, generator=rng)
    return VoxelTensor(coords, features, GRID, 3).to(device)


def test_a_submanifold_layer_waits_for_nothing_forward_or_backward(pretended: Card) -> None:
    torch.manual_seed(0)
    layer, results = SubmanifoldConv3d(3, 4, bias=True), []
    for device in (CARD, torch.device("cpu")):
        x, layer = cloud(device), layer.to(device)
        features = x.features.requires_grad_()
        pretended.waits.clear()
        y = layer(x).features
        grads = torch.autograd.grad(y.square().sum(), (features, *layer.parameters()))
        fan_in = layer.kernel_map(x).fan_in(), layer.kernel_map(x).fan_out()
        assert pretended.waits == []
        results.append([held(one) for one in (y, *grads, *fan_in)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_down_and_up_wait_for_the_number_of_sites(pretended: Card) -> None:
    torch.manual_seed(0)
    down = SparseConv3d(3, 4, kernel_size=3, stride=2, padding=1)
    up, results = SparseInverseConv3d(4, 2, of=down), []
    for device in (CARD, torch.device("cpu")):
        x, down, up = cloud(device, steps=2), down.to(device), up.to(device)
        features = x.features.requires_grad_()
        pretended.waits.clear()
        y = up(down(x))
        assert y.active is x.active
        weights = (features, down.weight, up.weight)
        grads = torch.autograd.grad(y.features.square().sum(), weights)
        assert [name for name, _ in pretended.waits] == (["_unique2"] if device == CARD else [])
        results.append([held(one) for one in (y.features, *grads)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        SparseGlobalPool("mean"),
        SparseGlobalPool("max"),
        ToDense(),
        ToBEV(),
        SparseBatchNorm(3),
        ILIF(),
    ],
    ids=lambda layer: repr(layer),
)
def test_layers_on_voxels_wait_for_nothing(layer: Any, pretended: Card) -> None:
    results = []
    for device in (CARD, torch.device("cpu")):
        x, layer = cloud(device, steps=2), layer.to(device)
        features = x.features.requires_grad_()
        pretended.waits.clear()
        y = layer(x)
        y = y.features if isinstance(y, VoxelTensor) else y
        (grad,) = torch.autograd.grad(y.sin().sum(), features)
        assert pretended.waits == []
        results.append([held(y), held(grad)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "neuron",
    [
        LIF(2.0, learnable_tau=True),
        ILIF(),
        LeakyReadout(2.0),
        CubaLIF(2.0, 3.0),
        CubaLIF(2.0, 3.0, learnable_tau=True),
        AdLIF(4),
    ],
    ids=lambda neuron: repr(neuron),
)
def test_neurons_copy_nothing_from_the_host(neuron: Any, pretended: Card) -> None:
    results = []
    for device in (CARD, torch.device("cpu")):
        draws = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
        x, neuron = draws.to(device).requires_grad_(), neuron.to(device)
        pretended.waits.clear()
        pretended.uploads.clear()
        y = neuron(x)
        step, _ = neuron.step(x[0], neuron.init_state(x[0]))
        (grad,) = torch.autograd.grad(y.sin().sum(), x)
        assert pretended.waits == pretended.uploads == []
        results.append([held(y), held(step), held(grad)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_a_step_of_training_waits_for_the_sites_of_each_stage(pretended: Card) -> None:
    results = []
    for device in (CARD, torch.device("cpu")):
        torch.manual_seed(0)
        size = Size(stem=4, stages=(8, 8), blocks=1)
        model = E3DSNN(size, num_classes=4, in_features=3, steps=1, max_spikes=4).to(device)
        x, labels = cloud(device), torch.tensor([1, 2, 0]).to(device)
        optimizer = torch.optim.AdamW(model.parameters())
        pretended.waits.clear()
        loss = cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        assert [name for name, _ in pretended.waits] == ["_unique2"] * (2 if device == CARD else 0)
        results.append(held(loss))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("weight", [3, torch.tensor(3)])
def test_a_mean_over_processes_copies_nothing_from_the_host(
    weight: Any, pretended: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "is_together", lambda: True)
    monkeypatch.setattr(together, "summed", lambda x: 2 * x)
    monkeypatch.setattr(together, "processes", lambda: 2)
    value = torch.tensor([0.5, 2.0]).to(CARD)
    weight = weight.to(CARD) if isinstance(weight, torch.Tensor) else weight
    pretended.waits.clear()
    pretended.uploads.clear()
    mean = together.weighted_mean(value, weight)
    assert pretended.waits == pretended.uploads == []
    assert held(mean).tolist() == [0.5, 2.0]


def test_a_voxel_query_waits_for_nothing(pretended: Card) -> None:
    rng, results = torch.Generator().manual_seed(0), []
    cells = torch.randint(0, 4, (20, 4), generator=rng) % torch.tensor([2, 4, 4, 4])
    for device in (CARD, torch.device("cpu")):
        x, there = cloud(device, steps=2), cells.to(device)
        features = x.features.requires_grad_()
        pretended.waits.clear()
        pooled, found = VoxelQuery(2)(x, there)
        (grad,) = torch.autograd.grad(pooled.sum(), features)
        assert pretended.waits == []
        results.append([held(one) for one in (pooled, found, grad)])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_voxels_are_checked_by_one_look_at_them(pretended: Card) -> None:
    x = cloud(CARD)
    coords, features = x.coords, x.features
    pretended.waits.clear()
    VoxelTensor(coords, features, GRID, 2)
    assert [name for name, _ in pretended.waits] == ["_to_copy"]
    VoxelTensor.from_unsorted(coords.flip(0), features, GRID, 2)
    assert [name for name, _ in pretended.waits] == ["_to_copy"] * 2


@pytest.mark.parametrize("reduce", ["mean", "random", "first"])
def test_the_voxeliser_waits_for_sizes(reduce: Any, pretended: Card) -> None:
    rng = torch.Generator().manual_seed(0)
    points, batch = torch.randn(80, 3, generator=rng), torch.arange(80) % 3
    points[7, 1] = torch.nan
    limits = (-1, -1, -1, 1, 1, 1)
    for voxelizer, samples, waits in (
        (Voxelizer(0.4, limits, reduce), None, 1),
        (RelativeVoxelizer(0.4, limits, reduce), None, 1),
        (Voxelizer(0.4, limits, reduce), batch, 2),
        (Voxelizer(0.4, None, reduce), batch, 3),
    ):
        there = (points.to(CARD), None, None if samples is None else samples.to(CARD))
        pretended.waits.clear()
        pretended.uploads.clear()
        ours = voxelizer.voxelize(*there)
        assert len(pretended.waits) == waits
        assert pretended.uploads == []
        right = voxelizer.voxelize(points, None, samples)
        assert torch.equal(held(ours.voxels.features), right.voxels.features)
        assert torch.equal(held(ours.point_to_voxel), right.point_to_voxel)
