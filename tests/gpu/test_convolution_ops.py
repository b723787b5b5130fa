"""The sparse convolution as an operation of torch's own: recorded graphs, and whole layers."""

import gc
from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.errors import ArgumentError
from neurospike.kernels.sparse import ops, select
from neurospike.kernels.sparse.rules import Rules
from neurospike.sparse import VoxelTensor


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def table(device: torch.device) -> Tensor:
    return torch.tensor([[0, -1, 2], [-1, 0, -1], [-1, -1, 1]], dtype=torch.int32, device=device)


BACKENDS = ("portable", "triton")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "bias"), [(None, True), (2, False)])
def test_torch_checks_the_operation(backend: Any, steps: int | None, bias: bool) -> None:
    device = torch.device("cpu")
    if backend == "triton" and torch.cuda.is_available():
        device = torch.device("cuda")
    lead = () if steps is None else (steps,)
    features = drawn(*lead, 4, 5, seed=1).to(device).requires_grad_()
    weight = drawn(3, 5, 2, seed=2).to(device).requires_grad_()
    shift = drawn(2, seed=3).to(device).requires_grad_() if bias else None
    torch.library.opcheck(ops._convolve, (features, weight, shift, table(device), False, backend))


def test_torch_checks_the_table_of_pairs() -> None:
    rules = Rules.from_table(table(torch.device("cpu")), n_in=4)
    torch.library.opcheck(ops._neighbours, (rules.inputs, rules.outputs, rules.bounds, 3))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_recorded_graph_equals_eager(backend: Any, device: torch.device) -> None:
    device = device if backend == "triton" else torch.device("cpu")
    weight = drawn(3, 5, 2, seed=2).to(device).requires_grad_()
    bias = drawn(2, seed=3).to(device).requires_grad_()

    def run(features: Tensor, rules: Rules) -> Tensor:
        return select.convolve(features, weight, bias, rules).sin()

    recorded = torch.compile(run, backend="aot_eager", fullgraph=True)
    rules = Rules.from_table(table(device), n_in=4)
    found = []
    with select.backend(backend):
        for call in (run, recorded):
            features = drawn(2, 4, 5, seed=1).to(device).requires_grad_()
            out = call(features, rules)
            found.append([out, *torch.autograd.grad(out.sum(), [features, weight, bias])])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_pairs_become_a_table_within_the_graph() -> None:
    rules = Rules.from_table(table(torch.device("cpu")), n_in=4)
    pairs = Rules(rules.inputs, rules.outputs, rules.bounds, n_in=4, n_out=3)
    features, weight = drawn(4, 5, seed=1), drawn(3, 5, 2, seed=2)
    recorded = torch.compile(select.convolve, backend="aot_eager", fullgraph=True)
    assert torch.equal(
        recorded(features, weight, None, pairs), select.convolve(features, weight, None, rules)
    )


def test_what_is_known_of_a_table_goes_with_it() -> None:
    gc.collect()
    before = len(ops._known)
    mine = table(torch.device("cpu"))
    features, weight = drawn(4, 5, seed=1), drawn(3, 5, 2, seed=2)
    for _ in range(2):
        ops._convolve(features, weight, None, mine, False, "portable")
    assert len(ops._known) == before + 1
    del mine
    gc.collect()
    assert len(ops._known) == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_features_of_other_voxels_are_refused(backend: Any, device: torch.device) -> None:
    device = device if backend == "triton" else torch.device("cpu")
    features, weight = drawn(3, 5, seed=1).to(device), drawn(3, 5, 2, seed=2).to(device)
    with select.backend(backend), pytest.raises(ArgumentError, match="the 4 input rows of the"):
        select.convolve(features, weight, None, Rules.from_table(table(device), n_in=4))


@pytest.mark.parametrize("steps", [None, 2])
def test_whole_layers(steps: int | None, device: torch.device) -> None:
    coords = torch.randint(0, 6, (40, 3), generator=torch.Generator().manual_seed(4))
    coords = torch.cat([(coords[:, :1] > 2).long(), coords], 1).unique(dim=0).int().contiguous()
    lead = () if steps is None else (steps,)
    torch.manual_seed(5)
    layers: list[Any] = [nn.SubmanifoldConv3d(3, 6, bias=True)]
    layers.append(nn.SparseConv3d(6, 8, kernel_size=2, stride=2, bias=True))
    layers.append(nn.SparseInverseConv3d(8, 5, of=layers[-1]))
    found = []
    for backend in ("triton", "reference"):
        features = drawn(*lead, coords.shape[0], 3, seed=6).to(device).requires_grad_()
        x = VoxelTensor(coords.to(device), features, (6, 6, 6), batch_size=2)
        with select.backend(backend):  # type: ignore[arg-type]
            for layer in layers:
                x = layer.to(device)(x)
        wanted = [features, *(p for layer in layers for p in layer.parameters())]
        loss = (x.features * drawn(*x.features.shape, seed=7).to(device)).sum()
        found.append([x.features, *torch.autograd.grad(loss, wanted)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=2e-5)
