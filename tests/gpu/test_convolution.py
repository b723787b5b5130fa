"""Triton's sparse convolution against the reference: values, gradients, awkward sizes and maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike.errors import BackendUnavailableError
from neurospike.kernels import devices
from neurospike.kernels.events import Events
from neurospike.kernels.sparse import gpu, gpu_tiles, reference, select
from neurospike.kernels.sparse.geometry import Geometry, strided, submanifold
from neurospike.kernels.sparse.rules import Rules

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
GRID = (5, 6, 4)
SUBMANIFOLD = submanifold((3, 1, 3), (1, 1, 1), GRID)
DOWN = strided((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1), GRID)


def cloud(rows: int, seed: int = 0) -> Tensor:
    """So many voxels of two samples, ascending."""
    cells = 2 * GRID[0] * GRID[1] * GRID[2]
    order = torch.randperm(cells, generator=torch.Generator().manual_seed(seed))
    return torch.stack(torch.unravel_index(order[:rows].sort().values, (2, *GRID)), 1).int()


def rules_of(rows: int, geometry: Geometry = SUBMANIFOLD) -> Rules:
    """A table alone, as a map built on a device is kept."""
    coords = cloud(rows)
    out = coords if geometry is SUBMANIFOLD else reference.output_coords(coords, geometry)
    rules = reference.build_rules(coords, out, geometry)
    mirrored = geometry is SUBMANIFOLD and rows % 4 == 2  # both ways back are tested
    return Rules.from_table(rules.table(), n_in=rules.n_in, mirrored=mirrored)


def draws(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run(
    backend: Any, rules: Rules, parts: list[Tensor | None], dtype: torch.dtype, device: torch.device
) -> list[Tensor]:
    """Output and gradients of a loss in which every element weighs differently."""
    features, weight, bias = (
        None if part is None else part.to(device, dtype).requires_grad_() for part in parts
    )
    assert features is not None and weight is not None
    there = Rules.from_table(rules.table().to(device), n_in=rules.n_in, mirrored=rules.mirrored)
    with select.backend(backend):
        out = select.convolve(features, weight, bias, there)
    wanted = [part for part in (features, weight, bias) if part is not None]
    loss = (out.float() * draws(*out.shape, seed=9).to(device)).sum()
    return [out.detach(), *torch.autograd.grad(loss, wanted)]


def made(
    rules: Rules, c_in: int, c_out: int, steps: int | None = None, bias: bool = False
) -> list[Tensor | None]:
    lead = () if steps is None else (steps,)
    return [
        draws(*lead, rules.n_in, c_in, seed=1),
        draws(rules.volume, c_in, c_out, seed=2),
        draws(c_out, seed=3) if bias else None,
    ]


def agree(ours: list[Tensor], right: list[Tensor], tolerance: float) -> None:
    """Relative to the largest value: sums of hundreds of products cancel."""
    for one, other in zip(ours, right, strict=True):
        assert one.shape == other.shape
        scale = float(other.abs().max()) if other.numel() else 1.0
        torch.testing.assert_close(one.float(), other.float(), rtol=0, atol=tolerance * scale)


@contextmanager
def poisoned() -> Iterator[None]:
    """Memory that is not written holds NaN."""
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(("c_in", "c_out"), [(1, 16), (3, 17), (16, 1), (17, 33), (33, 3)])
@pytest.mark.parametrize("steps", [None, 2])
def test_values_and_gradients(
    c_in: int, c_out: int, steps: int | None, device: torch.device
) -> None:
    rules = rules_of(70)
    parts = made(rules, c_in, c_out, steps, bias=steps is None)
    with poisoned():
        ours = run("triton", rules, parts, torch.float32, device)
    agree(ours, run("reference", rules, parts, torch.float32, device), 1e-5)


@pytest.mark.parametrize("turned", [False, True])
def test_strided_and_its_inverse(turned: bool, device: torch.device) -> None:
    rules = rules_of(150, DOWN)
    rules = rules.transposed() if turned else rules
    parts = made(rules, 5, 18, steps=2, bias=True)
    with poisoned():
        ours = run("triton", rules, parts, torch.float32, device)
    agree(ours, run("reference", rules, parts, torch.float32, device), 1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype: torch.dtype, device: torch.device) -> None:
    rules = rules_of(40)
    parts = made(rules, 17, 20, bias=True)
    rounded = [None if part is None else part.to(dtype).float() for part in parts]
    ours = run("triton", rules, parts, dtype, device)
    assert {one.dtype for one in ours} == {dtype}
    agree(ours, run("reference", rules, rounded, torch.float32, device), 1e-2)


@pytest.mark.parametrize("steps", [None, 0, 1])
@pytest.mark.parametrize(("n_in", "n_out"), [(0, 0), (0, 3), (3, 0), (1, 1), (3, 3)])
def test_few_rows_and_no_neighbours(
    n_in: int, n_out: int, steps: int | None, device: torch.device
) -> None:
    table = torch.full((4, n_out), -1, dtype=torch.int32)
    if (n_in, n_out) == (1, 1):
        table[2, 0] = 0
    rules = Rules.from_table(table, n_in=n_in)
    parts = made(rules, 3, 2, steps, bias=True)
    with poisoned():
        ours = run("triton", rules, parts, torch.float32, device)
    agree(ours, run("reference", rules, parts, torch.float32, device), 1e-5)


def test_more_offsets_than_a_mask_has_bits(device: torch.device) -> None:
    rules = rules_of(20, submanifold((5, 5, 3), (1, 1, 1), GRID))
    parts = made(rules, 2, 3)
    ours = run("triton", rules, parts, torch.float32, device)
    agree(ours, run("reference", rules, parts, torch.float32, device), 1e-5)


def test_repeatable_and_equal_step_by_step(device: torch.device) -> None:
    rules = rules_of(50)
    parts = made(rules, 7, 9, steps=3, bias=True)
    first = run("triton", rules, parts, torch.float32, device)
    again = run("triton", rules, parts, torch.float32, device)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert parts[0] is not None
    step = run("triton", rules, [parts[0][1], *parts[1:]], torch.float32, device)
    assert torch.equal(first[0][1], step[0])


def test_rows_without_time_after_a_permutation(device: torch.device) -> None:
    rules = rules_of(30)
    features = draws(4, 30, seed=1).to(device).T.requires_grad_()
    weight = draws(rules.volume, 6, 4, seed=2).to(device).transpose(1, 2)
    there = Rules.from_table(rules.table().to(device), n_in=30)
    with select.backend("triton"):
        out = select.convolve(features, weight, None, there)
    torch.testing.assert_close(
        out, reference.convolve(features, weight, there), rtol=1e-5, atol=1e-5
    )


def test_partial_sums_of_many_chunks(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of(50)
    x, grad = draws(3, 50, 5, seed=1).to(device), draws(3, 50, 4, seed=2).to(device)
    there = Rules.from_table(rules.table().to(device), n_in=50)
    whole = gpu.weight_gradient(x, grad, there)
    monkeypatch.setattr(gpu, "CHUNKS", (16, 16))
    torch.testing.assert_close(gpu.weight_gradient(x, grad, there), whole, rtol=1e-5, atol=1e-4)


def test_the_default_tile_leaves_no_multiprocessor_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "multiprocessors", lambda _: 132)
    device, bfloat16 = torch.device("cpu"), torch.bfloat16
    found = [
        gpu_tiles.convolution_tile(rows, 128, 128, bfloat16, device).rows
        * gpu_tiles.convolution_tile(rows, 128, 128, bfloat16, device).columns
        for rows in (1000, 20_000, 100_000)
    ]
    assert found == [64 * 64, 128 * 64, 128 * 128]
    for c_in, c_out, dtype in product((1, 16, 17, 200), (1, 16, 17, 64, 200), DTYPES):
        tile = gpu_tiles.convolution_tile(5000, c_in, c_out, dtype, device)
        assert tile in gpu_tiles.CONFIGS
        assert gpu_tiles.fits(tile, dtype)
        assert gpu_tiles.weight_tile(5000, c_in, c_out, dtype, device) in gpu_tiles.WEIGHT_CONFIGS


@pytest.mark.parametrize(("c_in", "c_out"), [(1, 17), (33, 20)])
@pytest.mark.parametrize("steps", [None, 2])
def test_events(c_in: int, c_out: int, steps: int | None, device: torch.device) -> None:
    rules = rules_of(40)
    parts = made(rules, c_in, c_out, steps, bias=steps is None)
    assert parts[0] is not None
    parts[0] = (parts[0] * (parts[0] > 1)).round()
    with poisoned():
        ours = run("triton-events", rules, parts, torch.float32, device)
    agree(ours, run("reference", rules, parts, torch.float32, device), 1e-5)


@pytest.mark.parametrize("binary", [False, True])
def test_events_of_a_neuron(binary: bool, device: torch.device) -> None:
    rules = rules_of(30)
    x, weight, _ = made(rules, 6, 9, steps=2)
    assert x is not None and weight is not None
    x = (x > 0.5).float() if binary else x.clamp(min=0).round()
    there = Rules.from_table(rules.table().to(device), n_in=30)
    spikes, weight = Events.of(x.to(device), binary=binary), weight.to(device)
    torch.testing.assert_close(
        gpu.convolve_events(spikes, weight, None, there),
        reference.convolve(x.to(device), weight, there),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("shape", [(0, 4), (3, 1), (2, 9, 33)])
def test_events_are_listed(shape: tuple[int, ...], device: torch.device) -> None:
    x = draws(*shape, seed=8).clamp(min=0).to(device)
    ours, right = gpu.events(x), Events.of(x)
    assert torch.equal(ours.counts, right.counts)
    assert torch.equal(ours.dense(torch.float32), x)
    assert ours.shape == right.shape


def test_few_rows_of_events(device: torch.device) -> None:
    for n_in, n_out in ((0, 3), (3, 0), (2, 2)):
        rules = Rules.from_table(torch.full((4, n_out), -1, dtype=torch.int32), n_in=n_in)
        parts = made(rules, 3, 2, steps=1, bias=True)
        with poisoned():
            ours = run("triton-events", rules, parts, torch.float32, device)
        agree(ours, run("reference", rules, parts, torch.float32, device), 1e-5)


def test_a_named_backend_says_what_it_needs(device: torch.device) -> None:
    rules = rules_of(3)
    x = torch.zeros(3, 2, dtype=torch.float64, device=device)
    w = torch.zeros(rules.volume, 2, 2, dtype=torch.float64, device=device)
    with (
        select.backend("triton"),
        pytest.raises(BackendUnavailableError, match="float32, bfloat16 or float16; got"),
    ):
        select.convolve(x, w, None, rules)
