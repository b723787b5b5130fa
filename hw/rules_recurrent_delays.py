"""Rules of convolutions with delays, and of neurons that hear each other after delays."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike import nn as spiking
from neurospike.hw.accesses import Memory, by_events
from neurospike.hw.operations import Call, Operations, Synapses, total
from neurospike.hw.registry import counts

Convolution = (spiking.DelayConv1d, spiking.DelayConv2d)


@counts(*Convolution)
def delay_convolution(call: Call) -> Synapses:
    """One accumulation per event, position and synapse of the kernel.

    As for ``DelayLinear``, at every position whose window holds the event; windows that lie over
    the border hold no events there.
    """
    layer, values = call.layer, call.values
    if not isinstance(layer, Convolution):
        raise TypeError(f"a convolution with delays is DelayConv1d or 2d; got {type(layer)}")
    streaming = values.ndim == 2 + layer.axes
    x = values[None] if streaming else values
    weights = layer.weight.detach()

    def through(numbers: Tensor, *, every: bool) -> float:
        """``numbers`` over the connections: all of them, or those whose weight is not zero."""
        windows = layer.windows(numbers).sum((0, 1), dtype=torch.float64)
        found = 0.0
        for group, part in enumerate(windows.chunk(layer.groups, -1)):
            weight, _ = layer.synapses(group, layer.delay.detach())
            exists = torch.ones_like(weight) if every else weight.detach() != 0
            found += float((part * exists.sum((0, 2))).sum())
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
    """One accumulation per spike and neuron that hears it; an update each.

    Axons keep spikes in their delay lines: a write per spike and a read per neuron and step.
    Synapses keep sums on their way: a write per accumulation, a read per neuron and step.
    """
    layer, spikes = call.layer, call.out_values
    if not isinstance(layer, spiking.RecurrentDelay):
        raise TypeError(f"recurrence with delays is a RecurrentDelay; got {type(layer).__name__}")
    sent = total(spikes)
    synops = sent * layer.features
    weights = Memory(sum(own.numel() for own in layer.parameters()), stored=True)
    heard = Memory(spikes.numel())
    return Operations(
        synops=synops,
        updates=spikes.numel(),
        emits="spikes",
        note="recurrent",
        delay_writes=sent if layer.per == "axon" else synops,
        delay_reads=spikes.numel(),
        accesses=by_events(sent, synops, heard, weights=weights, sums=heard),
    )
