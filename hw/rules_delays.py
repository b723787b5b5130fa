"""Rules of layers whose synapses have delays."""

from __future__ import annotations

import torch

from neurospike import nn as spiking
from neurospike.hw.operations import Call, Synapses, total
from neurospike.hw.registry import counts


@counts(spiking.DelayLinear)
def delay_linear(call: Call) -> Synapses:
    """One accumulation per event and synapse, when the event comes in.

    A synapse is one tap, also where training still spreads its delay. A sum on its way lives in
    the delay line: every accumulation is a write there, every output and step one read. What is
    still on its way when the sequence ends was accumulated all the same, so that a sequence costs
    what its steps cost.
    """
    layer, values = call.layer, call.values
    if not isinstance(layer, spiking.DelayLinear):
        raise TypeError(f"a delay layer is a DelayLinear; got {type(layer).__name__}")
    fan_out = layer.out_features * layer.taps
    outputs = call.out_values.numel()

    def effective(every: bool) -> float:
        exists = torch.ones_like(layer.weight) if every else layer.weight.detach() != 0
        found = torch.ones_like(values) if every else values != 0
        per_input = found.flatten(0, -2).sum(0, dtype=torch.float64)
        return float((per_input * exists.sum((0, 2))).sum())

    return Synapses(
        values=values,
        spikes=call.spikes,
        dense_macs=outputs * layer.in_features * layer.taps,
        synops=lambda: total(values) * fan_out,
        effective=effective,
        fan_out=fan_out,
        weights=layer.weight.numel(),
        bias_adds=0.0,
        outputs=outputs,
        spatial=False,
        steps=len(values) if values.ndim == 3 else 1,
        delay_writes=(total(values) if call.spikes else values.numel()) * fan_out,
        delay_reads=outputs,
    )
