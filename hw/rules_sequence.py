"""Rules of attention and of recurrent layers."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from neurospike.hw.operations import Call, Operations, total
from neurospike.hw.registry import counts

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1, "LSTMCell": 4, "GRUCell": 3, "RNNCell": 1}
PRODUCTS = {4: 3, 3: 3, 1: 0}
"""Element-wise products per hidden number, by the number of gates."""


@counts(nn.MultiheadAttention)
def attention(call: Call) -> Operations:
    """Four projections, the scores, and the weighted sum of values."""
    layer: Any = call.layer
    width = layer.embed_dim
    query, key, value = (_argument(call, i, n) for i, n in enumerate(("query", "key", "value")))
    sequence = 1 if layer.batch_first and query.ndim == 3 else 0
    length = key.shape[sequence]
    queries, keys, values = (t.numel() // t.shape[-1] for t in (query, key, value))
    projections = queries * width**2 + keys * layer.kdim * width + values * layer.vdim * width
    extra = (layer.bias_k is not None) + int(layer.add_zero_attn)
    mixing = 2 * queries * (length + extra) * width
    biases = (queries + keys + values) * width if layer.in_proj_bias is not None else 0
    biases += queries * width if layer.out_proj.bias is not None else 0
    inside = mixing + queries * width**2
    if call.spikes:
        synops = (total(query) + total(key) + total(value)) * width
        return Operations(macs=inside, synops=synops, acs=biases)
    return Operations(macs=projections + inside, acs=biases)


def _argument(call: Call, index: int, name: str) -> Tensor:
    found = call.args[index] if len(call.args) > index else call.kwargs[name]
    if not isinstance(found, Tensor):
        raise TypeError(f"MultiheadAttention.{name} must be a tensor; got {type(found).__name__}")
    return found


@counts(nn.LSTM, nn.GRU, nn.RNN)
def recurrent(call: Call) -> Operations:
    """Every gate reads the input and the last output, at every step."""
    layer: Any = call.layer
    gates = GATES[next(n for n in ("LSTM", "GRU", "RNN") if isinstance(layer, getattr(nn, n)))]
    steps = call.values.numel() // layer.input_size
    hidden, directions = layer.hidden_size, 2 if layer.bidirectional else 1
    carried = layer.proj_size or hidden
    macs = 0.0
    for index in range(layer.num_layers):
        read = carried * directions if index else 0 if call.spikes else layer.input_size
        per_step = gates * hidden * (read + carried) + PRODUCTS[gates] * hidden
        per_step += layer.proj_size * hidden
        macs += steps * directions * per_step
    biases = steps * directions * layer.num_layers * 2 * gates * hidden if layer.bias else 0
    synops = total(call.values) * gates * hidden * directions if call.spikes else 0.0
    return Operations(macs=macs, synops=synops, acs=biases)


@counts(nn.LSTMCell, nn.GRUCell, nn.RNNCell)
def recurrent_cell(call: Call) -> Operations:
    """One step of a recurrent layer."""
    layer: Any = call.layer
    gates = GATES[type(layer).__name__]
    rows = call.values.numel() // layer.input_size
    hidden = layer.hidden_size
    read = 0 if call.spikes else layer.input_size
    macs = rows * (gates * hidden * (read + hidden) + PRODUCTS[gates] * hidden)
    synops = total(call.values) * gates * hidden if call.spikes else 0.0
    return Operations(macs=macs, synops=synops, acs=2 * rows * gates * hidden * int(layer.bias))
