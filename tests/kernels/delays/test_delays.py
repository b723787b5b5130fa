"""The kernels of delay layers against their oracle, and products of spectra against shifts."""

import pytest
import torch
from torch import Tensor

from neurospike.functional.delays import DelayRule
from neurospike.kernels.delays import (
    dense,
    fourier,
    matrices,
    reference,
    select,
    shifts,
    spectra,
    spectrum,
    spread,
)

SIZES = [
    # T, B, in, out, taps, max_delay, tail
    (1, 1, 1, 1, 1, 1, 0),
    (2, 2, 2, 2, 1, 1, 3),
    (7, 2, 3, 4, 1, 5, 0),
    (30, 3, 17, 5, 2, 25, 12),
    (63, 1, 3, 17, 1, 24, 40),
    (3, 2, 3, 4, 1, 9, 0),
    (200, 1, 5, 3, 1, 4, 1),
    (5, 0, 3, 3, 1, 4, 0),  # an empty batch goes by shifts, whatever is asked for
]
WAYS = [
    (way, dtype) for way in (shifts, matrices, None) for dtype in (torch.float32, torch.float64)
]
WAYS.append((spectra, torch.float32))  # what runs in the cache, where double precision does not
RULES = [("gaussian", 1.7), ("gaussian", 0.2), ("triangle", 2.3), ("triangle", 0.3), ("none", 1.0)]


def parts(size: tuple[int, ...], dtype: torch.dtype) -> list[Tensor]:
    T, B, ins, outs, taps, max_delay, _ = size
    g = torch.Generator().manual_seed(0)
    x = torch.randn(T, B, ins, dtype=dtype, generator=g)
    weight = torch.randn(outs, ins, taps, dtype=dtype, generator=g)
    delay = torch.rand(outs, ins, taps, dtype=dtype, generator=g) * (max_delay - 1)
    return [t.requires_grad_() for t in (x, weight, delay)]


def assert_close(ours: Tensor, expected: Tensor, dtype: torch.dtype, scale: float = 1.0) -> None:
    assert ours.shape == expected.shape
    if expected.numel():
        allowed = 1e-12 if dtype == torch.float64 else 1e-5
        largest = expected.abs().max().clamp(min=scale)
        assert (ours - expected).abs().max() <= allowed * largest


@pytest.mark.parametrize(("way", "dtype"), WAYS)
@pytest.mark.parametrize(("spread", "sigma"), RULES)
@pytest.mark.parametrize("size", SIZES)
def test_outputs_and_gradients(way, size, spread, sigma, dtype, monkeypatch) -> None:
    if way is not None and size[1]:
        monkeypatch.setattr(dense, "_way", lambda *_: way)
    x, weight, delay = parts(size, dtype)
    rule = DelayRule(size[5], spread, sigma, size[6])
    expected = reference.convolve(x, weight, delay, rule)
    ours = select.convolve(x, weight, delay, rule)
    assert_close(ours, expected, dtype)
    upstream = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    own = torch.autograd.grad(ours, (x, weight, delay), upstream)
    other = torch.autograd.grad(expected, (x, weight, delay), upstream)
    for a, b in zip(own, other, strict=True):
        # A bell far narrower than a step hardly moves: its gradient is all rounding.
        assert_close(a, b, dtype, scale=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
def test_whole_delays_add_up_in_the_order_of_the_oracle(size, dtype) -> None:
    x, weight, delay = (t.detach() for t in parts(size, dtype))
    x = torch.where(x > 0.5, x, 0.0)
    rule, delay = DelayRule(size[5], "none", 1.0, size[6]), delay.round()
    packed = select.pack(weight, delay, size[5])
    ours = select.sequence(x, weight, delay, rule, packed)
    expected = reference.delay_line(x, weight, delay, max_delay=size[5], tail=size[6])
    assert torch.equal(ours, expected)
    assert_close(ours, select.convolve(x, weight, delay, rule), dtype)


@pytest.mark.parametrize(("length", "steps", "columns"), [
    (1, 1, 3), (2, 1, 33), (3, 3, 17), (15, 10, 1), (16, 16, 256), (60, 41, 300), (125, 100, 65),
])  # fmt: skip
def test_transforms_in_the_cache_are_the_matrices(length, steps, columns) -> None:
    dtype = torch.float32
    g = torch.Generator().manual_seed(0)
    m = spectrum.transforms(length, dtype, torch.device("cpu"))
    rows, first = spectrum.products(length), 5
    x = torch.randn(steps, columns + first, dtype=dtype, generator=g)
    for mix, matrix in ((fourier.INPUT, m.forth_x), (fourier.OUTPUT_GRADIENT, m.back.T)):
        spectra = torch.empty(rows, columns, dtype=dtype)
        fourier.forth(x, first, mix, length, spectra)
        assert_close(spectra, matrix[:, :steps] @ x[:, first:], dtype)
    spectra = torch.randn(rows, columns, dtype=dtype, generator=g)
    for mix, matrix in ((fourier.OUTPUT, m.back), (fourier.INPUT_GRADIENT, m.forth_x.T)):
        for add in (False, True):
            y = x.clone()
            fourier.back(spectra, mix, length, first, y, add=add)
            expected = matrix[:steps] @ spectra + (x[:, first:] if add else 0)
            assert_close(y[:, first:], expected, dtype)
            assert torch.equal(y[:, :first], x[:, :first])


def test_a_gpu_takes_matrices_and_one_product_where_there_is_one_delay() -> None:
    x = torch.empty(6, 2, 3, device="meta")
    weight = torch.empty(4, 3, 1, device="meta")
    assert dense._way(x, weight, DelayRule(5)) is matrices
    assert dense._way(x[:1], weight, DelayRule(5)) is matrices
    assert dense._way(x, weight, DelayRule(1)) is shifts


def test_half_precision_is_computed_in_single() -> None:
    x, weight, delay = parts(SIZES[3], torch.float32)
    halves = [t.detach().bfloat16().requires_grad_() for t in (x, weight, delay)]
    wide = [t.detach().float().requires_grad_() for t in halves]
    rule = DelayRule(25, "gaussian", 1.7, 12)
    ours, expected = select.convolve(*halves, rule), reference.convolve(*wide, rule)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), expected, rtol=1e-2, atol=1e-2)
    g = torch.randn_like(expected)
    pairs = zip(
        torch.autograd.grad(ours, halves, g.bfloat16()),
        torch.autograd.grad(expected, wide, g),
        strict=True,
    )
    for mine, other in pairs:
        assert (mine.float() - other).abs().max() <= 1e-2 * other.abs().max()


