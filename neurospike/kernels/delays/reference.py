"""Delay layers as they are defined, in torch: slow, readable, differentiable by autograd.

The oracle of the fast kernels. ``delay`` is anything that broadcasts to ``weight``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.functional.delays import DelayRule, spread_delays


def kernel(weight: Tensor, delay: Tensor, rule: DelayRule) -> Tensor:
    """Weight of every step: (out, in, taps) and delays -> (max_delay, out, in)."""
    return (weight * spread_delays(delay, rule)).sum(-1)


def convolve(x: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule) -> Tensor:
    """y[t] = sum over steps d of kernel[d] x[t - d]: (T, B, in) -> (T + tail, B, out)."""
    T, B, _ = x.shape
    length = T + rule.tail
    y = x.new_zeros(length, B, len(weight))
    for d, tap in enumerate(kernel(weight, delay, rule)):
        kept = min(T, length - d)  # what arrives after the last step is lost
        if kept > 0:
            late = torch.cat(
                [
                    x.new_zeros(d, B, len(weight)),
                    x[:kept] @ tap.T,
                    x.new_zeros(length - d - kept, B, len(weight)),
                ]
            )
            y = y + late
    return y


def delay_line(x: Tensor, weight: Tensor, delay: Tensor, *, max_delay: int, tail: int) -> Tensor:
    """The same with whole delays: one product an event and synapse, ascending in time and input.

    (T, B, in) -> (T + tail, B, out). Synapses between the same two units come in the order of
    their delays; every output adds up in that one order, so bits can be compared.
    """
    T, B, ins = x.shape
    outs, _, taps = weight.shape
    steps = delay.expand(weight.shape).round().long()
    y = x.new_zeros(T + max_delay - 1 + tail, B, outs)
    for t in range(T):
        for i in range(ins):
            order = steps[:, i].argsort(dim=1, stable=True)
            for k in range(taps):
                tap = order[:, k : k + 1]
                late, strength = (v[:, i].gather(1, tap)[:, 0] for v in (steps, weight))
                for o in range(outs):
                    y[t + late[o], :, o] += strength[o] * x[t, :, i]
    return y[: T + tail]
