"""Triton's neurons of several states against the reference: values and every gradient."""

from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike.errors import BackendUnavailableError
from neurospike.functional import surrogate
from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import launches, select

SHAPES = [(0, 2, 3), (2, 0, 3), (1, 1, 1), (9, 17), (10, 4, 8)]
ADAPTIVE = [
    AdaptiveRule(),
    AdaptiveRule(discretisation="euler", reset="soft", detach_reset=False),
    AdaptiveRule(reset="soft", detach_reset=False, surrogate=surrogate.Triangle()),
    AdaptiveRule(0.7, discretisation="euler", surrogate=surrogate.FastSigmoid(5.0)),
]
CUBA = [
    CubaRule(),
    CubaRule(0.6, reset="soft", detach_reset=False),
    CubaRule(detach_reset=False, surrogate=surrogate.Sigmoid()),
]


@pytest.fixture(autouse=True)
def chunked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers for few steps alone, so that the way back of longer sequences is in chunks."""
    monkeypatch.setattr(launches, "HELD", 8)


def made(*shape: int, seed: int, device: torch.device, dtype: Any = torch.float32) -> Tensor:
    draws = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 0.4
    return draws.to(device, dtype).requires_grad_()


def run(neuron: Any, wanted: list[Tensor], *, backend: str) -> list[Tensor]:
    """Outputs, and gradients of a loss in which everything weighs differently."""
    spikes, last = neuron(backend)
    outputs = [spikes, *(last or ())]
    loss = sum(
        (out * torch.linspace(-1, 2, out.numel()).reshape(out.shape).to(out)).sum()
        for out in outputs
    )
    grads = torch.autograd.grad(loss, wanted, materialize_grads=True)  # type: ignore[arg-type]
    return [*outputs, *grads]


def compare(neuron: Any, wanted: list[Tensor], tolerance: float = 1e-5) -> None:
    ours, right = (run(neuron, wanted, backend=name) for name in ("triton", "reference"))
    for one, other in zip(ours, right, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def gains(C: int, device: torch.device, dtype: Any = torch.float32) -> Tensor:
    draws = torch.rand(4, C, generator=torch.Generator().manual_seed(9)) * 0.6 + 0.2
    return draws.to(device, dtype).requires_grad_()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", ADAPTIVE)
def test_adaptive_neurons(rule: AdaptiveRule, shape: tuple[int, ...], device: torch.device) -> None:
    x, learnt = made(*shape, seed=1, device=device), gains(shape[-1], device)
    states = tuple(made(*shape[1:], seed=2 + k, device=device) for k in range(rule.states))
    compare(
        lambda name: select.adaptive(x, states, learnt, rule, backend=name), [x, learnt, *states]
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", CUBA)
def test_current_based_neurons(
    rule: CubaRule, shape: tuple[int, ...], device: torch.device
) -> None:
    x = made(*shape, seed=3, device=device)
    keep = torch.tensor([0.7, 0.4], device=device, requires_grad=True)
    states = tuple(made(*shape[1:], seed=5 + k, device=device) for k in range(2))
    wanted = [x, keep, *states]
    compare(lambda name: select.cuba(x, states, keep, rule, backend=name), wanted)


def test_steps_at_once_and_one_by_one_give_the_same_bits(device: torch.device) -> None:
    x, learnt = made(9, 3, 8, seed=4, device=device).detach(), gains(8, device)
    keep = torch.tensor([0.7, 0.4], device=device)
    zero = torch.zeros_like(x[0])

    def lif(x: Tensor, state: tuple[Tensor, ...]) -> Any:
        s, last = select.lif(x, state[0], LIFRule(3.0, decay_input=True), backend="triton")
        return s, (last,)

    neurons: list[tuple[int, Any]] = [
        (1, lif),
        (3, lambda x, state: select.adaptive(x, state, learnt, ADAPTIVE[1], backend="triton")),
        (2, lambda x, state: select.cuba(x, state, keep, CUBA[0], backend="triton")),
    ]
    for states, neuron in neurons:
        whole, last = neuron(x, (zero,) * states)
        state, spikes = (zero,) * states, []
        for now in x:
            s, state = neuron(now[None], state)
            spikes.append(s[0])
        assert torch.equal(whole, torch.stack(spikes))
        assert all(torch.equal(*pair) for pair in zip(last, state, strict=True))


def test_neurons_that_start_from_rest(device: torch.device) -> None:
    x, learnt = made(10, 3, 8, seed=6, device=device), gains(8, device)
    keep = torch.tensor([0.7, 0.4], device=device, requires_grad=True)
    for rule in ADAPTIVE[:2]:
        compare(
            lambda name, rule=rule: select.adaptive(x, None, learnt, rule, backend=name),
            [x, learnt],
        )
    compare(lambda name: select.cuba(x, None, keep, CUBA[0], backend=name), [x, keep])


def test_one_program_after_another_gives_the_same_bits(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, learnt = made(11, 70, seed=7, device=device), gains(70, device)
    keep = torch.tensor([0.7, 0.4], device=device, requires_grad=True)

    def both() -> list[Tensor]:
        return [
            *run(lambda name: select.adaptive(x, None, learnt, ADAPTIVE[1], backend=name),
                 [x, learnt], backend="triton"),
            *run(lambda name: select.cuba(x, None, keep, CUBA[1], backend=name),
                 [x, keep], backend="triton"),
        ]  # fmt: skip

    monkeypatch.setattr(launches, "HELD", 32)
    many = both()
    monkeypatch.setattr(launches, "HELD", 8)
    monkeypatch.setattr(launches, "SCRATCH_BYTES", 1)
    for one, other in zip(many, both(), strict=True):
        assert torch.equal(one, other)


def test_half_precision_keeps_its_states_in_float32(device: torch.device) -> None:
    half = made(12, 2, 20, seed=8, device=device, dtype=torch.bfloat16)
    wide = half.detach().float().requires_grad_()
    learnt = gains(20, device)
    found = []
    for x in (half, wide):
        spikes, _ = select.adaptive(x, None, learnt, AdaptiveRule(), backend="triton")
        found.append([spikes, *torch.autograd.grad(spikes.sum(), [x, learnt])])
    assert torch.equal(found[0][0].float(), found[1][0])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one.float(), other, rtol=1e-2, atol=1e-2)


def test_the_chips_integers_are_refused_by_name(device: torch.device) -> None:
    x, keep = torch.zeros(2, 3, device=device), torch.zeros(2, device=device)
    with pytest.raises(BackendUnavailableError, match="needs real arithmetic; got integer_decay"):
        select.cuba(x, None, keep, CubaRule(scale=64.0), backend="triton")
