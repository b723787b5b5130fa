"""Reports of several samples as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from neurospike.errors import ArgumentError
from neurospike.hw.pricing import Interval, Report
from neurospike.hw.pricing.report import Row


def mean_report(reports: Sequence[Report]) -> Report:
    """The mean of reports of one chip and one convention, each weighing as many as its samples.

    Everything is per inference, so counts, energies and times are means; steps are the first
    report's.

    Raises
    ------
    ArgumentError
        No reports, or of more than one chip or convention.
    """
    kinds = {(report.chip.name, report.convention) for report in reports}
    if len(kinds) != 1:
        raise ArgumentError(
            f"mean_report.reports: must be of one chip and one convention; got {sorted(kinds)}."
        )
    total = sum(report.samples for report in reports)
    share = [report.samples / total for report in reports]
    first = reports[0]
    return replace(
        first,
        samples=total,
        chips=max(report.chips for report in reports),
        rows=_rows(reports, share),
        latency_s=_mean(reports, share, lambda report: report.latency_s),
        static_pj=_mean(reports, share, lambda report: report.static_pj),
        unpriced=_sums(reports, share, lambda report: report.unpriced),
        untimed=_sums(reports, share, lambda report: report.untimed),
        sensitivity=_sums(reports, share, lambda report: report.sensitivity),
        notes=tuple(dict.fromkeys(note for report in reports for note in report.notes)),
    )


def _rows(reports: Sequence[Report], share: Sequence[float]) -> tuple[Row, ...]:
    found: dict[tuple[str, str, str], Row] = {}
    for report, part in zip(reports, share, strict=True):
        for row in report.rows:
            key = (row.element, row.cause, row.price)
            own = replace(row, count=row.count * part, energy_pj=row.energy_pj * part)
            if key in found:
                before = found[key]
                own = replace(
                    own,
                    count=before.count + own.count,
                    energy_pj=before.energy_pj + own.energy_pj,
                )
            found[key] = own
    return tuple(found.values())


def _mean(
    reports: Sequence[Report], share: Sequence[float], of: Callable[[Report], Interval | None]
) -> Interval | None:
    """None where one of them is not known."""
    parts = [of(report) for report in reports]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return Interval.total(part * s for part, s in zip(known, share, strict=True))


def _sums(
    reports: Sequence[Report], share: Sequence[float], of: Callable[[Report], dict[str, float]]
) -> dict[str, float]:
    found: dict[str, float] = {}
    for report, part in zip(reports, share, strict=True):
        for name, value in of(report).items():
            found[name] = found.get(name, 0.0) + value * part
    return found
