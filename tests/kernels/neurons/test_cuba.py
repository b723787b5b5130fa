"""The fused current-based neuron against the loop over pure steps, at awkward sizes."""

import itertools

import numba
import pytest
import torch
from torch import Tensor

from neurospike.errors import BackendUnavailableError
from neurospike.functional.cuba import CubaRule
from neurospike.functional.surrogate import FastSigmoid, Surrogate
from neurospike.kernels.neurons import numba as kernels
from neurospike.kernels.neurons import select

SIZES = [(0, 2, 3), (3, 0), (1, 1), (1, 63), (2, 3, 17), (9, 5, 7)]
MANY_CHUNKS = (7, 4500)
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-13}
RULES = [
    CubaRule(0.75, reset, detach, FastSigmoid(2.0), scale)
    for reset, detach, scale in itertools.product(
        ["hard", "soft"], [False, True], [0.0, 1.0, 64.0, 4096.0]
    )
]


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spread even little work over the threads."""
    monkeypatch.setattr(kernels, "ALONE", 0)


def run(
    backend: str, shape: tuple[int, ...], rule: CubaRule, dtype: torch.dtype, *, start: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and gradients of a loss that weighs spikes and last states at random."""
    generator = torch.Generator().manual_seed(1)

    def noise(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64).to(dtype)

    x = (noise(*shape) + 0.2).requires_grad_()
    keep = torch.tensor([2500 / 4096, 3677 / 4096], dtype=dtype, requires_grad=True)
    states = [noise(*shape[1:]) for _ in range(2)] if start else []
    if rule.scale:
        states = [torch.round(state * rule.scale) / rule.scale for state in states]
    states = [state.requires_grad_() for state in states]
    s, last = select.cuba(x, tuple(states) or None, keep, rule, backend=backend)
    loss = (s * noise(*shape)).sum()
    for state in last or ():
        loss = loss + (state * noise(*shape[1:])).sum()
    loss.backward()
    grads = [torch.zeros_like(t) if t.grad is None else t.grad for t in (x, keep, *states)]
    return [t.detach() for t in (s, *(last or ()))], grads


def check(shape: tuple[int, ...], rule: CubaRule, dtype: torch.dtype, *, start: bool) -> None:
    got, grads = run("numba", shape, rule, dtype, start=start)
    expected, oracle = run("reference", shape, rule, dtype, start=start)
    assert all(torch.equal(g, e) for g, e in zip(got, expected, strict=True)), rule
    for found, wanted in zip(grads, oracle, strict=True):
        assert found.dtype == wanted.dtype
        if wanted.numel():
            error = (found - wanted).abs().max()
            assert error <= TOLERANCE[dtype] * wanted.abs().max(), (rule, error)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_matches_the_reference(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    for rule, start in itertools.product(RULES, [False, True]):
        check(shape, rule, dtype, start=start)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_matches_the_reference_over_many_chunks(dtype: torch.dtype) -> None:
    T, N = MANY_CHUNKS
    assert kernels.chunk_columns(2 * T, 4) < N
    for rule in RULES:
        check(MANY_CHUNKS, rule, dtype, start=True)


def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    shape, rule = (6, 20_000), CubaRule(detach_reset=False)
    runs = [run("numba", shape, rule, torch.float32, start=True)]
    monkeypatch.setattr(kernels, "ALONE", 0)
    before = numba.get_num_threads()
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            runs.append(run("numba", shape, rule, torch.float32, start=True))
    finally:
        numba.set_num_threads(before)
    for outputs, grads in runs[1:]:
        pairs = zip([*runs[0][0], *runs[0][1]], [*outputs, *grads], strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


def test_named_backends_never_fall_back() -> None:
    class Own(Surrogate):
        def derivative(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    x, keep = torch.ones(2, 3, requires_grad=True), torch.tensor([0.5, 0.5])
    rule = CubaRule(surrogate=Own(1.0))
    select.cuba(x, None, keep, rule)[0].sum().backward()
    assert x.grad is not None
    with pytest.raises(BackendUnavailableError, match="'numba' needs a built-in surrogate"):
        select.cuba(x, None, keep, rule, backend="numba")
    half = x.detach().bfloat16()
    assert select.cuba(half, None, keep.bfloat16(), CubaRule())[0].dtype == torch.bfloat16
    with pytest.raises(BackendUnavailableError, match="'numba' needs float32 or float64"):
        select.cuba(half, None, keep.bfloat16(), CubaRule(), backend="numba")
