"""Events that Triton's neurons list, against those read from the reference's spikes."""

from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike.functional.neurons import LIFRule
from neurospike.kernels.events import Events
from neurospike.kernels.neurons import select

SHAPES = [(0, 2, 3), (2, 0, 3), (1, 1, 1), (4, 5, 17), (9, 3, 33), (2, 40, 16)]


def made(*shape: int, device: torch.device, dtype: Any = torch.float32) -> Tensor:
    draws = torch.randn(*shape, generator=torch.Generator().manual_seed(1)) * 2 + 0.5
    return draws.to(device, dtype).requires_grad_()


def check(found: Events, spikes: Tensor, *, binary: bool) -> None:
    right = Events.of(spikes, binary=binary)
    assert torch.equal(found.counts, right.counts)
    assert torch.equal(found.dense(spikes.dtype), spikes)
    for count, ours, theirs in zip(found.counts, found.channels, right.channels, strict=True):
        assert torch.equal(ours[:count], theirs[:count])


@pytest.mark.parametrize("shape", SHAPES)
def test_lif_lists_what_it_fires(shape: tuple[int, ...], device: torch.device) -> None:
    x, v = made(*shape, device=device), made(*shape[1:], device=device)
    ours, last, events = select.lif_events(x, v, LIFRule(), backend="triton")
    right, theirs = select.lif(x, v, LIFRule(), backend="reference")
    assert torch.equal(ours, right)
    torch.testing.assert_close(last, theirs, rtol=1e-5, atol=1e-6)
    assert events.values is None
    check(events, ours.detach(), binary=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_ilif_lists_what_it_fires(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> None:
    x = made(*shape, device=device, dtype=dtype)
    ours, last, events = select.ilif_events(x, None, max_spikes=4, beta=0.25, backend="triton")
    plain, _ = select.ilif(x, None, max_spikes=4, beta=0.25, backend="triton")
    assert last is None
    assert torch.equal(ours, plain)
    check(events, ours.detach(), binary=False)
    grads = [torch.autograd.grad(one.square().sum(), x)[0] for one in (ours, plain)]
    assert torch.equal(*grads)


def test_rows_that_are_too_wide_for_a_program(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurospike.kernels.neurons import gpu_events

    monkeypatch.setattr(gpu_events, "WIDEST", 8)
    x = made(2, 3, 9, device=device)
    s, _, events = select.ilif_events(x, None, max_spikes=4, beta=0.25, backend="triton")
    check(events, s.detach(), binary=False)


def test_other_backends_read_them_from_the_spikes() -> None:
    x = made(2, 3, 9, device=torch.device("cpu"))
    s, _, events = select.lif_events(x, None, LIFRule())
    check(events, s.detach(), binary=True)
