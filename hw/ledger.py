"""The running sums of a count, a row a layer."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from neurospike.hw.counts import Counts, LayerCount
from neurospike.hw.operations import Operations, total
from neurospike.hw.prices import HOROWITZ45


@dataclass
class _Row:
    name: str
    type: str
    macs: float = 0.0
    acs: float = 0.0
    synops: float = 0.0
    updates: float = 0.0
    memory_pj: float = 0.0
    delay_writes: float = 0.0
    delay_reads: float = 0.0
    spikes: bool = False
    sends: bool = False
    numbers: int = 0
    nonzero: int = 0
    events: float = 0.0
    calls: int = 0
    notes: list[str] = field(default_factory=list)


class Ledger:
    """Sums operations over the calls of each layer."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], _Row] = {}

    def add(
        self,
        name: str,
        kind: str,
        operations: Operations,
        *,
        spikes: bool,
        values: Tensor | None,
        sends: bool = False,
    ) -> None:
        """Book one call; ``values`` are the numbers that density and rate are taken of."""
        row = self._rows.setdefault((name, kind), _Row(name, kind))
        row.macs += operations.macs
        row.acs += operations.acs
        row.synops += operations.synops
        row.updates += operations.updates
        row.memory_pj += operations.memory_pj
        row.delay_writes += operations.delay_writes
        row.delay_reads += operations.delay_reads
        row.spikes, row.sends = spikes, sends
        row.calls += 1
        if operations.note and operations.note not in row.notes:
            row.notes.append(operations.note)
        if values is not None and values.numel():
            row.numbers += values.numel()
            row.nonzero += int(torch.count_nonzero(values))
            row.events += total(values) if spikes else 0.0

    def close(self, convention: str, batch_size: int) -> Counts:
        """The counts per sample."""
        samples = max(batch_size, 1)
        rows = list(self._rows.values())
        sent = sum(row.numbers for row in rows if row.sends)
        fired = sum(row.nonzero for row in rows if row.sends)
        return Counts(
            convention=convention,
            batch_size=batch_size,
            layers=tuple(_layer(row, samples) for row in rows),
            spike_density=fired / sent if sent else 0.0,
        )


def _layer(row: _Row, samples: int) -> LayerCount:
    energy = HOROWITZ45.energy_pj(macs=row.macs, accumulations=row.acs + row.synops)
    return LayerCount(
        name=row.name,
        type=row.type,
        macs=row.macs / samples,
        acs=row.acs / samples,
        synops=row.synops / samples,
        updates=row.updates / samples,
        energy_pj=(energy + row.memory_pj) / samples,
        memory_pj=row.memory_pj / samples,
        input="spikes" if row.spikes else "real",
        density=row.nonzero / row.numbers if row.numbers else None,
        firing_rate=row.events / row.numbers if row.numbers and row.spikes else None,
        calls=row.calls,
        note=", ".join(row.notes),
        delay_writes=row.delay_writes / samples,
        delay_reads=row.delay_reads / samples,
    )
