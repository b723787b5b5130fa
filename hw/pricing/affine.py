"""The affine convention: a chip's idle power, and what every operation adds to it."""

from __future__ import annotations

from neurospike.errors import ArgumentError
from neurospike.hw.figures import Price
from neurospike.hw.pricing.bill import NOT_HELD, Bill
from neurospike.hw.pricing.charges import elements
from neurospike.hw.pricing.interval import Interval
from neurospike.hw.pricing.report import Row
from neurospike.hw.trace import Trace


def affine_bill(bill: Bill, trace: Trace, idle_mw: Interval, seconds: Interval | None) -> None:
    """Fill a bill: P = P_static + f * P_clock + sum of energies times rates, over the time.

    Raises
    ------
    ArgumentError
        The chip has no fit, or the trace no time.
    """
    chip = bill.chip
    if chip.affine is None or chip.static_power is None:
        raise ArgumentError(
            f"price.convention: 'affine' needs a fit in the chip file; got {chip.name}, which has "
            "none; use 'per_activity'."
        )
    if seconds is None:
        raise ArgumentError(
            f"price.convention: 'affine' charges idle power over time; got a trace without a time "
            f"on {chip.name}; place the network first."
        )
    energy = idle_mw.times(seconds) * 1e9  # mW s are 1e9 pJ
    bill.rows.append(Row("chip", "chip", "idle_power", "idle", 1.0, "static_power", energy, energy))
    fitted: dict[str, Price] = {
        name: figure
        for name in type(chip.affine).model_fields
        if (figure := getattr(chip.affine, name)) is not None
    }
    groups = {"synops": "synapse", "updates": "soma", "fired": "soma"}
    for element in elements(trace):
        for cause, figure in fitted.items():
            n = element.counts.get(cause, 0)
            if n:
                bill.add(element, cause, groups[cause], n, f"affine.{cause}", figure)
        held = set() if element.type == "outside" else element.counts.keys() - NOT_HELD
        bill.leave(element, held)
