"""Launches of the neurons' kernels, to be compiled."""

from itertools import product
from typing import get_args

import torch

from neurospike.functional.neurons import LIFRule, Reset
from neurospike.kernels.neurons import select

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def case_lif() -> None:
    for dtype, reset, decay_input in product(DTYPES, get_args(Reset), (False, True)):
        x = torch.zeros(5, 300, dtype=dtype, requires_grad=True)
        rule = LIFRule(reset=reset, decay_input=decay_input)
        select.lif(x, None, rule, backend="triton")[0].sum().backward()


def case_lif_with_states_and_a_learnt_rate() -> None:
    x = torch.zeros(5, 300, requires_grad=True)
    v = torch.zeros(300, requires_grad=True)
    rate = torch.full((), 0.5, requires_grad=True)
    s, last = select.lif(x, v, LIFRule(), rate=rate, backend="triton")
    assert last is not None
    (s.sum() + last.sum()).backward()


def case_ilif() -> None:
    for dtype in DTYPES:
        x = torch.zeros(5, 300, dtype=dtype, requires_grad=True)
        v = torch.zeros(300, dtype=dtype, requires_grad=True)
        s, last = select.ilif(x, v, max_spikes=4, beta=0.5, backend="triton")
        assert last is not None
        (s.sum() + last.sum()).backward()
