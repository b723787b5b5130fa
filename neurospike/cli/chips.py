"""``neurospike chips``: chip files listed and shown, every number with its source."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from neurospike.cli.common import need, print_json, say

if TYPE_CHECKING:
    from rich.console import Console

    from neurospike.hw.chip import Chip

app = typer.Typer(
    name="chips",
    help="List and show chips; every number has a unit, a source and a grade of evidence.",
    epilog="Example: neurospike chips show loihi1_sanafe",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_PIPED = 240
"""Columns where no terminal says how many: wide enough that sources stay in one line for grep."""

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_all(as_json: _Json = False) -> None:
    """Say which chips ship with the package.

    Example: neurospike chips list
    """
    from neurospike.hw import list_chips, load_chip

    chips = [load_chip(name) for name in list_chips()]
    if as_json:
        print_json(
            {
                chip.name: {
                    "title": chip.title,
                    "node": chip.node,
                    "cores": chip.mesh.cores_per_chip,
                    "evidence": _grades(chip),
                    "note": chip.note,
                }
                for chip in chips
            }
        )
        return
    width = max(len(chip.name) for chip in chips) + 2
    for chip in chips:
        grades = ", ".join(f"{n} {grade}" for grade, n in _grades(chip).items())
        say(f"{chip.name:<{width}}{chip.title}; {chip.node}; numbers: {grades}")


@app.command("show")
def show(
    chip: Annotated[str, typer.Argument(help="A name that `chips list` shows, or a .toml file.")],
    as_json: _Json = False,
) -> None:
    """Show all numbers of a chip with unit, evidence and source; check a file of your own.

    Example: neurospike chips show loihi1_sanafe
    """
    from neurospike.hw import load_chip

    loaded = load_chip(chip)
    if as_json:
        print_json(loaded.model_dump(mode="json", exclude_none=True))
        return
    need("cli", "rich")
    from rich.console import Console

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_PIPED)
    _print(loaded, console)


def _grades(chip: Chip) -> dict[str, int]:
    """How many numbers there are of each grade of evidence."""
    from neurospike.hw.datasheet import entries
    from neurospike.hw.figures import EVIDENCE

    grades = [entry.evidence for entry in entries(chip)]
    return {grade: grades.count(grade) for grade in EVIDENCE if grade in grades}


def _print(chip: Chip, console: Console) -> None:
    from itertools import groupby

    from rich.table import Table

    from neurospike.hw.datasheet import entries

    # Text of files is data: brackets in it are no markup.
    console.print(f"{chip.name}: {chip.title}, {chip.node}", markup=False, highlight=False)
    shared = "stored once a core" if chip.shares_kernels else "stored for every synapse"
    console.print(
        f"packing of synapses: {chip.packing}; kernels {shared}", markup=False, highlight=False
    )
    if chip.note:
        console.print(chip.note, markup=False, highlight=False)
    for section, rows in groupby(entries(chip), key=lambda entry: entry.section):
        table = Table(title=section.replace("_", " "), title_justify="left", show_lines=False)
        table.add_column("figure", no_wrap=True)
        table.add_column("value", justify="right")
        for name in ("unit", "evidence"):
            table.add_column(name, no_wrap=True)
        table.add_column("source", ratio=1)
        for row in rows:
            grade = f"{row.evidence}, all-in" if row.scope == "all_in" else row.evidence
            source = f"{row.source}. {row.note}" if row.note else row.source
            table.add_row(*(_plain(text) for text in (row.key, row.value, row.unit, grade, source)))
        console.print(table)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
