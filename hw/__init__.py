"""Operations counted, and, from sourced chip files, priced. Installed as ``neurospike.hw``."""

from neurospike.hw import addressing
from neurospike.hw.chip import Chip, list_chips, load_chip
from neurospike.hw.compare import Comparison, compare
from neurospike.hw.contests import Contest
from neurospike.hw.counter import count
from neurospike.hw.counts import Counts, LayerCount
from neurospike.hw.emulation import emulate
from neurospike.hw.lowering import LayerCall, lower, lowers
from neurospike.hw.operations import Call, Operations
from neurospike.hw.opponents import contest
from neurospike.hw.placing import place, place_as, relay_delays
from neurospike.hw.predictions import Predictions, predict_both
from neurospike.hw.pricing import Interval, Report, price
from neurospike.hw.quantising import integer_twin, quantise
from neurospike.hw.registry import counts
from neurospike.hw.sites import samples_of
from neurospike.hw.tally import delay_storage, replay
from neurospike.hw.twin import ann_twin
from neurospike.hw.verification import Verification
from neurospike.hw.verifying import verify

__all__ = [
    "Call",
    "Chip",
    "Comparison",
    "Contest",
    "Counts",
    "Interval",
    "LayerCall",
    "LayerCount",
    "Operations",
    "Predictions",
    "Report",
    "Verification",
    "addressing",
    "ann_twin",
    "compare",
    "contest",
    "count",
    "counts",
    "delay_storage",
    "emulate",
    "integer_twin",
    "list_chips",
    "load_chip",
    "lower",
    "lowers",
    "place",
    "place_as",
    "predict_both",
    "price",
    "quantise",
    "relay_delays",
    "replay",
    "samples_of",
    "verify",
]
