"""Rules of layers whose synapses have delays."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike import nn as spiking
from neurospike.hw.operations import Call, Synapses
from neurospike.hw.registry import counts


@counts(spiking.DelayLinear)
def delay_linear(call: Call) -> Synapses:
    """One accumulation per event and synapse that arrives before the output ends.

    A synapse is one tap at its delay in whole steps, also where training still spreads it. A sum
    on its way lives in the delay line: every accumulation is a write there, every output and step
    one read. In ``step`` nobody knows the end, and every event arrives.
    """
    layer, values = call.layer, call.values
    if not isinstance(layer, spiking.DelayLinear):
        raise TypeError(f"a delay layer is a DelayLinear; got {type(layer).__name__}")
    x = values.reshape(-1, *values.shape[-2:])  # (T, B, in), or one step
    length = len(call.out_values) if values.ndim == 3 else layer.max_delay
    reads = call.out_values.numel()

    def through(numbers: Tensor, exists: Tensor) -> float:
        per_step = numbers.sum(1, dtype=torch.float64)
        reach = arrivals(layer, exists, steps=len(per_step), length=length)
        return float((per_step * reach).sum())

    everywhere = torch.ones_like(layer.weight, dtype=torch.bool)

    def synops() -> float:
        return through(x.abs(), everywhere)

    def effective(every: bool) -> float:
        exists = everywhere if every else layer.weight.detach() != 0
        return through(torch.ones_like(x) if every else x != 0, exists)

    synapses = layer.in_features * layer.taps
    return Synapses(
        values=values,
        spikes=call.spikes,
        dense_macs=reads * synapses,
        synops=synops,
        effective=effective,
        fan_out=layer.out_features * layer.taps,
        weights=layer.weight.numel(),
        bias_adds=0.0,
        outputs=reads,
        spatial=False,
        steps=len(x),
        delay_writes=synops() if call.spikes else through(torch.ones_like(x), everywhere),
        delay_reads=reads,
    )


def arrivals(layer: spiking.DelayLinear, exists: Tensor, *, steps: int, length: int) -> Tensor:
    """float64 (steps, in) synapses through which an event of a step arrives before ``length``."""
    delay = layer.delay.detach()
    if layer.per != "synapse":
        delay = delay[None] if layer.per == "axon" else delay[:, None]
    late = delay.expand(layer.weight.shape)
    return reach(late, exists, layer.max_delay, steps=steps, length=length)


def reach(late: Tensor, exists: Tensor, max_delay: int, *, steps: int, length: int) -> Tensor:
    """``arrivals`` of synapses (out, in, taps) that are ``late`` and that exist."""
    late = late.round().long()
    by_delay = torch.zeros(max_delay, late.shape[1], dtype=torch.float64)
    for d in range(max_delay):
        by_delay[d] = (exists & (late == d)).sum((0, 2))
    within = by_delay.cumsum(0)
    longest = length - 1 - torch.arange(steps)
    return within[longest.clamp(max=max_delay - 1)]
