"""Fused kernels against the loop over pure steps, at awkward sizes."""

import itertools

import numba
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.functional import LIFRule
from neurospike.functional.surrogate import (
    ATan,
    FastSigmoid,
    Rectangle,
    Sigmoid,
    Surrogate,
    Triangle,
)
from neurospike.kernels.neurons import numba as kernels
from neurospike.kernels.neurons import select

SURROGATES = [ATan(), ATan(5.0), Sigmoid(), Triangle(), Rectangle(), FastSigmoid()]
SIZES = [(0, 5), (3, 0), (1, 1), (1, 63), (5, 17)]
MANY_CHUNKS = (16, 3000)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spread even little work over the threads."""
    monkeypatch.setattr(kernels, "ALONE", 0)


TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-14}


def random(*shape: int, dtype: torch.dtype, seed: int, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) + shift


def assert_gradients_close(got: Tensor, expected: Tensor, relative: float) -> None:
    assert got.dtype == expected.dtype
    if expected.numel():
        error = (got - expected).abs().max()
        assert error <= relative * expected.abs().max(), f"{error} of {expected.abs().max()}"


def run_lif(
    backend: str, T: int, N: int, rule: LIFRule, dtype: torch.dtype, *, learnt: bool, start: bool
) -> tuple[list[Tensor], dict[str, Tensor]]:
    x = random(T, N, dtype=dtype, seed=0, shift=0.5).requires_grad_()
    wanted = {"x": x}
    v = rate = None
    if start:
        v = wanted["v"] = random(N, dtype=dtype, seed=1).requires_grad_()
    if learnt:
        rate = wanted["rate"] = torch.tensor(1 / rule.tau, dtype=dtype, requires_grad=True)
    s, last = select.lif(x, v, rule, rate=rate, backend=backend)
    loss = (s * random(T, N, dtype=dtype, seed=2)).sum()
    outputs = [s]
    if last is not None:
        outputs.append(last)
        loss = loss + (last * random(N, dtype=dtype, seed=3)).sum()
    loss.backward()
    return [o.detach() for o in outputs], {
        name: torch.zeros_like(w) if w.grad is None else w.grad for name, w in wanted.items()
    }


RULES = [
    LIFRule(tau, 1.0, v_reset, reset, decay, detach, surrogate)
    for (tau, v_reset), reset, decay, detach, surrogate in itertools.product(
        [(2.0, 0.0), (1.7, -0.25)], ["hard", "soft"], [False, True], [False, True], SURROGATES
    )
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("T", "N"), SIZES)
def test_lif_matches_the_reference(T: int, N: int, dtype: torch.dtype) -> None:
    check_lif(T, N, RULES, dtype)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_lif_matches_the_reference_over_many_chunks(dtype: torch.dtype) -> None:
    assert MANY_CHUNKS[1] > kernels.chunk_columns(MANY_CHUNKS[0], 4)
    check_lif(*MANY_CHUNKS, [rule for rule in RULES if rule.surrogate == ATan()], dtype)


def check_lif(T: int, N: int, rules: list[LIFRule], dtype: torch.dtype) -> None:
    for rule, start in itertools.product(rules, [False, True]):
        got, grads = run_lif("numba", T, N, rule, dtype, learnt=False, start=start)
        expected, oracle = run_lif("reference", T, N, rule, dtype, learnt=False, start=start)
        assert all(torch.equal(g, e) for g, e in zip(got, expected, strict=True)), rule
        for name in oracle:
            assert_gradients_close(grads[name], oracle[name], TOLERANCE[dtype])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("decay_input", [False, True])
@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_lif_learns_tau_as_the_reference(reset: str, start: bool, decay_input: bool) -> None:
    rule = LIFRule(1.7, 1.0, -0.25, reset, decay_input, False)
    for T, N in [(0, 5), (1, 63), (7, 3000)]:
        got, grads = run_lif("numba", T, N, rule, torch.float64, learnt=True, start=start)
        expected, oracle = run_lif("reference", T, N, rule, torch.float64, learnt=True, start=start)
        assert all(torch.equal(g, e) for g, e in zip(got, expected, strict=True))
        for name in oracle:
            assert_gradients_close(grads[name], oracle[name], 1e-11)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("T", "N"), [*SIZES, MANY_CHUNKS])
@pytest.mark.parametrize("beta", [0.0, 0.25, 0.3, 1.0])
def test_ilif_matches_the_reference(T: int, N: int, dtype: torch.dtype, beta: float) -> None:
    for start, depth in itertools.product([False, True], [1, 4, 7]):
        results = []
        for backend in ("numba", "reference"):
            x = (3 * random(T, N, dtype=dtype, seed=0, shift=0.5)).requires_grad_()
            v = random(N, dtype=dtype, seed=1).requires_grad_() if start else None
            s, last = select.ilif(x, v, max_spikes=depth, beta=beta, backend=backend)
            loss = (s * random(T, N, dtype=dtype, seed=2)).sum()
            if last is not None:
                loss = loss + (last * random(N, dtype=dtype, seed=3)).sum()
            loss.backward()
            results.append((s.detach(), last, x.grad, None if v is None else v.grad))
        (s, last, gx, gv), (s_, last_, gx_, gv_) = results
        assert torch.equal(s, s_)
        assert_gradients_close(gx, gx_, TOLERANCE[dtype])
        if start:
            assert torch.equal(last, last_)
            assert_gradients_close(gv, gv_, TOLERANCE[dtype])


def test_ilif_ties_ends_and_nan_are_torchs() -> None:
    u = torch.tensor([[-1e30, -0.5, -0.0, 0.5, 1.5, 2.5, 3.5, 4.0, 4.5, 1e30]])
    odd = torch.tensor([[float("nan"), float("inf"), -float("inf"), 0.49999997, 1e-40, 3.4999998]])
    for x in (u, torch.nextafter(u, u + 1), torch.nextafter(u, u - 1), odd):
        got, v = select.ilif(x, torch.zeros(x.shape[1]), max_spikes=4, beta=0.25, backend="numba")
        expected = torch.floor(x.clamp(0, 4) + 0.5)
        assert torch.equal(got.nan_to_num(-1), expected.nan_to_num(-1))
        assert torch.equal(v.nan_to_num(-1), (x - expected)[0].nan_to_num(-1))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("decay_input", [False, True])
@pytest.mark.parametrize("tau", [1.0, 2.0, 3.7, float("inf")])
def test_readout_matches_the_reference(tau: float, decay_input: bool, learnt: bool) -> None:
    for (T, N), start in itertools.product([*SIZES, MANY_CHUNKS], [False, True]):
        results = []
        for backend in ("numba", "reference"):
            x = random(T, N, dtype=torch.float64, seed=0).requires_grad_()
            wanted = [x]
            v = rate = None
            if start:
                v = random(N, dtype=torch.float64, seed=1).requires_grad_()
                wanted.append(v)
            if learnt:
                rate = torch.tensor(1 / tau, dtype=torch.float64, requires_grad=True)
                wanted.append(rate)
            y = select.readout(x, v, tau=tau, decay_input=decay_input, rate=rate, backend=backend)
            (y * random(T, N, dtype=torch.float64, seed=2)).sum().backward()
            results.append(
                (y.detach(), [torch.zeros(()) if w.grad is None else w.grad for w in wanted])
            )
        assert torch.equal(results[0][0], results[1][0])
        if T:
            for got, expected in zip(results[0][1], results[1][1], strict=True):
                assert_gradients_close(got, expected, 1e-11)


@pytest.mark.parametrize("reduce", ["sum", "sum over time", "transposed", "unused"])
@pytest.mark.parametrize("shape", [(9, 5000), (9, 50, 100)], ids=str)
def test_broadcast_gradients_equal_written_out_ones(shape: tuple[int, ...], reduce: str) -> None:
    """The kernels read expanded gradients in place; that must not change a bit."""
    x = random(*shape, dtype=torch.float32, seed=0, shift=0.5)
    weights = random(*shape[1:], dtype=torch.float32, seed=1)
    grads = []
    for written_out in (False, True):
        a = x.clone().requires_grad_()
        s, last = select.lif(a, torch.zeros(shape[1:]), LIFRule(2.0))
        if written_out:
            s = s * torch.ones(shape)
        if reduce == "sum":
            s.sum().backward()
        elif reduce == "sum over time":
            (s.sum(0) * weights).sum().backward()
        elif reduce == "transposed":
            (
                s.transpose(0, 1) * random(shape[1], 9, *shape[2:], dtype=s.dtype, seed=2)
            ).sum().backward()
        else:
            (last * weights).sum().backward()
        grads.append(a.grad)
    assert torch.equal(*grads)


def test_input_need_not_be_contiguous() -> None:
    x = random(63, 7, dtype=torch.float32, seed=0, shift=0.5).T
    assert torch.equal(
        select.lif(x, None, LIFRule(2.0))[0], select.lif(x.contiguous(), None, LIFRule(2.0))[0]
    )


@pytest.mark.parametrize("kind", ["lif", "ilif", "readout"])
def test_bits_do_not_depend_on_the_number_of_threads(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    T, N = 6, 20_000
    assert 4 * kernels.chunk_columns(T, 4) < N
    x = random(T, N, dtype=torch.float32, seed=0, shift=0.5).requires_grad_()
    v = random(N, dtype=torch.float32, seed=1).requires_grad_()
    rate = torch.tensor(0.6, requires_grad=True)
    rule = LIFRule(1.7, decay_input=True, detach_reset=False)

    def run() -> list[Tensor]:
        if kind == "lif":
            y, _ = select.lif(x, v, rule, rate=rate)
        elif kind == "ilif":
            y, _ = select.ilif(x, v, max_spikes=4, beta=0.25)
        else:
            y = select.readout(x, v, tau=1.7, decay_input=True, rate=rate)
        wanted = [x, v] if kind == "ilif" else [x, v, rate]
        upstream = random(T, N, dtype=torch.float32, seed=2)
        return [y.detach(), *torch.autograd.grad((y * upstream).sum(), wanted)]

    runs = [run()]  # little work: in the calling thread
    monkeypatch.setattr(kernels, "ALONE", 0)
    before = numba.get_num_threads()
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            runs.append(run())
    finally:
        numba.set_num_threads(before)
    for other in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 12),
    width=st.integers(1, 200),
    tau=st.floats(1.0, 50.0),
    threshold=st.floats(0.1, 3.0),
    reset=st.sampled_from(["hard", "soft"]),
    decay_input=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_t_steps_at_once_equal_t_single_steps(
    steps: int, width: int, tau: float, threshold: float, reset: str, decay_input: bool, seed: int
) -> None:
    x = random(steps, width, dtype=torch.float32, seed=seed, shift=0.5)
    rule = LIFRule(tau, threshold, -0.1, reset, decay_input)
    whole, _ = select.lif(x, None, rule)
    v = torch.full((width,), -0.1)
    for t in range(steps):
        s, v = select.lif(x[t : t + 1], v, rule)
        assert torch.equal(s[0], whole[t])


def test_half_precision_runs_on_the_reference() -> None:
    x = torch.ones(2, 3, dtype=torch.bfloat16)
    assert select.lif(x, None, LIFRule(2.0))[0].dtype == torch.bfloat16
    with pytest.raises(BackendUnavailableError, match="'numba' needs float32 or float64; got"):
        select.lif(x, None, LIFRule(2.0), backend="numba")


def test_named_backends_never_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(Surrogate):
        def derivative(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    x = torch.ones(2, 3, requires_grad=True)
    rule = LIFRule(2.0, surrogate=Own(1.0))
    select.lif(x, None, rule)[0].sum().backward()
    assert x.grad is not None
    with pytest.raises(BackendUnavailableError, match="'numba' needs a built-in surrogate"):
        select.lif(x, None, rule, backend="numba")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(
        BackendUnavailableError, match="'triton' needs CUDA tensors; got device cpu"
    ):
        select.ilif(x, None, max_spikes=4, beta=0.25, backend="triton")
    with pytest.raises(ArgumentError, match="must be one of auto, numba, reference, triton"):
        select.ilif(x, None, max_spikes=4, beta=0.25, backend="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_gpu_gives_the_same_spikes() -> None:
    x = random(5, 63, dtype=torch.float32, seed=0, shift=0.5)
    s, _ = select.ilif(x.cuda(), None, max_spikes=4, beta=0.25)
    assert torch.equal(s.cpu(), select.ilif(x, None, max_spikes=4, beta=0.25)[0])
