"""Parts of a page that come from a trace: addresses, cores and spikes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Projection
from neurospike.hw.neuron_models import fires
from neurospike.hw.placement import Placement, Use
from neurospike.hw.routing import positions
from neurospike.hw.tally.storage import DelayStorage, delay_storage
from neurospike.hw.trace import Trace
from neurospike.hw.wiring import Submanifold, Transposed, Window

_MOST_STRIPS = 24
_MOST_BLOCKS, _MOST_STEPS = 96, 320
_MOST_BOXES = 256


def addressing_part(trace: Trace) -> dict[str, Any]:
    """Targets of every convolution on voxels, what each index generator would take, and delays.

    Numbers are per inference. "vanilla" are the taps inside the grid that the events would visit
    without an index; "submanifold" are those that have a target.
    """
    rows = [
        _layer_row(trace, projection)
        for projection in trace.network.projections
        if isinstance(projection.wiring, (Submanifold, Window, Transposed))
        and trace.network.population(projection.target).space.level is not None
    ]
    return {
        "layers": rows,
        "generators": _generators(trace),
        "levels": _levels(trace),
        "delays": [_delay_row(storage) for storage in delay_storage(trace)],
    }


def placement_part(trace: Trace) -> dict[str, Any] | None:
    """Where the cores are, what they hold, and how full and how busy they are."""
    placement = trace.placement
    if placement is None:
        return None
    x, y, boxes = _grid(placement)
    held: list[list[str]] = [[] for _ in range(placement.cores)]
    for name, core in placement.core.items():
        for index in np.unique(core[core >= 0]):
            held[int(index)].append(name)
    where = positions(placement)
    labels = [
        f"core {index}, tile ({int(where.x[index])}, {int(where.y[index])})"
        for index in range(placement.cores)
    ]
    layers = [_use_layer(name, use) for name, use in placement.use.items()]
    layers += _load_layers(trace, placement.cores)
    heat = _heat(trace)
    if heat is not None:
        layers.append(_layer("messages that the router sent on", "messages", heat))
    return {
        "facts": {
            "chips": placement.chips,
            "cores in use": sum(bool(names) for names in held),
            "cores that no placement can do without": placement.lower_bound,
            "limit that binds": placement.binding or "none",
            "neurons for": "occupied sites" if placement.style == "compact" else "the whole grid",
        },
        "x": x.tolist(),
        "y": y.tolist(),
        "boxes": boxes,
        "labels": labels,
        "held": held,
        "layers": layers,
    }


def spike_strips(trace: Trace) -> list[dict[str, Any]]:
    """Events of the first sample, a strip a population, in blocks of neurons and steps."""
    strips: list[dict[str, Any]] = []
    for population in trace.network.populations:
        spikes = trace.spikes.get(population.name)
        if spikes is None or not fires(population.neuron) or len(strips) == _MOST_STRIPS:
            continue
        events = _first_sample(trace, spikes)
        total, neurons = int(events.sum()), events.shape[1]
        if not events.size:
            continue
        counts, block_steps, block_neurons = _blocks(events)
        density = 100 * float(np.count_nonzero(events)) / events.size
        strips.append(
            {
                "name": population.name,
                "label": f"{population.name}: {neurons:,} neurons, {total:,} events, "
                f"{density:.3g} % of the rows",
                "block_neurons": block_neurons,
                "block_steps": block_steps,
                "counts": counts.tolist(),
            }
        )
    return strips


def _layer_row(trace: Trace, projection: Projection) -> dict[str, Any]:
    counts = trace.projections[projection.name]

    def each(name: str) -> float:
        return float(counts[name].sum()) / max(trace.samples, 1) if name in counts else 0.0

    vanilla, hits = each("addresses"), each("hits")
    return {
        "name": projection.name,
        "window": type(projection.wiring).__name__.lower(),
        "events": each("events"),
        "vanilla": vanilla,
        "submanifold": hits,
        "share with a target": f"{100 * hits / vanilla:.1f} %" if vanilla else "",
        "probes": each("probes"),
        "index reads": each("index_reads"),
        "synops": each("synops") + each("graded_synops") + each("macs"),
    }


def _delay_row(storage: DelayStorage) -> dict[str, Any]:
    return {
        "projection": storage.projection,
        "longest delay": storage.max_delay,
        "ring buffers (bit)": storage.ring_bits,
        "axons (bit)": storage.axon_bits,
        "shared queue (bit)": storage.queue_bits,
        "beside weights (bit)": storage.synapse_bits,
        "axons": storage.axons,
        "events in flight": storage.queue_events,
    }


def _generators(trace: Trace) -> list[dict[str, Any]]:
    rows = []
    for name, counts in trace.rebuild.items():
        row: dict[str, Any] = {
            "generator": name + (" (counted)" if name == trace.generator else "")
        }
        row |= {key.replace("_", " "): float(np.mean(column)) for key, column in counts.items()}
        rows.append(row)
    return rows


def _levels(trace: Trace) -> list[dict[str, Any]]:
    rows = []
    for index, level in enumerate(trace.network.levels):
        occupied = float(trace.sites[:, index].mean())
        grid = math.prod(level.shape)
        rows.append(
            {
                "level": index,
                "grid": " x ".join(str(edge) for edge in level.shape),
                "sites of the grid": grid,
                "occupied (mean)": occupied,
                "share": f"{100 * occupied / grid:.3g} %",
            }
        )
    return rows


def _grid(placement: Placement) -> tuple[NDArray[Any], NDArray[Any], list[list[float]]]:
    """Column and row of every core, cores of a tile side by side; and boxes around what belongs
    together: chips, or the tiles of one chip."""
    mesh, where = placement.mesh, positions(placement)
    columns = math.isqrt(mesh.cores_per_tile - 1) + 1
    rows = -(-mesh.cores_per_tile // columns)
    within = np.arange(placement.cores) % mesh.cores_per_tile
    x = where.x * columns + within % columns
    y = where.y * rows + within // columns
    if placement.chips > 1:
        group = where.chip_x.astype(np.int64) * (placement.chips + 1) + where.chip_y
    else:
        group = where.x.astype(np.int64) * mesh.height + where.y
    boxes: list[list[float]] = []
    names = np.unique(group)
    if mesh.cores_per_tile > 1 or placement.chips > 1:
        for name in names[:_MOST_BOXES]:
            inside = group == name
            boxes.append(
                [float(v) for v in (x[inside].min(), y[inside].min(),
                                    x[inside].max(), y[inside].max())]
            )  # fmt: skip
    return x, y, boxes


def _use_layer(name: str, use: Use) -> dict[str, Any]:
    title = name.replace("_", " ")
    if not use.limit:
        return _layer(title, use.unit, use.used)
    return {
        "name": title,
        "kind": "use",
        "unit": f"% of {use.limit:,} {use.unit}",
        "limit": use.limit,
        "values": (100 * use.used / use.limit).tolist(),
        "texts": [f"{int(used):,} of {use.limit:,} {use.unit}" for used in use.used],
    }


def _load_layers(trace: Trace, cores: int) -> list[dict[str, Any]]:
    """Work of every core per inference, summed over the elements that have it."""
    sums: dict[str, NDArray[np.float64]] = {}
    for counts in trace.cores.values():
        for name, table in counts.items():
            total = sums.setdefault(name, np.zeros(cores))
            total += table.sum(0) / max(trace.samples, 1)
    shown = ("synops", "updates", "fired", "packets_in", "packets_out")
    return [
        _layer(f"{name.replace('_', ' ')} per inference", name.replace("_", " "), sums[name])
        for name in shown
        if name in sums and sums[name].any()
    ]


def _layer(name: str, unit: str, values: NDArray[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "load",
        "unit": unit,
        "limit": None,
        "values": [float(value) for value in values],
        "texts": [f"{float(value):,.6g} {unit}" for value in values],
    }


def _heat(trace: Trace) -> NDArray[np.float64] | None:
    """Messages that the router of every core's tile sent to another tile, per inference."""
    if trace.placement is None or not trace.flow.any():
        return None
    east, west, north, south = trace.flow
    leaving = (east + north).astype(np.float64)
    # A link to the west or south has the place of its lower end: the tile that it leads to.
    leaving[1:] += west[:-1]
    leaving[:, 1:] += south[:, :-1]
    where = positions(trace.placement)
    heat: NDArray[np.float64] = leaving[where.x, where.y] / max(trace.samples, 1)
    return heat


