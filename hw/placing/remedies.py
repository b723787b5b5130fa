"""What would fit, where one site and one channel already need more than a core holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurospike.errors import ChipLimitError
from neurospike.hw.chip import Chip
from neurospike.hw.network import Network, Population, Projection
from neurospike.hw.placing.limits import PACKED, core_limits, limit_of, refuse
from neurospike.hw.placing.memory import weight_bits
from neurospike.hw.placing.packing import Packed, delay_slots
from neurospike.hw.wiring import Pairs


def too_large(
    network: Network,
    chip: Chip,
    population: Population,
    pairs: dict[str, Pairs],
    found: Packed,
    fits_with: Callable[[int], bool],
) -> ChipLimitError:
    """The error of a population of which no core holds a single neuron.

    fits_with: whether weights of so many bits would do.
    """
    # Of several limits, what brings the tightest one into reach brings the others too.
    tightest = int(np.argmax(found.fullest / core_limits(chip)))
    name, unit = PACKED[tightest]
    into = network.into(population.name)
    layer = into[-1].name if into else population.name
    what = f"a neuron of which needs {int(found.fullest[tightest])} {unit}"
    limit = limit_of(chip, name) or 0
    if name == "delay_slots_per_core":
        slots = delay_slots(network, population)
        fits = f"Delays of at most {limit - 1} steps would fit, not {slots - 1}."
    elif name == "axons_in_per_core":
        fits = _channels(into, pairs, limit)
    elif name == "synapse_bits_per_core":
        widest = weight_bits(network, chip) - 1
        narrow = next((bits for bits in range(widest, 0, -1) if fits_with(bits)), 0)
        fits = _widths(into, narrow, int(found.fullest[1]), limit)
    else:
        fits = "A smaller layer after it would fit."
    return refuse(chip, name, layer, what, fits)


def _channels(into: tuple[Projection, ...], pairs: dict[str, Pairs], limit: int) -> str:
    """Input channels with which the site of most sources would do."""
    most = sum(int(np.bincount(pairs[p.name].target, minlength=1).max(initial=0)) for p in into)
    channels = limit // max(most, 1)
    if not channels:
        return f"At most {limit} source sites a neuron would fit, not {most}."
    return f"At most {channels} input channels would fit."


def _widths(into: tuple[Projection, ...], narrow: int, need: int, limit: int) -> str:
    """Weights narrow enough, or as few input channels as leave room."""
    narrower = f"Weights of {narrow} bits would fit." if narrow else ""
    if len(into) > 1:
        return narrower or "Fewer input channels would fit."
    channels = into[0].weight.shape[0] * limit // max(need, 1)
    return f"{narrower} At most {channels} input channels would fit.".strip()
