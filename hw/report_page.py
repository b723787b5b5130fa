"""Reports, traces and placements as the plain content of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neurospike.hw.chip import Chip
from neurospike.hw.datasheet import entries
from neurospike.hw.page_parts import addressing_part, placement_part, spike_strips
from neurospike.hw.pricing import Report
from neurospike.hw.trace import Trace

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class OnChip:
    """What became of a network on one chip: a report with its trace, or a refusal.

    Attributes
    ----------
    chip
        The chip.
    report, trace
        Its price, and what was priced; the page shows less without a trace.
    refused
        Why the network does not fit; "" where it does.
    """

    chip: Chip
    report: Report | None = None
    trace: Trace | None = None
    refused: str = ""


def page_content(
    results: Sequence[OnChip],
    *,
    title: str,
    facts: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    accuracy: Rows = (),
    opponents: Rows = (),
    opponent_notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Plain dictionaries, lists, text and numbers for ``viz.chip_page``.

    Addresses and spikes are the first trace's: they are the same on every chip but for widths.

    Parameters
    ----------
    results
        One a chip.
    facts, notes
        What ran, as names and values; lines below.
    accuracy, opponents, opponent_notes
        Rows of tables, as ``viz.chip_page`` takes them.
    """
    first = next((result.trace for result in results if result.trace is not None), None)
    content: dict[str, Any] = {
        "title": title,
        "facts": {**(facts or {}), **({} if first is None else _how(first))},
        "notes": [*notes, *_notes(results)],
        "chips": [_chip_part(result) for result in results],
        "accuracy": list(accuracy),
        "opponents": list(opponents),
        "opponent_notes": list(opponent_notes),
    }
    if first is not None:
        content["addressing"] = addressing_part(first)
        content["spikes"] = spike_strips(first)
    return content


def sources(chip: Chip, used: set[str] | None = None) -> list[dict[str, Any]]:
    """A row for every number of a chip file: what it is, and who says so.

    Parameters
    ----------
    used
        Keys such as "prices.synop" that a report has used, which come first; None leaves the
        column out.
    """
    rows = []
    for entry in entries(chip):
        key = entry.key if entry.section == entry.key else f"{entry.section}.{entry.key}"
        row = {
            "figure": key,
            "value": entry.value,
            "unit": entry.unit,
            "evidence": entry.evidence,
            "scope": entry.scope,
            "source": entry.source,
            "note": entry.note,
        }
        rows.append(row if used is None else {"used": "yes" if key in used else "", **row})
    return sorted(rows, key=lambda row: row.get("used") != "yes")


def _chip_part(result: OnChip) -> dict[str, Any]:
    chip, report, trace = result.chip, result.report, result.trace
    part: dict[str, Any] = {"name": chip.name, "title": chip.title}
    if report is None:
        return part | {"refused": result.refused, "sources": sources(chip)}
    steps = None if trace is None else trace.rows // max(trace.samples, 1)
    return part | {
        "energy": report.energy_pj.to_dict() if report.rows else None,
        "latency": None if report.latency_s is None else report.latency_s.to_dict(),
        "power": None if report.power_w is None else report.power_w.to_dict(),
        "with_idle": None if report.total_pj is None else report.total_pj.to_dict(),
        "rows": [_energy_row(row.to_dict()) for row in report.rows],
        "unpriced": [
            {"count": name, "per inference": float(n)} for name, n in report.unpriced.items()
        ],
        "sensitive_to": report.sensitive_to,
        "time": {
            _WAITS.get(name, name): column[:steps].tolist()
            for name, column in report.steps_ns.items()
            if column.any()
        },
        "time_label": "nominal time, first sample",
        "placement": None if trace is None else placement_part(trace),
        "sources": sources(chip, set(report.sources())),
    }


_WAITS = {
    "cores": "slowest core",
    "links": "busiest link, beyond the cores",
    "barrier": "barrier",
}


def _energy_row(row: Mapping[str, Any]) -> dict[str, Any]:
    energy = row["energy_pj"]
    return {
        "element": row["element"],
        "cause": row["cause"],
        "count": row["count"],
        "price": row["price"],
        "low_pj": energy["low"],
        "pj": energy["nominal"],
        "high_pj": energy["high"],
        "evidence": energy["evidence"],
    }


def _how(trace: Trace) -> dict[str, Any]:
    return {
        "spikes sent as": "unary events" if trace.mode == "unary" else "graded packets",
        "steps of the chip per inference": trace.rows // max(trace.samples, 1),
        "schedule": trace.schedule,
        "neurons": sum(_neurons(trace, p.name) for p in trace.network.populations),
    }


def _neurons(trace: Trace, name: str) -> int:
    spikes = trace.spikes.get(name)
    if spikes is None:
        return 0
    first = spikes[0] if isinstance(spikes, list) else spikes
    return int(first.shape[1])


def _notes(results: Sequence[OnChip]) -> list[str]:
    return [
        f"{result.chip.name}: {note}"
        for result in results
        if result.report is not None
        for note in result.report.notes
    ]
