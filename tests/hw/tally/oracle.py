"""Every count, event by event, tap by tap, packet by packet, in plain Python: slow and readable.

It knows nothing of ``Pairs``: it walks coordinates, as an address generator would.
"""

import itertools
from collections import Counter, defaultdict

import numpy as np

from neurospike.hw.neuron_models import ILIFModel, Source, fires
from neurospike.hw.wiring import (
    Pointwise,
    Pooled,
    Submanifold,
    Taps,
    Transposed,
    Whole,
    Window,
)


def sites_of(space, sets):
    """Coordinates of every site, in order."""
    if space.level is None:
        return list(itertools.product(*(range(edge) for edge in space.shape)))
    return [tuple(row[1:]) for row in sets[space.level].coords.tolist()]


def taps_of(wiring, site, source_shape, target_shape):
    """(tap, target coordinates) of every tap that lies inside the target's grid."""
    if isinstance(wiring, Pooled):
        coarse_shape = tuple(e // w for e, w in zip(source_shape, wiring.window, strict=True))
        coarse = tuple(i // w for i, w in zip(site, wiring.window, strict=True))
        if any(i >= edge for i, edge in zip(coarse, coarse_shape, strict=True)):
            return []
        return taps_of(wiring.then, coarse, coarse_shape, target_shape)
    if isinstance(wiring, Whole):
        return [(int(np.ravel_multi_index(site, source_shape)) if site else 0, ())]
    if isinstance(wiring, Pointwise):
        return [(0, site)]
    if isinstance(wiring, Taps):
        return [(tap, site) for tap in range(wiring.count)]
    if isinstance(wiring, Submanifold):
        padding = [d * (k - 1) // 2 for d, k in zip(wiring.dilation, wiring.kernel, strict=True)]
        wiring = Window(wiring.kernel, (1,) * len(padding), tuple(padding), wiring.dilation)
    window = wiring.window if isinstance(wiring, Transposed) else wiring
    found = []
    for tap, k in enumerate(itertools.product(*(range(edge) for edge in window.kernel))):
        q = []
        for i, t, s, p, d in zip(
            site, k, window.stride, window.padding, window.dilation, strict=True
        ):
            if isinstance(wiring, Transposed):
                q.append(i * s - p + d * t)
            else:
                numerator = i + p - d * t
                q.append(numerator // s if numerator % s == 0 else -1)
        if all(0 <= i < edge for i, edge in zip(q, target_shape, strict=True)):
            found.append((tap, tuple(q)))
    return found


def number_of_taps(wiring):
    return int(np.prod(wiring.kernel))


def place_of(core, mesh, chips):
    """(x, y) of a core's tile on the plane of all chips."""
    edge = next(e for e in itertools.count(1) if e * e >= chips)
    chip, local = divmod(core, mesh.width * mesh.height * mesh.cores_per_tile)
    tile = local // mesh.cores_per_tile
    chip_x, chip_y = chip // edge, chip % edge
    if chip_x % 2:
        chip_y = edge - 1 - chip_y
    x, y = tile // mesh.height, tile % mesh.height
    return chip_x * mesh.width + x, chip_y * mesh.height + y


class Oracle:
    def __init__(self, network, sets, spikes, active, placement, *, gate, mode, generator):
        self.network, self.sets, self.spikes, self.active = network, sets, spikes, active
        self.placement, self.gate, self.mode, self.generator = placement, gate, mode, generator
        most = [p.neuron.max_spikes for p in network.populations if isinstance(p.neuron, ILIFModel)]
        self.depth = 1 if mode == "graded" else max(most, default=1)
        self.links = defaultdict(Counter)
        self.served = defaultdict(set)
        self.cores = defaultdict(Counter)
        self.populations = {p.name: self.population(p) for p in network.populations}
        self.projections = {p.name: self.projection(p) for p in network.projections}
        self.shortcuts = {s.name: self.shortcut(s) for s in network.shortcuts}

    def core(self, population, neuron):
        if self.placement is None or population not in self.placement.core:
            return None
        return int(self.placement.core[population][neuron])

    def rows_of(self, value, step, graded):
        """The row of every event of one spike."""
        if graded:
            return [step * self.depth]
        return [step * self.depth + i % self.depth for i in range(abs(int(value)))]

    def graded(self, population):
        if self.mode == "unary":
            return False
        if isinstance(population.neuron, ILIFModel):
            return population.neuron.max_spikes > 1
        return isinstance(population.neuron, Source) and self.spikes[population.name].max() > 1

    def send(self, owner, row, source, target):
        """One message; returns hops along x and y and chip crossings."""
        self.cores[owner, "packets_in"][row, target] += 1
        if source is None:
            return 0, 0, 0
        self.cores[owner, "packets_out"][row, source] += 1
        mesh, chips = self.placement.mesh, self.placement.chips
        x, y = place_of(source, mesh, chips)
        to_x, to_y = place_of(target, mesh, chips)
        hops = [0, 0, 0]
        while x != to_x:
            step = 1 if to_x > x else -1
            self.links[row][(x, y, x + step, y)] += 1
            hops[2 if x // mesh.width != (x + step) // mesh.width else 0] += 1
            x += step
        while y != to_y:
            step = 1 if to_y > y else -1
            self.links[row][(x, y, x, y + step)] += 1
            hops[2 if y // mesh.height != (y + step) // mesh.height else 1] += 1
            y += step
        return tuple(hops)

    def population(self, population):
        counts = defaultdict(Counter)
        name, values = population.name, self.spikes[population.name]
        silent = not fires(population.neuron)
        outside = isinstance(population.neuron, Source) and (
            self.placement is None or name not in self.placement.core
        )
        channels = population.space.channels
        for step, neuron in itertools.product(range(values.shape[0]), range(values.shape[1])):
            row, core = step * self.depth, self.core(name, neuron)
            value = values[step, neuron]
            if value != 0 and not silent:
                counts["fired"][row] += 1
                self.cores[name, "fired"][row, core] += 1
                for at in self.rows_of(value, step, self.graded(population)):
                    counts["spikes"][at] += 1
            if outside:
                continue
            counts["accesses"][row] += 1
            self.cores[name, "accesses"][row, core] += 1
            if self.active[name][step, neuron]:
                counts["updates"][row] += 1
                self.cores[name, "updates"][row, core] += 1
            else:
                counts["idle"][row] += 1
            if population.bias is not None:
                bias = np.broadcast_to(population.bias, (values.shape[1] // channels, channels))
                counts["bias_adds"][row] += bias.reshape(-1)[neuron] != 0
            counts["bias_adds"][row] += sum(p.once for p in self.network.into(name))
        return counts

    def projection(self, projection):
        counts = defaultdict(Counter)
        network, name = self.network, projection.name
        source, target = (network.population(p) for p in (projection.source, projection.target))
        values = self.spikes[source.name][: 1 if projection.once else None]
        where = {site: i for i, site in enumerate(sites_of(target.space, self.sets))}
        sites = sites_of(source.space, self.sets)
        channels, outputs = source.space.channels, projection.weight.shape[2]
        real, graded = not fires(source.neuron), self.graded(source)
        operation = "macs" if real else "graded_synops" if graded else "synops"
        gated = self.gate == "spike" and isinstance(projection.wiring, Submanifold)
        between_voxels = target.space.level is not None
        static = self.placement is not None and self.placement.style == "static"
        for step, neuron in itertools.product(range(values.shape[0]), range(values.shape[1])):
            p, c = divmod(neuron, channels)
            if gated and c == 0:
                counts["marks"][step * self.depth] += values[step, neuron : neuron + channels].any()
            if values[step, neuron] == 0:
                continue
            group = c * projection.groups // channels
            for event, row in enumerate(self.rows_of(values[step, neuron], step, graded or real)):
                counts["events"][row] += 1
                packets = set()
                submanifold = between_voxels and isinstance(projection.wiring, Submanifold)
                if submanifold and self.generator == "rulebook":
                    counts["index_reads"][row] += number_of_taps(projection.wiring)
                for _, q in taps_of(
                    projection.wiring, sites[p], source.space.shape, target.space.shape
                ):
                    counts["addresses"][row] += 1
                    if submanifold and self.generator != "rulebook":
                        counts["probes"][row] += 1
                    if q not in where:
                        continue
                    site = where[q]
                    neurons = [
                        site * outputs * projection.groups + group * outputs + o
                        for o in range(outputs)
                    ]
                    packets |= {self.core(target.name, n) for n in neurons}
                    if submanifold and self.generator == "rulebook" and gated:
                        counts["probes"][row] += 1
                    if gated and not values[step, site * channels : (site + 1) * channels].any():
                        continue
                    counts["hits"][row] += 1
                    replayed = isinstance(projection.wiring, (Window, Transposed))
                    found = replayed or (submanifold and self.generator != "rulebook")
                    if between_voxels and not static and found:
                        counts["index_reads"][row] += 1
                    for n in neurons:
                        counts[operation][row] += 1
                        counts["weight_reads"][row] += 1
                        if projection.max_delay:
                            counts["delay_writes"][row] += 1
                        else:
                            counts["membrane_reads"][row] += 1
                            counts["membrane_writes"][row] += 1
                        self.cores[name, "synops"][row, self.core(target.name, n)] += 1
                # One packet serves all projections of a neuron that end in one core.
                served = self.served[source.name, projection.groups, projection.once]
                for core in packets - {None}:
                    if (step, neuron, event, core) in served:
                        continue
                    served.add((step, neuron, event, core))
                    hops = self.send(name, row, self.core(source.name, neuron), core)
                    counts["packets"][row] += 1
                    counts["hops_x"][row] += hops[0]
                    counts["hops_y"][row] += hops[1]
                    counts["chip_crossings"][row] += hops[2]
        delayed = [p.name for p in network.into(target.name) if p.max_delay]
        if delayed and delayed[0] == name:
            steps, neurons = self.spikes[target.name].shape
            for step in range(steps):
                counts["delay_reads"][step * self.depth] += neurons
        return counts

    def shortcut(self, shortcut):
        counts = defaultdict(Counter)
        steps, neurons = self.spikes[shortcut.target].shape
        for step, neuron in itertools.product(range(steps), range(neurons)):
            row = step * self.depth
            source, target = (self.core(n, neuron) for n in (shortcut.source, shortcut.target))
            counts["adds"][row] += 1
            self.cores[shortcut.name, "adds"][row, target] += 1
            if source is not None and target is not None and source != target:
                hops = self.send(shortcut.name, row, source, target)
                counts["messages"][row] += 1
                counts["hops_x"][row] += hops[0]
                counts["hops_y"][row] += hops[1]
                counts["chip_crossings"][row] += hops[2]
        return counts
