"""Launches of the neurons' kernels, to be compiled: every one, in every dtype."""

import torch
from torch import Tensor

from neurospike.functional import surrogate
from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import select

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
LONG, SHORT, RAGGED, ONE = (40, 4096), (16, 4096), (40, 300), (1, 1)
"""Steps and neurons: chunks of wide loads, a single chunk, rows that start anywhere, one value."""


def made(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(shape, dtype=dtype, requires_grad=True)


def back(spikes: Tensor, last: tuple[Tensor, ...] = ()) -> None:
    """With gradients that are no broadcast number."""
    total = spikes.mul(torch.ones_like(spikes)).sum()
    (total + sum((one.sum() for one in last), start=total)).backward()  # type: ignore[no-untyped-call]


def case_lif() -> None:
    shapes = [*((dtype, LONG) for dtype in DTYPES), (torch.float32, SHORT), (torch.float32, RAGGED)]
    for dtype, shape in shapes:
        back(select.lif(made(*shape, dtype=dtype), None, LIFRule(), backend="triton")[0])
    select.lif(made(*LONG), None, LIFRule(), backend="triton")[0].sum().backward()  # type: ignore[no-untyped-call]


def case_lif_by_all_rules() -> None:
    back(select.lif(made(*ONE), made(1), LIFRule(), backend="triton")[0])
    rules = (
        LIFRule(3.0, detach_reset=False, surrogate=surrogate.Sigmoid()),
        LIFRule(3.0, reset="soft", surrogate=surrogate.Triangle()),
        LIFRule(reset="soft", decay_input=True, surrogate=surrogate.Rectangle()),
        LIFRule(3.0, decay_input=True, detach_reset=False, surrogate=surrogate.FastSigmoid()),
    )
    for rule in rules:
        back(select.lif(made(2, 4096), None, rule, backend="triton")[0])


def case_lif_with_states_and_a_learnt_rate() -> None:
    for dtype in DTYPES:
        x, v, rate = made(*LONG, dtype=dtype), made(LONG[1], dtype=dtype), made(1)
        s, last = select.lif(x, v, LIFRule(), rate=rate, backend="triton")
        assert last is not None
        back(s, (last,))


def case_ilif() -> None:
    for dtype in DTYPES:
        x, v = made(*LONG, dtype=dtype), made(LONG[1], dtype=dtype)
        s, last = select.ilif(x, v, max_spikes=4, beta=0.5, backend="triton")
        assert last is not None
        back(s, (last,))


def case_readout() -> None:
    for dtype in DTYPES:
        x, v, rate = made(*LONG, dtype=dtype), made(LONG[1], dtype=dtype), made(1)
        back(select.readout(x, v, tau=3.0, decay_input=True, rate=rate, backend="triton"))
    back(select.readout(made(*SHORT), None, tau=3.0, decay_input=False, backend="triton"))


def case_adaptive() -> None:
    rule = AdaptiveRule(discretisation="euler", detach_reset=False)
    for dtype in DTYPES:
        states = tuple(made(LONG[1], dtype=dtype) for _ in range(3))
        x, gains = made(*LONG, dtype=dtype), made(4, LONG[1])
        s, last = select.adaptive(x, states, gains, rule, backend="triton")
        assert last is not None
        back(s, last)
    gains = made(4, 64).detach()
    back(select.adaptive(made(*SHORT), None, gains, AdaptiveRule(), backend="triton")[0])


def case_cuba() -> None:
    for dtype in DTYPES:
        states = (made(LONG[1], dtype=dtype), made(LONG[1], dtype=dtype))
        x, keep = made(*LONG, dtype=dtype), made(2)
        s, last = select.cuba(x, states, keep, CubaRule(), backend="triton")
        assert last is not None
        back(s, last)
    back(select.cuba(made(*SHORT), None, made(2).detach(), CubaRule(), backend="triton")[0])


def case_events() -> None:
    shapes = [*((dtype, (9, 300, 64)) for dtype in DTYPES), (torch.float32, (9, 300, 17))]
    for dtype, shape in shapes:
        x, v = made(*shape, dtype=dtype), made(*shape[1:], dtype=dtype)
        select.ilif_events(x, v, max_spikes=4, beta=0.5, backend="triton")
        select.lif_events(x, None, LIFRule(), backend="triton")
    rate = made(1)
    select.lif_events(made(1, 1, 1), made(1, 1), LIFRule(), rate=rate, backend="triton")
