"""Rules of attention and of recurrent layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from neurospike.hw.accesses import Memory, by_events, by_products
from neurospike.hw.operations import Call, Operations, added, total
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
    extra = (layer.bias_k is not None) + int(layer.add_zero_attn)
    queries, keys, values = (t.numel() // t.shape[-1] for t in (query, key, value))
    biased = layer.in_proj_bias is not None
    projections = (
        _projected(rows, t.shape[-1], width, total(t) if call.spikes else None, biased=biased)
        for rows, t in ((queries, query), (keys, key), (values, value))
    )
    scores = queries * (key.shape[sequence] + extra) * layer.num_heads
    parts = (
        *projections,
        *_mixed(scores, width // layer.num_heads, queries * width, keys * width),
        _projected(queries, width, width, biased=layer.out_proj.bias is not None),
    )
    return added(parts)


def _projected(
    rows: float, width: int, outputs: int, events: float | None = None, *, biased: bool
) -> Operations:
    """A matrix of ``width`` x ``outputs`` under so many rows, or under the events among them."""
    source, sums = Memory(rows * width), Memory(rows * outputs)
    weights = Memory((width + int(biased)) * outputs, stored=True)
    acs = sums.numbers if biased else 0.0
    if events is None:
        macs = rows * width * outputs
        accesses = by_products(macs, (source, weights), sums)
        return Operations(macs=macs, acs=acs, accesses=accesses)
    reached = events * outputs
    accesses = by_events(events, reached, source, weights=weights, sums=sums)
    return Operations(synops=reached, acs=acs, accesses=accesses)


def _mixed(scores: float, width: int, queries: float, keys: float) -> Iterator[Operations]:
    """So many scores of vectors of ``width``, and the sums of values that they weigh."""
    macs = scores * width
    above, below, between = Memory(queries), Memory(keys), Memory(scores)
    for factors, out in (((above, below), between), ((between, below), above)):
        yield Operations(macs=macs, accesses=by_products(macs, factors, out))


def _argument(call: Call, index: int, name: str) -> Tensor:
    found = call.args[index] if len(call.args) > index else call.kwargs[name]
    if not isinstance(found, Tensor):
        raise TypeError(f"MultiheadAttention.{name} must be a tensor; got {type(found).__name__}")
    return found


@dataclass(frozen=True)
class _Cell:
    """One layer of a recurrent network, in one direction.

    Attributes
    ----------
    gates, hidden
        Sums of each kind, and how many of them.
    width
        Of what it reads from below.
    biased
        Whether what it reads, and what it carries, each have a bias at every sum.
    projected
        Width that its output is brought to; 0 where it is not.
    """

    gates: int
    hidden: int
    width: int
    biased: bool
    projected: int = 0

    @property
    def carried(self) -> int:
        """Width of its output."""
        return self.projected or self.hidden

    def run(self, rows: int, events: float | None = None) -> Operations:
        """So many steps of samples, under real numbers or under events."""
        return added(self._parts(rows, events))

    def _parts(self, rows: int, events: float | None) -> Iterator[Operations]:
        sums = self.gates * self.hidden
        yield _projected(rows, self.width, sums, events, biased=self.biased)
        yield _projected(rows, self.carried, sums, biased=self.biased)
        state = Memory(rows * self.hidden)
        products = PRODUCTS[self.gates] * state.numbers
        yield Operations(macs=products, accesses=by_products(products, (state,), state))
        if self.projected:
            yield _projected(rows, self.hidden, self.projected, biased=False)


@counts(nn.LSTM, nn.GRU, nn.RNN)
def recurrent(call: Call) -> Operations:
    """Every gate reads the input and the last output, at every step."""
    layer: Any = call.layer
    gates = GATES[next(n for n in ("LSTM", "GRU", "RNN") if isinstance(layer, getattr(nn, n)))]
    rows = call.values.numel() // layer.input_size
    directions = 2 if layer.bidirectional else 1
    first = _Cell(gates, layer.hidden_size, layer.input_size, layer.bias, layer.proj_size)
    upper = replace(first, width=first.carried * directions)
    events = total(call.values) if call.spikes else None
    each = [first.run(rows, events), *(upper.run(rows) for _ in range(layer.num_layers - 1))]
    return added(each * directions)


@counts(nn.LSTMCell, nn.GRUCell, nn.RNNCell)
def recurrent_cell(call: Call) -> Operations:
    """One step of a recurrent layer."""
    layer: Any = call.layer
    cell = _Cell(GATES[type(layer).__name__], layer.hidden_size, layer.input_size, layer.bias)
    rows = call.values.numel() // layer.input_size
    return cell.run(rows, total(call.values) if call.spikes else None)
