"""Rules of convolutions with delays, and of neurons that hear each other after delays."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neurospike import nn as spiking
from neurospike.hw.operations import Call, Operations, Synapses
from neurospike.hw.registry import counts
from neurospike.hw.rules_delays import reach

Convolution = (spiking.DelayConv1d, spiking.DelayConv2d)


@counts(*Convolution)
def delay_convolution(call: Call) -> Synapses:
    """One accumulation per event, position, synapse of the kernel that arrives in time.

    As for ``DelayLinear``, at every position whose window holds the event; windows that lie over
    the border hold no events there.
    """
    layer, values = call.layer, call.values
    if not isinstance(layer, Convolution):
        raise TypeError(f"a convolution with delays is DelayConv1d or 2d; got {type(layer)}")
    streaming = values.ndim == 2 + layer.axes
    x = values[None] if streaming else values
    length = layer.max_delay if streaming else len(call.out_values)
    weights = layer.weight.detach()

    def through(numbers: Tensor, *, every: bool) -> float:
        """``numbers`` over the connections: all of them, or those whose weight is not zero."""
        windows = layer.windows(numbers).sum(1, dtype=torch.float64)
        found = 0.0
        for group, part in enumerate(windows.chunk(layer.groups, -1)):
            weight, late = layer.synapses(group, layer.delay.detach())
            exists = torch.ones_like(weight, dtype=torch.bool) if every else weight.detach() != 0
            reached = reach(
                late.expand(weight.shape), exists, layer.max_delay, steps=len(x), length=length
            )
            found += float((part * reached).sum())
        return found

    def synops() -> float:
        return through(x.abs(), every=True)

    def effective(every: bool) -> float:
        return through(torch.ones_like(x) if every else (x != 0).to(x.dtype), every=every)

    reads = call.out_values.numel()
    return Synapses(
        values=values,
        spikes=call.spikes,
        dense_macs=reads * weights[0].numel(),
        synops=synops,
        effective=effective,
        fan_out=weights.numel() / layer.in_channels,
        weights=weights.numel(),
        bias_adds=0.0,
        outputs=reads,
        spatial=True,
        steps=len(x),
        delay_writes=synops() if call.spikes else through(torch.ones_like(x), every=True),
        delay_reads=reads,
    )


@counts(spiking.RecurrentDelay)
def recurrent_delay(call: Call) -> Operations:
    """One accumulation per spike and neuron that hears it before the sequence ends; an update each.

    Axons keep spikes in their delay lines: a write per spike and a read per neuron and step.
    Synapses keep sums on their way: a write per accumulation, a read per neuron and step. In
    ``step`` nobody knows the end, and every spike arrives.
    """
    layer, spikes = call.layer, call.out_values
    if not isinstance(layer, spiking.RecurrentDelay):
        raise TypeError(f"recurrence with delays is a RecurrentDelay; got {type(layer).__name__}")
    y = spikes if spikes.ndim == 3 else spikes[None]
    length = len(y) if spikes.ndim == 3 else layer.max_delay + 1
    shape = (layer.features, layer.features, 1)
    late = layer.delay.detach() - 1
    late = (late[None] if layer.per == "axon" else late)[..., None].expand(shape)
    exists = torch.ones(shape, dtype=torch.bool)
    # A spike sent at a step can arrive from the next one on.
    heard = reach(late, exists, layer.max_delay, steps=len(y), length=max(length - 1, 0))
    if len(y) == length:
        heard[-1:] = 0
    per_step = y.abs().sum(1, dtype=torch.float64)
    synops = float((per_step * heard).sum())
    writes = float((per_step * (heard > 0)).sum()) if layer.per == "axon" else synops
    return Operations(
        synops=synops,
        updates=y.numel(),
        emits="spikes",
        note="recurrent",
        delay_writes=writes,
        delay_reads=math.prod(y.shape),
    )
