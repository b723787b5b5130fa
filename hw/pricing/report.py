"""Energy, latency and power of one inference, with where every joule goes and how sure it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.chip import Chip
from neurospike.hw.pricing.interval import Interval
from neurospike.hw.trace import Trace


@dataclass(frozen=True)
class Row:
    """What one cause costs in one element, per inference.

    Attributes
    ----------
    element, type
        Name of a projection, population or shortcut; "outside" for what is around the network;
        "chip" for idle power.
    cause
        Name of the count.
    group
        "synapse", "soma", "network", "index", "host" or "idle".
    count
        How often, per inference.
    price
        Name of the price in the chip file.
    price_pj
        The price.
    energy_pj
        Count times price.
    """

    element: str
    type: str
    cause: str
    group: str
    count: float
    price: str
    price_pj: Interval
    energy_pj: Interval

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return asdict(self)


@dataclass(frozen=True)
class Report:
    """A trace priced on a chip by one convention, per inference.

    Attributes
    ----------
    chip
        Whose prices, with their sources.
    convention
        "per_activity": operations times prices, idle power beside them. "affine": idle power and
        a fitted energy an operation, together.
    samples
        Inferences that the numbers are the mean of.
    chips
        Chips that idle.
    rows
        What is in ``energy_pj``, by element and cause; causes that did not occur are left out.
    latency_s
        Time of one inference; None where it is not known, and ``notes`` say why.
    steps_ns
        What a step waits for -> (steps,) ns: "cores", then what "links" and "barrier" add; the
        latter holds what is left of the chip's shortest step. Of all samples, as the trace has its
        rows. Empty without a time.
    static_pj
        Energy of idle power over that time; None where the time or the power is not known.
    unpriced
        Counts above zero that the chip file has no price for, per inference.
    untimed
        Counts above zero that the chip file has no time for, per inference.
    sensitivity
        Price -> energy in pJ that its range moves; where it has none, its last and next 10 %.
    notes
        What was assumed, and what is not in the numbers.
    """

    chip: Chip
    convention: str
    samples: int
    chips: int
    rows: tuple[Row, ...]
    latency_s: Interval | None = None
    steps_ns: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    static_pj: Interval | None = None
    unpriced: dict[str, float] = field(default_factory=dict)
    untimed: dict[str, float] = field(default_factory=dict)
    sensitivity: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def energy_pj(self) -> Interval:
        """What the convention's formula gives, in pJ: the sum of the rows."""
        return Interval.total(row.energy_pj for row in self.rows)

    @property
    def dynamic_pj(self) -> Interval:
        """Energy of operations alone, in pJ."""
        return Interval.total(row.energy_pj for row in self.rows if row.group != "idle")

    @property
    def total_pj(self) -> Interval | None:
        """Operations and idle power, in pJ; None where the latter is not known."""
        return None if self.static_pj is None else self.dynamic_pj + self.static_pj

    @property
    def static_share(self) -> float | None:
        """Share of idle power in operations and idle power."""
        if self.static_pj is None or self.total_pj is None or not self.total_pj.nominal:
            return None
        return self.static_pj.nominal / self.total_pj.nominal

    @property
    def power_w(self) -> Interval | None:
        """Mean power over the inference, idle power included where known; None without a time."""
        if self.latency_s is None or not self.latency_s.low:
            return None
        watts = (self.dynamic_pj * 1e-12).over(self.latency_s)
        if self.static_pj is None:
            return watts
        # Idle power does not depend on how long it lasts, so its range is not the quotient's.
        time, idle = self.latency_s, self.static_pj * 1e-12
        steady = Interval(
            idle.low / time.low, idle.nominal / time.nominal, idle.high / time.high, idle.evidence
        )
        return watts + steady

    @property
    def sensitive_to(self) -> str:
        """The price that moves the total most; "" where nothing is priced."""
        moved = {name: value for name, value in self.sensitivity.items() if value > 0}
        return max(moved, key=moved.__getitem__) if moved else ""

    def by_group(self) -> dict[str, Interval]:
        """Energy in pJ of each part of the machine."""
        return _sum_by(self.rows, lambda row: row.group)

    def by_element(self) -> dict[str, Interval]:
        """Energy in pJ of each projection, population and shortcut."""
        return _sum_by(self.rows, lambda row: row.element)

    def by_cause(self) -> dict[str, Interval]:
        """Energy in pJ of each count."""
        return _sum_by(self.rows, lambda row: row.cause)

    def table(self) -> str:
        """Aligned text: prices and causes, elements, totals, and what is not in them."""
        from neurospike.hw.pricing.tables import report_text

        return report_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON and for pages."""
        return {
            "chip": self.chip.name,
            "chip_title": self.chip.title,
            "convention": self.convention,
            "samples": self.samples,
            "chips": self.chips,
            "energy_pj": self.energy_pj.to_dict(),
            "dynamic_pj": self.dynamic_pj.to_dict(),
            "static_pj": _plain(self.static_pj),
            "total_pj": _plain(self.total_pj),
            "static_share": self.static_share,
            "latency_s": _plain(self.latency_s),
            "power_w": _plain(self.power_w),
            "steps_ns": {name: column.tolist() for name, column in self.steps_ns.items()},
            "sensitive_to": self.sensitive_to,
            "sensitivity_pj": self.sensitivity,
            "unpriced": self.unpriced,
            "untimed": self.untimed,
            "notes": list(self.notes),
            "by_group": {name: part.to_dict() for name, part in self.by_group().items()},
            "rows": [row.to_dict() for row in self.rows],
            "sources": self.sources(),
        }

    def sources(self) -> dict[str, dict[str, Any]]:
        """Key of a figure in the chip file -> all that it says, of those that were used."""
        names = {row.price for row in self.rows}
        found: dict[str, dict[str, Any]] = {}
        for section in ("prices", "affine"):
            part = getattr(self.chip, section)
            for name in type(part).model_fields if part is not None else ():
                key = f"{section}.{name}"
                if key in names:
                    found[key] = getattr(part, name).model_dump(exclude_none=True)
        if self.static_pj is not None:
            for key in ("static_power", "clock_power", "frequency"):
                figure = getattr(self.chip, key)
                if figure is not None:
                    found[key] = figure.model_dump(exclude_none=True)
        return found

    def to_html(self, trace: Trace | None = None) -> str:
        """One HTML page with interactive figures, as text; it needs no network.

        Parameters
        ----------
        trace
            What was priced, for addresses, cores and spikes; without it the page has energy,
            time and sources.

        Raises
        ------
        MissingExtraError
            plotly is not installed.

        Cost
        ----
        Five megabytes, nearly all of it plotly.js.
        """
        from neurospike.hw.report_page import OnChip, page_content
        from neurospike.viz import chip_html

        facts = {"convention": self.convention, "samples": self.samples}
        found = OnChip(self.chip, self, trace)
        return chip_html(page_content([found], title=self.chip.title, facts=facts))

    def to_json(self, *, indent: int | None = 2) -> str:
        """One JSON document."""
        return json.dumps(self.to_dict(), indent=indent)


def _plain(interval: Interval | None) -> dict[str, Any] | None:
    return None if interval is None else interval.to_dict()


def _sum_by(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, Interval]:
    sums: dict[str, Interval] = {}
    for row in rows:
        name = key(row)
        sums[name] = sums[name] + row.energy_pj if name in sums else row.energy_pj
    return sums
