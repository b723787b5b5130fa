"""Which counts of a trace are charged, under which price, and in which part of the machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospike.hw.chip import Prices
from neurospike.hw.figures import Price
from neurospike.hw.network import Projection
from neurospike.hw.neuron_models import Source
from neurospike.hw.trace import Counts, Trace

GROUPS = ("synapse", "soma", "network", "index", "host", "idle")
"""Parts of the machine, in the order in which reports show them."""


@dataclass(frozen=True)
class Charge:
    """A count that costs something.

    Attributes
    ----------
    cause
        Name of the count in the trace.
    prices
        Names of prices to try, in this order; the first that the chip has is taken.
    group
        Part of the machine.
    """

    cause: str
    prices: tuple[str, ...]
    group: str


@dataclass(frozen=True)
class Element:
    """A projection, a population, a shortcut, or what is outside the network, and its counts.

    Attributes
    ----------
    name, type
        Name in the network; "projection", "population", "shortcut" or "outside".
    counts
        Name of a count -> its sum over all rows and samples.
    charges
        What is charged.
    """

    name: str
    type: str
    counts: dict[str, int]
    charges: tuple[Charge, ...]


_NETWORK = (
    Charge("hops_x", ("hop_x",), "network"),
    Charge("hops_y", ("hop_y",), "network"),
    Charge("chip_crossings", ("chip_crossing",), "network"),
)
_SYNAPSE = tuple(
    Charge(cause, (price,), "synapse")
    for cause, price in (
        ("graded_synops", "graded_synop"),
        ("macs", "mac"),
        ("addresses", "address"),
        ("probes", "probe"),
        ("index_reads", "index_read"),
        ("marks", "mark"),
        ("weight_reads", "weight_read"),
        ("membrane_reads", "membrane_read"),
        ("membrane_writes", "membrane_write"),
        ("delay_writes", "delay_write"),
        ("delay_reads", "delay_read"),
    )
)
_SENT = Charge("packets", ("packet_out",), "network")
_RECEIVED = Charge("packets", ("packet_in",), "network")
_SOMA = (
    Charge("accesses", ("neuron_access",), "soma"),
    Charge("updates", ("neuron_update",), "soma"),
    Charge("idle", ("neuron_idle",), "soma"),
    Charge("fired", ("spike_fire",), "soma"),
    Charge("bias_adds", ("bias_add",), "soma"),
)
_SHORTCUT = (
    Charge("adds", ("add",), "soma"),
    Charge("messages", ("message",), "network"),
    *_NETWORK,
)
_OUTSIDE = (
    Charge("inserts", ("insert",), "index"),
    Charge("build_probes", ("probe",), "index"),
    Charge("table_writes", ("table_write",), "index"),
    Charge("voxels", ("voxelise",), "host"),
    Charge("host_inputs", ("host_input",), "host"),
)


def elements(trace: Trace) -> list[Element]:
    """Everything that costs, with its counts, in the order of the network."""
    found = []
    known = {projection.name: projection for projection in trace.network.projections}
    for name, counts in trace.projections.items():
        projection = known.get(name)
        kind = "dense" if projection is None else projection.kind
        synops = Charge("synops", (f"synop_{kind}", "synop"), "synapse")
        sent = () if _from_host(trace, projection) else (_SENT,)
        charges = (synops, *_SYNAPSE, *sent, _RECEIVED, *_NETWORK)
        found.append(Element(name, "projection", _sums(counts), charges))
    for name, counts in trace.populations.items():
        found.append(Element(name, "population", _sums(counts), _SOMA))
    for name, counts in trace.shortcuts.items():
        found.append(Element(name, "shortcut", _sums(counts), _SHORTCUT))
    found.append(Element("outside", "outside", _outside(trace), _OUTSIDE))
    return found


def find_price(prices: Prices, charge: Charge) -> tuple[str, Price] | None:
    """The first price of a charge that the chip has, with its name."""
    for name in charge.prices:
        found: Price | None = getattr(prices, name)
        if found is not None:
            return name, found
    return None


def _from_host(trace: Trace, projection: Projection | None) -> bool:
    """Whether a projection's packets are made by the host: its source has no core."""
    if trace.placement is None or projection is None:
        return False
    return projection.source not in trace.placement.core


def _sums(counts: Counts) -> dict[str, int]:
    return {name: int(np.sum(column)) for name, column in counts.items()}


def _outside(trace: Trace) -> dict[str, int]:
    """Work around the chip: points into voxels, voxels into an index, values into the chip."""
    counts = {"voxels": int(trace.sites[:, 0].sum()) if trace.sites.size else 0}
    rebuilt = trace.rebuild.get(trace.generator, {})
    built = ("inserts", "build_probes", "table_writes")
    counts |= {name: int(np.sum(rebuilt.get(name, 0))) for name in built}
    sent = 0
    for population in trace.network.populations:
        if isinstance(population.neuron, Source):
            sent += _values_sent(trace, population.name, real=population.neuron.real)
    return counts | {"host_inputs": sent}


def _values_sent(trace: Trace, name: str, *, real: bool) -> int:
    """Spikes of a source, or the numbers but 0 of a real one."""
    if not real:
        return int(np.sum(trace.populations.get(name, {}).get("spikes", 0)))
    spikes = trace.spikes.get(name, ())
    return sum(int(np.count_nonzero(part)) for part in spikes)
