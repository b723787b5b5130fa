"""Cores that no placement can do without: what a network needs in all, over what a core holds."""

from __future__ import annotations

import numpy as np

from neurospike.hw.chip import Chip
from neurospike.hw.network import Network
from neurospike.hw.neuron_models import Source
from neurospike.hw.placing.limits import PACKED, UNLIMITED, core_limits
from neurospike.hw.placing.memory import kernel_bits, packing_of, shares_kernel
from neurospike.hw.placing.packing import delay_slots
from neurospike.hw.sites import site_count
from neurospike.hw.wiring import Pairs
from neurospike.sparse import ActiveSet


def lower_bound(
    network: Network, chip: Chip, pairs: dict[str, Pairs], sets: list[ActiveSet]
) -> tuple[int, str]:
    """Cores needed at least, and the limit that says so.

    Every neuron, its delay slots, and every list of synapses is somewhere, a kernel at least once;
    every source neuron with a target enters and leaves a core at least once. A list that is split
    takes no fewer bits than a whole one, so these sums bound any placement.
    """
    need = np.zeros(5, np.int64)
    hosted = {p.name for p in network.populations if isinstance(p.neuron, Source)}
    for population in network.populations:
        if population.name not in hosted:
            neurons = site_count(population.space, sets) * population.space.channels
            need[0] += neurons
            need[4] += neurons * delay_slots(network, population)
    for projection in network.projections:
        found = pairs[projection.name]
        inputs, _, fan = projection.weight.shape
        met = np.diff(found.offsets)
        axons = int(np.count_nonzero(met)) * inputs
        need[2] += axons
        need[3] += 0 if projection.source in hosted else axons
        packing = packing_of(projection, network, chip)
        if not axons:
            continue
        if shares_kernel(projection, network, chip):
            whole = np.full((1, projection.groups), fan, np.int64)
            need[1] += int(kernel_bits(packing, projection, whole)[0])
        else:
            need[1] += inputs * int(packing.list_bits(met * fan).sum())
    limits = core_limits(chip)
    cores = np.where(limits == UNLIMITED, 0, -(-need // limits))
    most = int(np.argmax(cores))
    at_least = 1 if need[0] else 0
    return max(int(cores[most]), at_least), PACKED[most][0] if cores[most] else ""
