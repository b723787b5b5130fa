"""What every core needs, neuron by neuron and synapse by synapse, in plain Python."""

from collections import defaultdict

import numpy as np

from neurospike.hw.wiring import Pooled, Taps, Whole


def synapses(network, pairs):
    """(projection, source neuron, target neuron) of every synapse."""
    for projection in network.projections:
        found = pairs[projection.name]
        inputs, _, fan = projection.weight.shape
        outputs = fan * projection.groups
        for p in range(found.sources):
            for at in range(found.offsets[p], found.offsets[p + 1]):
                for c in range(inputs):
                    group = c * projection.groups // inputs
                    for o in range(group * fan, (group + 1) * fan):
                        target = int(found.target[at]) * outputs + o
                        yield projection, p * inputs + c, target


def list_bits(n, bits, *, loihi):
    """nengo-loihi's formula: blocks of 64, 10 header bits, words of 64 bits."""
    if not loihi:
        return n * bits
    blocks = (n + 63) // 64
    return ((n * bits + 10 * blocks + 63) // 64) * 64


def needs(network, chip, placement, pairs):
    """Name of a limit -> core -> how much."""
    limits = chip.limits
    core = {name: where.tolist() for name, where in placement.core.items()}
    found = {name: defaultdict(int) for name in (
        "neurons_per_core", "axons_in_per_core", "axons_out_per_core", "synapse_bits_per_core",
        "delay_slots_per_core",
    )}  # fmt: skip
    for name, where in core.items():
        slots = 1 + max((p.max_delay for p in network.into(name)), default=0)
        for at in where:
            found["neurons_per_core"][at] += 1
            found["delay_slots_per_core"][at] += slots
    lists, axons = defaultdict(set), set()
    for number, (projection, source, target) in enumerate(synapses(network, pairs)):
        at = core[projection.target][target]
        axons.add((projection.name, source, at))
        if shared(projection, network, chip):
            # One list an input channel: all taps of the output channels in this core.
            inputs, taps, fan = projection.weight.shape
            o = target % (fan * projection.groups)
            for c in range(inputs):
                if c * projection.groups // inputs == o // fan:
                    lists[projection.name, at, c] |= {(tap, o) for tap in range(taps)}
        else:
            lists[projection.name, at, source].add(number)
    for projection, source, at in axons:
        found["axons_in_per_core"][at] += 1
        origin = next(p.source for p in network.projections if p.name == projection)
        if origin in core:
            found["axons_out_per_core"][core[origin][source]] += 1
    for (name, at, _), items in lists.items():
        projection = next(p for p in network.projections if p.name == name)
        bits = int(limits.weight_bits.value)
        if projection.delay is not None and np.any(projection.delay) and limits.delay_bits:
            bits += int(limits.delay_bits.value)
        size = list_bits(len(items), bits, loihi=chip.packing == "loihi")
        found["synapse_bits_per_core"][at] += size
    return found


def shared(projection, network, chip):
    wiring = projection.wiring
    while isinstance(wiring, Pooled):
        wiring = wiring.then
    space = network.population(projection.target).space
    one_site = space.level is None and int(np.prod(space.shape)) == 1
    return chip.shares_kernels and not one_site and not isinstance(wiring, (Whole, Taps))
