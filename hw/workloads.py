"""What each layer of a lowered network has to do, spiking and as its quantised twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.machine import bits_of
from neurospike.hw.network import Projection
from neurospike.hw.neuron_models import ILIFModel, NeuronModel, Source, fires
from neurospike.hw.tally import replay
from neurospike.hw.trace import Trace

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class Layer:
    """Work of one projection, per inference.

    Attributes
    ----------
    name
        Of the projection.
    real
        Whether real numbers come in, for both networks alike.
    bits
        Width of the twin's activations that come in: ceil(log2(T * D + 1)), where D is the most
        that a neuron sends in a step, of an input the most that it sent; 0 of real numbers.
    out_bits
        The same of what goes out; None where that are sums.
    weights
        Stored weights.
    sources, targets
        Neurons on either side.
    lag
        Steps that a delay line holds, 1 where there is none.
    events, synops
        Spikes that come in, and what they trigger; for a real input numbers and products.
    dense, nonzero, skipping
        Products of the twin: all, and of activations that are not zero, with how many those are.
    passes
        How often the twin runs: once, or once a step of a sequence.
    """

    name: str
    real: bool
    bits: int
    out_bits: int | None
    weights: int
    sources: float
    targets: float
    lag: int
    events: float
    synops: float
    dense: float
    nonzero: float
    skipping: float
    passes: float


@dataclass(frozen=True)
class Workload:
    """Work of a whole network, per inference.

    Attributes
    ----------
    layers
        One a projection.
    updates
        Neuron-steps of every population that has neurons: name -> (neurons, neuron-steps).
    spikes
        Spikes sent.
    slots
        Neurons times virtual steps: the most spikes there can be.
    adds
        Additions of biases and shortcuts, by the spiking network and by the twin.
    lookups
        Probes and index reads of the spiking network, and pairs of sites of the twin.
    outside
        What both need around the network: voxels, index entries, values sent.
    steps
        T: integer steps that the twin has in one pass.
    """

    layers: tuple[Layer, ...]
    updates: dict[str, tuple[float, float]]
    spikes: float
    slots: float
    adds: tuple[float, float]
    lookups: tuple[float, float]
    outside: dict[str, float]
    steps: int

    @property
    def density(self) -> float:
        """Spikes over the most there can be."""
        return self.spikes / self.slots if self.slots else 0.0


def workload(trace: Trace, inputs: Any = None) -> Workload:
    """Measure what a trace did, and what its quantised twin would do on the same samples.

    The twin's activations are the spikes of a neuron summed over time where the model itself makes
    time; where time is in the data, it runs once a step. So they are zero where the spiking
    network is silent.

    Parameters
    ----------
    trace
        Of ``emulate`` or ``replay``, any samples.
    inputs
        The samples again, for a network on voxels.

    Cost
    ----
    Two replays.
    """
    window = trace.network.layout != "sequence"
    samples = max(trace.samples, 1)
    spikes = {name: _each(trace, values) for name, values in trace.spikes.items()}
    alive = {name: [_alive(one, window) for one in v] for name, v in spikes.items()}
    whole = {name: [np.ones_like(one) for one in v] for name, v in alive.items()}
    voxels = inputs if trace.network.levels else None
    dense = replay(trace.network, whole, inputs=voxels)
    skipping = replay(trace.network, alive, inputs=voxels)
    passes = {name: sum(len(one) for one in v) / samples for name, v in whole.items()}
    depths = {p.name: _depth(p.neuron, spikes[p.name]) for p in trace.network.populations}
    steps = _steps(trace, spikes) if window else 1
    bits = {
        p.name: bits_of(steps, depths[p.name]) if fires(p.neuron) else None
        for p in trace.network.populations
    }
    layers = tuple(
        _layer(trace, projection, dense, skipping, spikes, passes, bits)
        for projection in trace.network.projections
    )
    sent = slots = 0.0
    updates: dict[str, tuple[float, float]] = {}
    for population in trace.network.populations:
        found = spikes[population.name]
        size = sum(one.size for one in found) / samples
        if not isinstance(population.neuron, Source):
            width = sum(one.shape[1] for one in found) / samples
            updates[population.name] = (width, size)
        if fires(population.neuron):
            sent += float(sum(np.abs(one).sum() for one in found)) / samples
            slots += size * depths[population.name]
    biases, shortcuts = (trace.total(name) / samples for name in ("bias_adds", "adds"))
    return Workload(
        layers=layers,
        updates=updates,
        spikes=sent,
        slots=slots,
        adds=(biases + shortcuts, (biases + shortcuts) / steps),
        lookups=(
            (trace.total("probes") + trace.total("index_reads")) / samples,
            sum(_pairs(dense, p) for p in trace.network.projections) / samples,
        ),
        outside=_outside(trace),
        steps=steps,
    )


def _layer(
    trace: Trace,
    projection: Projection,
    dense: Trace,
    skipping: Trace,
    spikes: dict[str, Arrays],
    passes: dict[str, float],
    bits: dict[str, int | None],
) -> Layer:
    samples = max(trace.samples, 1)
    source = trace.network.population(projection.source)

    def total(of: Trace, *names: str) -> float:
        counts = of.projections[projection.name]
        return sum(float(counts[name].sum()) for name in names if name in counts) / samples

    def width(name: str) -> float:
        neurons: int = sum(one.shape[1] for one in spikes[name])
        return neurons / samples

    kinds = ("synops", "graded_synops", "macs")
    real = not fires(source.neuron)
    held = 1.0 if projection.once else passes[projection.source]
    return Layer(
        name=projection.name,
        real=real,
        bits=bits[projection.source] or 0,
        out_bits=bits[projection.target],
        weights=int(projection.weight.size),
        sources=width(projection.source),
        targets=width(projection.target),
        lag=projection.max_delay + 1,
        events=total(trace, "events"),
        synops=total(trace, *kinds),
        dense=total(dense, *kinds),
        nonzero=total(skipping, "events"),
        skipping=total(skipping, *kinds),
        passes=held,
    )


def _depth(neuron: NeuronModel, values: Arrays) -> int:
    """The most that it sends in a step."""
    relay = isinstance(neuron, ILIFModel) and neuron.relay
    if isinstance(neuron, ILIFModel) and not relay:
        return neuron.max_spikes
    if relay or (isinstance(neuron, Source) and not neuron.real):
        return max(int(max((np.abs(one).max(initial=0) for one in values), default=1)), 1)
    return 1


def _each(trace: Trace, values: Any) -> Arrays:
    """One array a sample."""
    if isinstance(values, list):
        return [np.asarray(one) for one in values]
    return list(np.split(np.asarray(values), max(trace.samples, 1)))


def _alive(values: NDArray[Any], window: bool) -> NDArray[np.int64]:
    """Where the twin's activations of one sample are not zero, (passes, neurons)."""
    if window:
        values = np.abs(values).sum(0, keepdims=True)
    found: NDArray[np.int64] = (values != 0).astype(np.int64)
    return found


