"""What was counted: one row a layer, totals per sample, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from neurospike.hw.prices import HOROWITZ45


@dataclass(frozen=True)
class LayerCount:
    """Operations of one layer, per sample.

    Attributes
    ----------
    name, type
        Path inside the model, and class of the layer or name of the function.
    macs, acs, synops, updates
        As in ``Counts``.
    energy_pj
        Energy in pJ, memory included where the convention prices it.
    memory_pj
        Energy of memory accesses alone, in pJ.
    input
        "spikes" or "real": what the layer reads, or for a neuron what it sends.
    density
        Share of non-zero numbers among them.
    firing_rate
        Mean spike among them, integer values at their value; None for real numbers.
    calls
        How often the layer was called in the pass.
    note
        One or two words of explanation.
    delay_writes, delay_reads
        As in ``Counts``.
    """

    name: str
    type: str
    macs: float
    acs: float
    synops: float
    updates: float
    energy_pj: float
    memory_pj: float
    input: str
    density: float | None
    firing_rate: float | None
    calls: int
    note: str
    delay_writes: float = 0.0
    delay_reads: float = 0.0


@dataclass(frozen=True)
class Counts:
    """Operations of a network per sample, and one row a layer.

    Attributes
    ----------
    convention
        "exact", "paper", "neurobench" or "lemaire".
    batch_size
        Samples that the numbers are the mean of.
    layers
        One ``LayerCount`` a layer, in the order of execution.
    spike_density
        Share of non-zero numbers in what the neurons sent (with unary events, per virtual
        step); 0 without neurons.
    """

    convention: str
    batch_size: int
    layers: tuple[LayerCount, ...]
    spike_density: float = 0.0

    @property
    def macs(self) -> float:
        """Multiply-accumulates per sample."""
        return sum(layer.macs for layer in self.layers)

    @property
    def acs(self) -> float:
        """Additions per sample that are no synaptic operations."""
        return sum(layer.acs for layer in self.layers)

    @property
    def synops(self) -> float:
        """Event-driven accumulations per sample; a spike of value v counts v."""
        return sum(layer.synops for layer in self.layers)

    @property
    def updates(self) -> float:
        """Neuron-steps per sample."""
        return sum(layer.updates for layer in self.layers)

    @property
    def delay_writes(self) -> float:
        """Accumulations into delay lines per sample: synops (or MACs) that also move memory."""
        return sum(layer.delay_writes for layer in self.layers)

    @property
    def delay_reads(self) -> float:
        """Sums that delay lines gave back per sample, one an output and step."""
        return sum(layer.delay_reads for layer in self.layers)

    @property
    def energy_pj(self) -> float:
        """Energy per sample in pJ: horowitz45, MAC 4.6 and accumulation 0.9; updates unpriced."""
        return sum(layer.energy_pj for layer in self.layers)

    @property
    def unpriced(self) -> dict[str, float]:
        """Counts above zero that no price is known for."""
        found = {
            "updates": self.updates,
            "delay_writes": self.delay_writes,
            "delay_reads": self.delay_reads,
        }
        return {name: value for name, value in found.items() if value}

    def table(self) -> str:
        """Aligned text: a row for each layer that does something, and a last row of totals."""
        header = (
            "layer", "type", "input", "density", "MAC", "AC", "synop", "update", "energy", "note",
        )  # fmt: skip
        rows = [
            (
                layer.name or "(root)",
                layer.type,
                layer.input,
                "" if layer.density is None else f"{100 * layer.density:.1f} %",
                *(number(v) for v in (layer.macs, layer.acs, layer.synops, layer.updates)),
                energy(layer.energy_pj),
                layer.note,
            )
            for layer in self.layers
            if layer.macs or layer.acs or layer.synops or layer.updates
        ]
        totals = (self.macs, self.acs, self.synops, self.updates)
        density = f"{100 * self.spike_density:.1f} %" if self.spike_density else ""
        last = (
            "total", "per sample", "", density, *(number(v) for v in totals),
            energy(self.energy_pj), "",
        )  # fmt: skip
        title = f"convention {self.convention}, mean of {self.batch_size} sample(s)"
        return f"{title}\n{align(header, rows, last)}\n{self._footnote()}"

    def _footnote(self) -> str:
        note = (
            f"energy: {HOROWITZ45.name}, MAC {HOROWITZ45.mac_pj} pJ, AC and synop "
            f"{HOROWITZ45.ac_pj} pJ"
        )
        words = {
            "updates": "neuron updates",
            "delay_writes": "delay-line writes",
            "delay_reads": "delay-line reads",
        }
        found = [f"{number(value)} {words[name]}" for name, value in self.unpriced.items()]
        return f"{note}; {', '.join(found)} have no price here" if found else note

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return {
            "convention": self.convention,
            "batch_size": self.batch_size,
            "macs": self.macs,
            "acs": self.acs,
            "synops": self.synops,
            "updates": self.updates,
            "delay_writes": self.delay_writes,
            "delay_reads": self.delay_reads,
            "energy_pj": self.energy_pj,
            "spike_density": self.spike_density,
            "unpriced": self.unpriced,
            "prices": asdict(HOROWITZ45),
            "layers": [asdict(layer) for layer in self.layers],
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """One JSON document."""
        return json.dumps(self.to_dict(), indent=indent)


def number(value: float) -> str:
    """A count for a table: whole where it is whole, with thousands apart."""
    if value == 0:
        return "0"
    if value >= 1e7:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value - round(value)) < 1e-6 or value >= 1000 else f"{value:.2f}"


def energy(pj: float) -> str:
    """An energy with the unit that fits it."""
    for unit, size in (("mJ", 1e9), ("uJ", 1e6), ("nJ", 1e3)):
        if pj >= size:
            return f"{pj / size:.3f} {unit}"
    return f"{pj:.1f} pJ"


_TEXT = ("layer", "type", "input", "note", "cause (price)", "evidence", "network", "numbers")


def align(header: Sequence[str], rows: Iterable[Sequence[str]], last: Sequence[str]) -> str:
    """Columns of equal width: text to the left, numbers to the right."""
    cells = [tuple(header), *(tuple(row) for row in rows), tuple(last)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    text = [i for i, name in enumerate(header) if name in _TEXT]
    lines = [
        "  ".join(
            cell.ljust(width) if i in text else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    rule = "-" * max(len(line) for line in lines)
    return "\n".join((lines[0], rule, *lines[1:-1], rule, lines[-1]))
