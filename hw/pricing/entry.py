"""``price``: a trace, a chip and a convention make a report."""

from __future__ import annotations

from pathlib import Path

from neurospike.errors import ArgumentError
from neurospike.hw.chip import Chip, chip_of
from neurospike.hw.counts import number
from neurospike.hw.pricing.affine import affine_bill
from neurospike.hw.pricing.bill import Bill
from neurospike.hw.pricing.charges import elements
from neurospike.hw.pricing.interval import Interval
from neurospike.hw.pricing.latency import latency
from neurospike.hw.pricing.report import Report
from neurospike.hw.trace import Trace

CONVENTIONS = ("per_activity", "affine")
ELSEWHERE = ("exact", "paper", "neurobench", "lemaire")


def price(trace: Trace, chip: Chip | str | Path, convention: str = "per_activity") -> Report:
    """Turn the counts of a trace into energy and time on a chip, per inference.

    By "per_activity", energy is the sum of operations times their prices: synapses, neurons looked
    at, updated and fired, packets, and links passed. Idle power stands beside it, as
    ``static_pj``, where the time is known. By "affine", it is idle power times time, and a fitted
    energy for every operation, as the designers of a chip measured the whole.

    What has no price in the chip file is not in the energy, and is listed in ``unpriced``: making
    voxels, building an index and sending the input among it, which a comparison charges to both
    sides.

    Parameters
    ----------
    trace
        What ran.
    chip
        A chip, the name of one that ships with the package, or the path of a file.
    convention
        "per_activity" or "affine". Never mixed.

    Raises
    ------
    ArgumentError
        An unknown convention; an all-in figure that would be summed with a part; "affine" on a
        chip without a fit, or without a time.
    DataError
        As ``load_chip``.

    Cost
    ----
    Sums over the trace; with a placement, a few passes over its counts by core.

    Source
    ------
    per_activity: the formula of SANA-FE (Boyle et al., IEEE TCAD 2025). Departures: idle neurons
    and idle power have their own terms, and prices are ranges. affine: Akopyan et al. 2015,
    Frenkel et al. 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from neurospike.hw.network import Network, Population, Projection, Space
    >>> from neurospike.hw.neuron_models import LIFModel
    >>> from neurospike.hw.trace import Trace
    >>> from neurospike.hw.wiring import Whole
    >>> neuron = LIFModel(decay=0.5, threshold=1.0)
    >>> cells = [Population(name, Space(1), neuron) for name in ("a", "b")]
    >>> synapse = Projection("ab", "a", "b", Whole(), np.ones((1, 1, 1)))
    >>> counts = {"synops": np.array([1]), "packets": np.array([1]), "hops_y": np.array([1])}
    >>> trace = Trace(
    ...     Network(tuple(cells), (synapse,)), None, "pipelined", "unary", samples=1, depth=1,
    ...     spikes={}, output=[], populations={}, projections={"ab": counts},
    ... )
    >>> report = price(trace, "loihi1_sanafe")
    >>> round(report.energy_pj.nominal, 1), report.energy_pj.evidence, report.sensitive_to
    (150.7, 'derived', 'prices.packet_out')
    """
    if convention not in CONVENTIONS:
        where = (
            f"{convention!r} counts a module, not a trace: use hw.count(module, inputs, "
            f"convention={convention!r})"
            if convention in ELSEWHERE
            else f"conventions of modules are in hw.count: {', '.join(ELSEWHERE)}"
        )
        raise ArgumentError(
            f"price.convention: must be one of {', '.join(CONVENTIONS)}; got {convention!r}; "
            f"{where}."
        )
    chip = chip_of(chip)
    time = latency(trace, chip)
    chips = trace.placement.chips if trace.placement is not None else 1
    bill = Bill(chip, trace.samples)
    idle = _idle_power(chip) * chips
    if convention == "affine":
        affine_bill(bill, trace, idle, time.seconds)
    else:
        for element in elements(trace):
            bill.charge(element)
        bill.check_scopes()
    whole, unpriced = bill.whole, bill.left()
    static = None
    if time.seconds is not None and chip.static_power is not None and not whole:
        static = idle.times(time.seconds) * 1e9  # mW s are 1e9 pJ
    return Report(
        chip=chip,
        convention=convention,
        samples=trace.samples,
        chips=chips,
        rows=tuple(bill.rows),
        latency_s=time.seconds,
        steps_ns=time.steps_ns,
        static_pj=static,
        unpriced=unpriced,
        untimed=time.untimed,
        sensitivity=bill.sensitivity(),
        notes=_notes(trace, chip, time.note, unpriced, whole=whole),
    )


_SYNAPSES = ("synops", "graded_synops", "macs")
"""Counts without which an energy is not that of the network."""


def _idle_power(chip: Chip) -> Interval:
    """Power of one chip that does nothing, in mW."""
    parts = [] if chip.static_power is None else [Interval.of(chip.static_power)]
    if chip.clock_power is not None and chip.frequency is not None:
        parts.append(Interval.of(chip.clock_power).times(Interval.of(chip.frequency)))
    return Interval.total(parts)


def _notes(
    trace: Trace, chip: Chip, time_note: str, unpriced: dict[str, float], *, whole: bool
) -> tuple[str, ...]:
    notes = [time_note] if time_note else []
    if trace.placement is None and chip.mesh.cores_per_chip > 1:
        notes.append("no placement, so no packets and hops; one chip is assumed to idle")
    elif trace.placement is not None and trace.placement.chip not in ("", chip.name):
        notes.append(f"placed on {trace.placement.chip}, priced as {chip.name}")
    missing = [f"{number(unpriced[name])} {name}" for name in _SYNAPSES if unpriced.get(name)]
    if missing:
        notes.append(
            f"the energy leaves out synapses for want of a price: {', '.join(missing)}; compare it "
            "only with what leaves them out too"
        )
    if whole:
        notes.append("the price holds all that the chip spends, idle power too")
    elif chip.static_power is None:
        notes.append("the chip file has no idle power")
    return tuple(notes)