def _steps(trace: Trace, spikes: dict[str, Arrays]) -> int:
    if trace.network.steps is not None:
        return trace.network.steps
    return max((len(one) for v in spikes.values() for one in v), default=1)


def _pairs(dense: Trace, projection: Projection) -> float:
    """Pairs of sites that a stored rulebook lists: what the twin looks up, for all channels."""
    space = dense.network.population(projection.source).space
    if space.level is None:
        return 0.0
    return float(dense.projections[projection.name]["hits"].sum()) / space.channels


def _outside(trace: Trace) -> dict[str, float]:
    samples = max(trace.samples, 1)
    found = {"voxels": float(trace.sites[:, 0].sum()) if trace.sites.size else 0.0}
    rebuilt = trace.rebuild.get(trace.generator, {})
    for name in ("inserts", "build_probes", "table_writes"):
        found[name.replace("_", " ")] = float(np.sum(rebuilt.get(name, 0)))
    for population in trace.network.populations:
        if isinstance(population.neuron, Source):
            counts = trace.projections
            sent = sum(
                float(counts[p.name]["events"].sum())
                for p in trace.network.out_of(population.name)[:1]
            )
            found["values sent in"] = found.get("values sent in", 0.0) + sent
    return {name: value / samples for name, value in found.items() if value}
