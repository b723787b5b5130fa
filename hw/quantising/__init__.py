"""Networks of integers: a chip's widths, powers of two for scales, and a torch twin to check by."""

from neurospike.hw.quantising.quantiser import quantise
from neurospike.hw.quantising.rounding import DECAY_UNITS, decayed, half_up, requantised, to_grid
from neurospike.hw.quantising.twin_model import integer_twin
from neurospike.hw.quantising.widths import Widths, widths_of

__all__ = [
    "DECAY_UNITS",
    "Widths",
    "decayed",
    "half_up",
    "integer_twin",
    "quantise",
    "requantised",
    "to_grid",
    "widths_of",
]
