"""Triton's neurons against the reference: values, gradients, awkward sizes, broadcast gradients."""

from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike.errors import BackendUnavailableError
from neurospike.functional import surrogate
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import select

SIZES = [(0, 3), (1, 0), (1, 1), (5, 63), (7, 300)]

RULES = [
    LIFRule(),
    LIFRule(tau=3.0, decay_input=True, detach_reset=False, surrogate=surrogate.Sigmoid()),
    LIFRule(tau=3.0, reset="soft", detach_reset=False, surrogate=surrogate.Triangle()),
    LIFRule(threshold=0.7, v_reset=-0.2, detach_reset=False, surrogate=surrogate.FastSigmoid(5.0)),
    LIFRule(tau=4.0, reset="soft", decay_input=True, surrogate=surrogate.Rectangle(2.0)),
]


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


@pytest.mark.parametrize("decay_input", [False, True])
def test_a_learnt_rate(decay_input: bool, device: torch.device) -> None:
    rule = LIFRule(decay_input=decay_input)
    x = made(6, 2, 150, seed=3, device=device)
    rate = torch.tensor([0.4], device=device, requires_grad=True)
    found = []
    for backend in ("triton", "reference"):
        spikes, last = select.lif(x, None, rule, rate=rate, backend=backend)  # type: ignore[arg-type]
        assert last is None
        found.append((spikes, *gradients((spikes,), [x, rate])))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


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


def test_more_neurons_than_programs_take_at_once(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurospike.kernels.neurons import launches

    x = made(9, 700, seed=9, device=device)
    whole = gradients((select.lif(x, None, LIFRule(), backend="triton")[0],), [x])
    monkeypatch.setattr(launches, "SCRATCH_BYTES", 1)  # one program, one block after another
    parts = gradients((select.lif(x, None, LIFRule(), backend="triton")[0],), [x])
    assert torch.equal(*whole, *parts)


def test_float64_is_refused_by_name(device: torch.device) -> None:
    x = torch.zeros(2, 3, dtype=torch.float64, device=device)
    with pytest.raises(BackendUnavailableError, match="float32, bfloat16 or float16; got"):
        select.lif(x, None, LIFRule(), backend="triton")