@pytest.mark.parametrize(("way", "dtype"), [way for way in WAYS if way[0] in (matrices, spectra)])
def test_long_sequences_and_large_batches_are_cut(way, dtype, monkeypatch) -> None:
    monkeypatch.setattr(way, "PART_BYTES", 1 << 14)
    x, weight, delay = parts((700, 5, 3, 4, 1, 9, 4), dtype)
    rule = DelayRule(9, "gaussian", 1.7, 4)
    expected = reference.convolve(x, weight, delay, rule)
    g = torch.randn_like(expected)
    kernel = reference.kernel(weight, delay, rule)
    assert_close(way.forward(x.detach(), kernel.detach(), 4), expected, dtype)
    gx, gk = way.backward(g, x.detach(), kernel.detach(), taps=9, parameters=True)
    others = torch.autograd.grad(expected, (x, weight), g, retain_graph=True)
    assert_close(gx, others[0], dtype)
    assert_close(torch.autograd.grad(kernel, weight, gk)[0], others[1], dtype)


def test_bits_do_not_depend_on_the_threads() -> None:
    size = (40, 64, 40, 30, 2, 9, 3)  # large enough to be spread over all threads
    x, weight, delay = (t.detach() for t in parts(size, torch.float32))
    rule, delay = DelayRule(9, "none", 1.0, 3), delay.round()
    packed = select.pack(weight, delay, 9)
    whole = select.sequence(x, weight, delay, rule, packed)
    single = [select.sequence(x[:, b : b + 1], weight, delay, rule, packed) for b in range(64)]
    assert torch.equal(whole, torch.cat(single, 1))


def test_matrices_give_the_same_bits_again() -> None:
    x, weight, delay = (t.detach() for t in parts((300, 6, 7, 5, 2, 9, 4), torch.float32))
    rule = DelayRule(9, "gaussian", 1.7, 4)
    shares = spread.shares(delay, rule)
    kernel = spread.kernel(weight, shares)
    torch.use_deterministic_algorithms(True)
    try:
        runs = []
        for _ in range(2):
            y = matrices.forward(x, kernel, 4)
            runs.append((y, *matrices.backward(y, x, kernel, taps=9, parameters=True)))
        for one, other in zip(*runs, strict=True):
            assert one is not None and other is not None and torch.equal(one, other)
    finally:
        torch.use_deterministic_algorithms(False)
