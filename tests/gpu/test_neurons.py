"""Triton's neurons against the reference: values, gradients, awkward sizes, broadcast gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike.errors import BackendUnavailableError
from neurospike.functional import surrogate
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import launches, select

SIZES = [(0, 3), (1, 0), (1, 1), (5, 63), (11, 64)]

RULES = [
    LIFRule(),
    LIFRule(tau=3.0, decay_input=True, detach_reset=False, surrogate=surrogate.Sigmoid()),
    LIFRule(tau=3.0, reset="soft", detach_reset=False, surrogate=surrogate.Triangle()),
    LIFRule(threshold=0.7, v_reset=-0.2, detach_reset=False, surrogate=surrogate.FastSigmoid(5.0)),
    LIFRule(tau=4.0, reset="soft", decay_input=True, surrogate=surrogate.Rectangle(2.0)),
]


@pytest.fixture
def chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers for eight steps alone, so that the way back of longer sequences is in chunks."""
    monkeypatch.setattr(launches, "HELD", 8)


def made(*shape: int, seed: int, device: torch.device, dtype: Any = torch.float32) -> Tensor:
    draws = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 0.3
    return draws.to(device, dtype).requires_grad_()


def gradients(outputs: tuple[Tensor, ...], wanted: list[Tensor]) -> list[Tensor]:
    """Of a loss in which every step and neuron weighs differently."""
    loss = sum(
        (
            out.float() * torch.randn(out.shape, generator=torch.Generator().manual_seed(7)).to(out)
        ).sum()
        for out in outputs
    )
    return list(torch.autograd.grad(loss, wanted))  # type: ignore[arg-type]


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize(("steps", "neurons"), SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_lif_and_its_gradients(
    rule: LIFRule, steps: int, neurons: int, device: torch.device
) -> None:
    x = made(steps, neurons, seed=1, device=device)
    v = made(neurons, seed=2, device=device)
    ours = select.lif(x, v, rule, backend="triton")
    right = select.lif(x, v, rule, backend="reference")
    for one, other in zip(ours, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for one, other in zip(gradients(ours, [x, v]), gradients(right, [x, v]), strict=True):  # type: ignore[arg-type]
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("decay_input", [False, True])
def test_a_learnt_rate(decay_input: bool, device: torch.device) -> None:
    rule = LIFRule(decay_input=decay_input)
    x = made(11, 2, 50, seed=3, device=device)
    rate = torch.tensor([0.4], device=device, requires_grad=True)
    found = []
    for backend in ("triton", "reference"):
        spikes, last = select.lif(x, None, rule, rate=rate, backend=backend)  # type: ignore[arg-type]
        assert last is None
        found.append((spikes, *gradients((spikes,), [x, rate])))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize(("steps", "neurons"), SIZES)
def test_ilif_and_its_gradients(steps: int, neurons: int, device: torch.device) -> None:
    x = (made(steps, neurons, seed=4, device=device) * 3).detach().requires_grad_()
    v = made(neurons, seed=5, device=device)
    ours = select.ilif(x, v, max_spikes=4, beta=0.25, backend="triton")
    right = select.ilif(x, v, max_spikes=4, beta=0.25, backend="reference")
    for one, other in zip(ours, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for one, other in zip(gradients(ours, [x, v]), gradients(right, [x, v]), strict=True):  # type: ignore[arg-type]
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_bfloat16_keeps_its_membranes_in_float32(device: torch.device) -> None:
    x = made(20, 70, seed=6, device=device, dtype=torch.bfloat16)
    spikes, _ = select.ilif(x, None, max_spikes=4, beta=0.25, backend="triton")
    wide = x.detach().float().requires_grad_()
    right, _ = select.ilif(wide, None, max_spikes=4, beta=0.25, backend="reference")
    assert spikes.dtype == torch.bfloat16
    assert torch.equal(spikes.float(), right)
    ours, theirs = gradients((spikes,), [x]), gradients((right,), [wide])
    torch.testing.assert_close(ours[0].float(), theirs[0], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("shape", [lambda s: s.sum(), lambda s: s.mean(0).square().sum()])
def test_broadcast_gradients(shape: Any, device: torch.device) -> None:
    found = []
    for backend in ("triton", "reference"):
        x = made(4, 90, seed=8, device=device)
        spikes, _ = select.lif(x, None, LIFRule(), backend=backend)  # type: ignore[arg-type]
        shape(spikes).backward()
        found.append(x.grad)
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (4, 64), (8, 33), (9, 2, 17), (19, 128)])
@pytest.mark.parametrize(("decay_input", "learnt"), [(False, True), (True, True), (True, False)])
def test_the_readout_and_its_gradients(
    decay_input: bool, learnt: bool, shape: tuple[int, ...], device: torch.device
) -> None:
    x, v = made(*shape, seed=10, device=device), made(*shape[1:], seed=11, device=device)
    rate = torch.tensor([0.3], device=device, requires_grad=True) if learnt else None
    for first in (v, None):
        wanted = [one for one in (x, rate, first) if one is not None]
        found = []
        for backend in ("triton", "reference"):
            y = select.readout(
                x, first, tau=3.0, decay_input=decay_input, rate=rate, backend=backend
            )
            found.append((y, *gradients((y,), wanted)))
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_a_readout_of_nothing(shape: tuple[int, ...], device: torch.device) -> None:
    x, v = made(*shape, seed=10, device=device), made(*shape[1:], seed=11, device=device)
    y = select.readout(x, v, tau=3.0, decay_input=False, backend="triton")
    assert y.shape == x.shape
    assert not any(one.any() for one in torch.autograd.grad(y.sum(), [x, v]))


@pytest.mark.usefixtures("chunked")
@pytest.mark.parametrize("steps", [1, 8, 13])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_the_reference(
    dtype: torch.dtype, steps: int, device: torch.device
) -> None:
    x = made(steps, 4, 48, seed=12, device=device, dtype=dtype)
    wide = x.detach().float().requires_grad_()
    for backend in ("triton", "reference"):
        one = x if backend == "triton" else wide
        spikes, _ = select.lif(one, None, LIFRule(detach_reset=False), backend=backend)
        y = select.readout(one, None, tau=3.0, decay_input=True, backend=backend)
        found = [spikes, y, *gradients((spikes, y), [one])]
        if backend == "triton":
            ours = found
    for one, other in zip(ours, found, strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one.float(), other, rtol=1e-2, atol=1e-2)


@pytest.mark.usefixtures("chunked")
def test_every_output_is_written(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is allocated unwritten holds NaN here, and the same bits must come twice."""
    own = torch.empty_like

    def poisoned(like: Tensor, **options: Any) -> Tensor:
        return own(like, **options).fill_(float("nan"))

    monkeypatch.setattr(torch, "empty_like", poisoned)
    monkeypatch.setattr(Tensor, "new_empty", lambda like, *shape, **options: like.new_full(
        shape[0] if isinstance(shape[0], tuple) else shape, float("nan"), **options
    ))  # fmt: skip
    rate = torch.tensor([0.3], device=device, requires_grad=True)
    for shape in ((9, 33), (5, 2, 64)):
        x, v = made(*shape, seed=13, device=device), made(*shape[1:], seed=14, device=device)
        found = []
        for _ in range(2):
            s, last = select.lif(x, v, LIFRule(), rate=rate, backend="triton")
            u, end = select.ilif(x, v, max_spikes=4, beta=0.25, backend="triton")
            y = select.readout(x, v, tau=2.0, decay_input=True, rate=rate, backend="triton")
            assert last is not None and end is not None
            outputs = (s, last, u, end, y)
            found.append([*outputs, *gradients(outputs, [x, v, rate])])
        for one, other in zip(*found, strict=True):
            assert not one.isnan().any()
            assert torch.equal(one, other)


@pytest.mark.parametrize("order", [(0, 1, 3, 2), (0, 3, 2, 1)])
def test_images_with_their_channels_side_by_side_are_not_copied(
    order: tuple[int, ...], device: torch.device
) -> None:
    x = made(3, 2, 4, 5, seed=15, device=device).detach().permute(order).requires_grad_()
    for neuron in (
        lambda x, name: select.lif(x, None, LIFRule(), backend=name)[0],
        lambda x, name: select.ilif(x, None, max_spikes=4, beta=0.25, backend=name)[0],
        lambda x, name: select.readout(x, None, tau=2.0, decay_input=False, backend=name),
    ):
        ours, right = neuron(x, "triton"), neuron(x, "reference")
        assert ours.stride() == x.stride()
        torch.testing.assert_close(ours, right)
        torch.testing.assert_close(gradients((ours,), [x]), gradients((right,), [x]))


def test_torchs_operations_run_these_kernels(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurospike.kernels import neurons
    from neurospike.kernels.neurons import cpu, gpu, ops

    rate = torch.tensor([0.3], device=device, requires_grad=True)
    rule = LIFRule(3.0, reset="soft", surrogate=surrogate.FastSigmoid(5.0))
    x, v = made(9, 33, seed=17, device=device), made(33, seed=18, device=device)
    found = []
    for passes in (gpu, cpu):
        if device.type == "cpu":  # where an operation takes numba's kernels, on its own
            monkeypatch.setattr(neurons, "cpu", passes)
        outputs = (
            *ops.lif(x, v, rate, rule), *ops.ilif(x, v, 4, 0.25), ops.readout(x, v, rate, 3.0, True)
        )  # fmt: skip
        found.append((*outputs, *gradients(outputs, [x, v, rate])))  # type: ignore[arg-type]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_a_compiled_graph_on_a_cpu_runs_no_triton() -> None:
    def run(x: Tensor) -> Tensor:
        return select.readout(x, None, tau=2.0, decay_input=False, backend="triton")

    with pytest.raises(Exception, match="needs CUDA tensors"):
        torch.compile(run, backend="eager", fullgraph=True)(torch.zeros(2, 3))


def test_auto_takes_no_interpreted_kernel(device: torch.device) -> None:
    cpu = torch.zeros(2, 3)
    assert select._resolve("auto", cpu) == "numba"
    assert select._resolve("auto", cpu.bfloat16()) == "reference"
    if device.type == "cuda":
        assert select._resolve("auto", cpu.to(device)) == "triton"
        assert select._resolve("auto", cpu.bfloat16().to(device)) == "triton"
        assert select._resolve("auto", cpu.double().to(device)) == "reference"


def test_a_measured_configuration_is_used(device: torch.device) -> None:
    from neurospike.kernels.tuning import forced

    x = made(13, 100, seed=16, device=device)
    plain = select.lif(x, None, LIFRule(), backend="triton")[0]
    right = gradients((plain,), [x])
    for index in (0, 4, len(launches.CONFIGS) - 1):
        with (
            forced("neurons.lif", {"config": index}),
            forced("neurons.lif_backward", {"config": index}),
        ):
            spikes = select.lif(x, None, LIFRule(), backend="triton")[0]
            assert torch.equal(spikes, plain)
            assert torch.equal(*gradients((spikes,), [x]), *right)


def test_large_inputs_fill_the_processors_and_small_ones_too() -> None:
    wide = launches.default(100, 1 << 22, 4, 0, 132)
    assert (wide.block, wide.width) == (512, 4)
    assert launches.default(100, 1 << 22, 2, 0, 132).width == 8
    small = launches.default(100, 1 << 14, 4, 0, 132)
    assert small.width == 1
    assert (1 << 14) // small.block >= launches.FILLING * 100
    assert launches.default(100, 999_999, 4, 0, 132).width == 1


def test_sequences_that_fit_into_registers_are_one_chunk() -> None:
    for T, width in ((1, 4), (8, 4), (9, 2), (16, 2), (20, 1), (32, 1)):
        assert launches.default(T, 1 << 22, 4, 1, 132) == (4, width, T)
    assert launches.default(33, 1 << 22, 4, 1, 132) == (4, 4, 4)
    assert launches.default(12, 1 << 22, 4, 3, 132) == (4, 1, 12)
    assert launches.default(17, 1 << 22, 4, 3, 132) == (4, 2, 4)


def test_more_neurons_than_programs_take_at_once(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = made(9, 700, seed=9, device=device)
    whole = gradients((select.lif(x, None, LIFRule(), backend="triton")[0],), [x])
    monkeypatch.setattr(launches, "HELD", 8)
    monkeypatch.setattr(launches, "SCRATCH_BYTES", 1)  # one program, one block after another
    parts = gradients((select.lif(x, None, LIFRule(), backend="triton")[0],), [x])
    assert torch.equal(*whole, *parts)


def test_float64_is_refused_by_name(device: torch.device) -> None:
    x = torch.zeros(2, 3, dtype=torch.float64, device=device)
    with pytest.raises(BackendUnavailableError, match="float32, bfloat16 or float16; got"):
        select.lif(x, None, LIFRule(), backend="triton")
