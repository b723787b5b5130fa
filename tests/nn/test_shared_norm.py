"""Batch norms whose statistics are of two processes, beside one process with all rows."""

import copy
from typing import Any

import pytest
import torch

from neurospike import nn as spiking
from neurospike.nn.together import is_together, processes, together, weighted_mean
from neurospike.sparse import VoxelTensor
from tests.two_processes import on_two_processes

SCRIPT = """
from neurospike.nn import share_norms
from neurospike.nn.together import together, weighted_mean
from tests.nn.test_shared_norm import CASES, part_of, run

kept = {}
for name, (make, shapes) in CASES.items():
    norm = make()
    share_norms(norm)
    kept[name] = run(norm, [part_of(shape, shares, rank) for shape, *shares in shapes])

x = torch.tensor([1.0, 2.0][rank], requires_grad=True)
with together():
    mean = weighted_mean(x * x, [1, 3][rank])
    nothing = weighted_mean(x * 0.0, 0)
mean.backward()
kept["mean"] = mean.detach(), x.grad, nothing.detach()
"""

C = 5


def dense(dims: int, **options: Any) -> Any:
    kind = {1: torch.nn.BatchNorm1d, 2: torch.nn.BatchNorm2d}[dims]
    return kind(C, **options)


# What makes the norm, and its batches: a shape, rows first, and the rows that go to rank 0.
CASES: dict[str, Any] = {
    "sparse": (lambda: spiking.SparseBatchNorm(C), [((700, C), 13), ((20, C), 12)]),
    "double": (lambda: spiking.SparseBatchNorm(C).double(), [((31, C), 13)]),
    "bfloat16": (lambda: spiking.SparseBatchNorm(C).bfloat16(), [((64, C), 40)]),
    "none here": (lambda: spiking.SparseBatchNorm(C), [((9, C), 9), ((9, C), 0), ((0, C), 0)]),
    "one row": (lambda: spiking.SparseBatchNorm(C, momentum=None), [((1, C), 1), ((2, C), 1)]),
    "dense": (lambda: dense(1), [((40, C), 25)]),
    "sequence": (lambda: dense(1, affine=False), [((6, C, 7), 2)]),
    "plane": (lambda: dense(2), [((4, C, 3, 2), 2)]),
}


def part_of(shape: Any, shares: Any, rank: int | None) -> Any:
    draw = torch.Generator().manual_seed(sum(shape))
    x, weights = (torch.randn(shape, generator=draw) * 2 + offset for offset in (3, 0))
    cut = shares[0]
    mine = {None: slice(None), 0: slice(cut), 1: slice(cut, None)}[rank]
    return x[mine], weights[mine]


def run(norm: Any, batches: Any) -> Any:
    """Outputs, gradients of rows, parameters' gradients, and statistics after all batches."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.copy_(torch.rand(C, generator=draw) + 0.5)
    kind = next(norm.buffers()).dtype
    outputs, grads = [], []
    for x, weights in batches:
        rows = x.to(kind).requires_grad_()
        if isinstance(norm, spiking.SparseBatchNorm):
            coords = torch.zeros(len(x), 4, dtype=torch.int32)
            coords[:, 1] = torch.arange(len(x))
            cloud = VoxelTensor(coords, rows, spatial_shape=(1000, 1, 1), batch_size=1)
            y = norm(cloud).features
        else:
            y = norm(rows)
        # Not linear in the output, for the sums of a linear one's gradient vanish.
        (y.sin() * weights.to(kind)).sum().backward()
        outputs.append(y.detach())
        grads.append(rows.grad)
    return {
        "outputs": outputs,
        "grads": grads,
        "parameters": [p.grad for p in norm.parameters()],
        "buffers": dict(norm.named_buffers()),
    }


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return on_two_processes(SCRIPT, tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("name", CASES)
def test_two_processes_are_one_with_all_rows(name: str, two: list[Any]) -> None:
    make, shapes = CASES[name]
    one = run(make(), [part_of(shape, shares, None) for shape, *shares in shapes])
    low = name == "bfloat16"
    close = {"rtol": 2e-2, "atol": 4e-2} if low else {"rtol": 1e-6, "atol": 1e-6}
    halves = [rank[name] for rank in two]
    for entry in ("outputs", "grads"):
        for place, whole in enumerate(one[entry]):
            joined = torch.cat([half[entry][place] for half in halves])
            torch.testing.assert_close(joined, whole, **close)
    for mine, other, whole in zip(
        halves[0]["parameters"], halves[1]["parameters"], one["parameters"], strict=True
    ):
        torch.testing.assert_close(mine + other, whole, rtol=1e-5, atol=0.3 if low else 1e-5)
    for key, whole in one["buffers"].items():
        assert torch.equal(halves[0]["buffers"][key], halves[1]["buffers"][key])
        torch.testing.assert_close(halves[0]["buffers"][key], whole, **close)


def test_a_mean_of_two_processes_has_the_gradient_that_averaging_needs(two: list[Any]) -> None:
    means, grads, nothings = zip(*(rank["mean"] for rank in two), strict=True)
    assert all(mean.shape == () for mean in (*means, *nothings))
    assert [float(mean) for mean in means] == [3.25, 3.25]  # (1 * 1 + 3 * 4) / 4
    assert [float(grad) for grad in grads] == [1.0, 6.0]  # 2 x * 2 * weight / 4
    assert [float(nothing) for nothing in nothings] == [0.0, 0.0]


def test_a_single_process_is_left_as_it_was() -> None:
    value = torch.ones(3)
    with together():
        assert processes() == 1
        assert not is_together()
        assert weighted_mean(value, 7) is value


def test_shared_norms_copy_count_and_return_to_their_own() -> None:
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(C), spiking.SparseBatchNorm(C))
    spiking.share_norms(net)
    twin = copy.deepcopy(net)
    x = torch.randn(8, C, generator=torch.Generator().manual_seed(0))
    twin[0](x)
    assert (int(twin[0].num_batches_tracked), int(net[0].num_batches_tracked)) == (1, 0)
    assert type(net[0]) is torch.nn.BatchNorm1d
    assert net[1].sync
    spiking.share_norms(net, shared=False)
    assert "forward" not in net[0].__dict__
    assert not net[1].sync
