"""A report as aligned text."""

from __future__ import annotations

from neurospike.hw.chip import Prices
from neurospike.hw.counts import align, energy, number
from neurospike.hw.pricing.charges import GROUPS
from neurospike.hw.pricing.interval import Interval
from neurospike.hw.pricing.report import Report, Row


def report_text(report: Report) -> str:
    """By cause, by element, then the totals and what is not in them."""
    title = (
        f"{report.chip.title}: convention {report.convention}, mean of {report.samples} sample(s)"
    )
    tables = [_causes(report), "", _elements(report), ""] if report.rows else []
    return "\n".join([title, *tables, *_summary(report)])


_ORDER = {f"prices.{name}": index for index, name in enumerate(Prices.model_fields)}
"""The order of chip files."""


def _causes(report: Report) -> str:
    header = ("cause (price)", "count", "price", "energy", "low", "high", "share", "evidence")
    merged: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(report.rows, key=lambda row: _ORDER.get(row.price, -1)):
        merged.setdefault((row.cause, row.price), []).append(row)
    total = report.energy_pj
    rows = []
    for (cause, price), parts in merged.items():
        part = Interval.total(row.energy_pj for row in parts)
        count = sum(row.count for row in parts)
        unit = parts[0].price_pj
        rows.append((
            f"{cause} ({price.rpartition('.')[2]})", number(count), _price(unit), *_ends(part),
            _share(part, total), part.evidence,
        ))  # fmt: skip
    last = ("energy", "", "", *_ends(total), "100 %" if total.nominal else "", total.evidence)
    return align(header, rows, last)


def _elements(report: Report) -> str:
    present = {row.group for row in report.rows}
    groups = [name for name in GROUPS if name in present]
    sums: dict[str, dict[str, float]] = {}
    for row in report.rows:
        own = sums.setdefault(row.element, {})
        own[row.group] = own.get(row.group, 0.0) + row.energy_pj.nominal
    total = report.energy_pj.nominal
    rows = [
        (name, *(energy(own.get(group, 0.0)) for group in groups), energy(sum(own.values())),
         f"{100 * sum(own.values()) / total:.1f} %" if total else "")
        for name, own in sums.items()
    ]  # fmt: skip
    every = [sum(own.get(group, 0.0) for own in sums.values()) for group in groups]
    last = ("total", *(energy(value) for value in every), energy(total), "100 %" if total else "")
    return align(("layer", *groups, "all", "share"), rows, last)


def _summary(report: Report) -> list[str]:
    if report.rows:
        lines = [f"energy {_range(report.energy_pj, 'pj')}, {report.energy_pj.evidence}"]
    else:
        lines = ["energy not known: none of the counts has a price"]
    if report.total_pj is not None and report.static_pj is not None:
        share = report.static_share or 0.0
        chips = f"{report.chips} chip" + ("s" if report.chips > 1 else "")
        lines.append(
            f"idle power of {chips} over that time {_range(report.static_pj, 'pj')}; with it "
            f"{_range(report.total_pj, 'pj')}, {100 * share:.0f} % of it idle"
        )
    if report.latency_s is not None:
        lines.append(f"latency {_range(report.latency_s, 's')}, {report.latency_s.evidence}")
    if report.power_w is not None:
        lines.append(f"power {_range(report.power_w, 'w')}")
    if report.sensitive_to:
        share = report.sensitivity[report.sensitive_to] / (report.energy_pj.nominal or 1.0)
        own = [row for row in report.rows if row.price == report.sensitive_to]
        moved = "its range moves" if own[0].price_pj.ranges else "+-10 % of it move"
        lines.append(
            f"most sensitive to {report.sensitive_to}: {moved} the energy by {100 * share:.0f} %"
        )
    for word, left in (("price", report.unpriced), ("time", report.untimed)):
        if left:
            listed = ", ".join(f"{number(n)} {name}" for name, n in left.items())
            lines.append(f"without a {word} in the chip file, so not in it: {listed}")
    return lines + [f"note: {note}" for note in report.notes]


def _price(unit: Interval) -> str:
    if not unit.ranges:
        return f"{unit.nominal:g} pJ"
    return f"{unit.nominal:g} ({unit.low:g}..{unit.high:g}) pJ"


def _ends(part: Interval) -> tuple[str, str, str]:
    return energy(part.nominal), energy(part.low), energy(part.high)


def _share(part: Interval, total: Interval) -> str:
    return f"{100 * part.nominal / total.nominal:.1f} %" if total.nominal else ""


_SCALES = {"s": (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)),
           "w": (("W", 1.0), ("mW", 1e-3), ("uW", 1e-6), ("nW", 1e-9))}  # fmt: skip


def _range(value: Interval, kind: str) -> str:
    """A number with the unit that fits it, and its range."""
    if kind == "pj":
        texts = [energy(end) for end in (value.nominal, value.low, value.high)]
    else:
        scales = _SCALES[kind]
        unit, size = next((s for s in scales if value.nominal >= s[1]), scales[-1])
        texts = [f"{end / size:.4g} {unit}" for end in (value.nominal, value.low, value.high)]
    return f"{texts[0]} ({texts[1]} .. {texts[2]})" if value.ranges else texts[0]