def _first_sample(trace: Trace, spikes: Any) -> NDArray[np.int64]:
    """(rows, neurons) events of one sample; a spike of value v is one event in each of v rows."""
    values = np.asarray(spikes[0] if isinstance(spikes, list) else spikes)
    if not isinstance(spikes, list):
        values = values[: len(values) // max(trace.samples, 1)]
    magnitude: NDArray[np.int64] = np.abs(values).astype(np.int64)
    if trace.mode != "unary" or trace.depth == 1:
        return magnitude
    row = np.arange(trace.depth)[None, :, None]
    spread: NDArray[np.int64] = (
        np.maximum(magnitude[:, None] - row + trace.depth - 1, 0) // trace.depth
    )
    return spread.reshape(-1, values.shape[1])


def _blocks(events: NDArray[np.int64]) -> tuple[NDArray[np.int64], int, int]:
    """Sums over blocks that a page can show, and how many rows and neurons a block has."""
    steps, neurons = events.shape
    block_steps = -(-steps // _MOST_STEPS)
    block_neurons = -(-neurons // _MOST_BLOCKS)
    padded = np.pad(events, ((0, -steps % block_steps), (0, -neurons % block_neurons)))
    cut = padded.reshape(
        padded.shape[0] // block_steps, block_steps, padded.shape[1] // block_neurons, block_neurons
    )
    sums: NDArray[np.int64] = cut.sum((1, 3))
    return sums, block_steps, block_neurons
