"""The fused adaptive neuron against the loop over pure steps, at awkward sizes."""

import itertools

import numba
import pytest
import torch
from torch import Tensor

from neurospike.errors import BackendUnavailableError
from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.surrogate import ATan, FastSigmoid, Rectangle, Surrogate
from neurospike.kernels.neurons import numba as kernels
from neurospike.kernels.neurons import select

SIZES = [(0, 2, 3), (3, 0, 4), (1, 1, 1), (1, 63, 1), (2, 3, 17), (9, 5, 7)]
MANY_CHUNKS = (7, 100, 45)
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-13}
RULES = [
    AdaptiveRule(0.9, reset, discretisation, detach, surrogate)
    for reset, discretisation, detach, surrogate in itertools.product(
        ["hard", "soft"], ["symplectic", "euler"], [False, True], [ATan(), FastSigmoid(2.0)]
    )
]


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spread even little work over the threads."""
    monkeypatch.setattr(kernels, "ALONE", 0)


def run(
    backend: str, shape: tuple[int, ...], rule: AdaptiveRule, dtype: torch.dtype, *, start: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and gradients of a loss that weighs spikes and last states at random."""
    generator = torch.Generator().manual_seed(1)

    def noise(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64).to(dtype)

    x = (2 * noise(*shape) + 1).requires_grad_()
    low = torch.tensor([[0.4], [0.5], [-0.5], [0.0]], dtype=torch.float64)
    high = torch.tensor([[0.9], [0.99], [1.0], [2.0]], dtype=torch.float64)
    drawn = torch.rand(4, shape[-1], generator=generator, dtype=torch.float64)
    gains = (low + (high - low) * drawn).to(dtype).requires_grad_()
    states = tuple(noise(*shape[1:]).requires_grad_() for _ in range(rule.states)) if start else ()
    s, last = select.adaptive(x, states or None, gains, rule, backend=backend)
    loss = (s * noise(*shape)).sum()
    for state in last or ():
        loss = loss + (state * noise(*shape[1:])).sum()
    loss.backward()
    grads = [torch.zeros_like(t) if t.grad is None else t.grad for t in (x, gains, *states)]
    return [t.detach() for t in (s, *(last or ()))], grads


def check(shape: tuple[int, ...], rule: AdaptiveRule, dtype: torch.dtype, *, start: bool) -> None:
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
    T, B, C = MANY_CHUNKS
    assert kernels.chunk_columns(2 * T, 4) < B * C
    for rule in RULES[::2]:
        check(MANY_CHUNKS, rule, dtype, start=True)


def test_bits_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (6, 80, 250)
    rule = AdaptiveRule(discretisation="euler", detach_reset=False)
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


def test_only_what_is_asked_for_gets_a_gradient() -> None:
    gains = torch.rand(4, 5)
    x = torch.randn(3, 2, 5)
    s, _ = select.adaptive(x.requires_grad_(), None, gains, AdaptiveRule())
    (gx,) = torch.autograd.grad(s.sum(), x)
    learnt = gains.clone().requires_grad_()
    s, _ = select.adaptive(x.detach(), None, learnt, AdaptiveRule())
    (ggains,) = torch.autograd.grad(s.sum(), learnt)
    s, _ = select.adaptive(x, None, learnt, AdaptiveRule(), backend="reference")
    expected = torch.autograd.grad(s.sum(), [x, learnt])
    assert torch.allclose(gx, expected[0], rtol=1e-5, atol=1e-6)
    assert torch.allclose(ggains, expected[1], rtol=1e-4, atol=1e-6)


def test_named_backends_never_fall_back() -> None:
    class Own(Surrogate):
        def derivative(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    x, gains = torch.ones(2, 3, requires_grad=True), torch.rand(4, 3)
    rule = AdaptiveRule(surrogate=Own(1.0))
    select.adaptive(x, None, gains, rule)[0].sum().backward()
    assert x.grad is not None
    with pytest.raises(BackendUnavailableError, match="'numba' needs a built-in surrogate"):
        select.adaptive(x, None, gains, rule, backend="numba")
    half = x.detach().bfloat16()
    assert select.adaptive(half, None, gains, AdaptiveRule())[0].dtype == torch.bfloat16
    with pytest.raises(BackendUnavailableError, match="'numba' needs float32 or float64"):
        select.adaptive(half, None, gains, AdaptiveRule(surrogate=Rectangle()), backend="numba")
