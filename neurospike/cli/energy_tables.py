"""What ``neurospike energy --chip`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from neurospike.cli.common import say
from neurospike.hw.counts import number
from neurospike.hw.pricing import Interval
from neurospike.hw.report_page import OnChip

if TYPE_CHECKING:
    from neurospike.train.chip_energy import ChipEnergy

_WIDTH = 160
"""Columns of the table where nobody's terminal says how many there are."""

_SCALES = {
    "pJ": ((1e12, "J"), (1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ"), (1.0, "pJ")),
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")),
    "W": ((1.0, "W"), (1e-3, "mW"), (1e-6, "uW"), (1e-9, "nW")),
}


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """Samples as they are done, on standard error where somebody looks."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("samples", total=None)
        yield lambda known, total: shown.update(task, completed=known, total=total)


def print_tables(found: ChipEnergy) -> None:
    """Energy, time and cores of every chip, what is not priced, accuracy, opponents."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDTH)
    numbers = "integers" if found.options.quantise else "real numbers"
    say(
        f"{found.recipe}: mean of {found.samples} test samples, convention "
        f"{found.convention!r}, {numbers}, spikes as {found.options.mode}"
    )
    table = Table()
    for name in ("chip", "energy", "with idle power", "latency", "power", "evidence",
                 "sensitive to", "cores"):  # fmt: skip
        table.add_column(name, overflow="fold")
    for one in found.chips:
        table.add_row(*_row(found, one))
    console.print(table)
    for one in found.chips:
        _say_notes(one)
    _say_accuracy(found)
    if found.contest is not None:
        say()
        say(found.contest.table())
    if found.verification is not None:
        say()
        say(found.verification.table())


def _row(found: ChipEnergy, one: OnChip) -> tuple[str, ...]:
    report = one.report
    if report is None:
        return one.chip.name, "does not fit"
    energy = _range(report.energy_pj, "pJ") if report.rows else "no price"
    half = found.ci95_pj[one.chip.name]
    if found.samples > 1 and report.rows:
        energy += f"\n+-{_amount(half, 'pJ')} over samples"
    placement = None if one.trace is None else one.trace.placement
    cores = "" if placement is None else f"{placement.cores} (at least {placement.lower_bound})"
    return (
        one.chip.name,
        energy,
        _range(report.total_pj, "pJ"),
        _range(report.latency_s, "s"),
        _range(report.power_w, "W"),
        report.energy_pj.evidence,
        report.sensitive_to,
        cores,
    )


def _say_notes(one: OnChip) -> None:
    report = one.report
    if report is None:
        say(f"{one.chip.name}: {one.refused}")
        return
    for word, left in (("price", report.unpriced), ("time", report.untimed)):
        if left:
            listed = ", ".join(f"{number(n)} {name}" for name, n in left.items())
            say(f"{one.chip.name}: without a {word}, so not in it: {listed}")
    for note in report.notes:
        say(f"{one.chip.name}: {note}")


def _say_accuracy(found: ChipEnergy) -> None:
    if not found.accuracy:
        return
    say()
    width = max(len(row["network"]) for row in found.accuracy)
    for row in found.accuracy:
        saturated = f", {row['saturations']} saturations" if row["saturations"] else ""
        say(
            f"accuracy, {row['network']:<{width}}  {100 * row['accuracy']:5.1f} % "
            f"({100 * row['low']:.1f} to {100 * row['high']:.1f} %){saturated}"
        )


def _range(found: Interval | None, base: str) -> str:
    if found is None:
        return "not known"
    size, unit = _unit(found.nominal, base)
    text = f"{found.nominal / size:.4g} {unit}"
    if found.ranges:
        text += f" ({found.low / size:.4g} .. {found.high / size:.4g})"
    return text


def _amount(value: float, base: str) -> str:
    size, unit = _unit(value, base)
    return f"{value / size:.3g} {unit}"


def _unit(value: float, base: str) -> tuple[float, str]:
    return next(((size, unit) for size, unit in _SCALES[base] if value >= size), _SCALES[base][-1])
