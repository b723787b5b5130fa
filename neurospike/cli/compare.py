"""``neurospike compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from neurospike.cli.common import need, print_json, say
from neurospike.errors import ArgumentError


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs, two or more.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the data [as trained].")] = None,
    samples: Annotated[int, typer.Option(help="Test samples to count and price.")] = 16,
    repeats: Annotated[int, typer.Option(help="Timed inferences of each network.")] = 50,
    chip: Annotated[
        list[str] | None, typer.Option(help="Emulate spiking networks on it too; once for each.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page with figures.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the numbers to this .json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Compare trained networks: accuracy, operations, energy, latency, memory.

    Runs of one recipe with several seeds are one row, with an interval over seeds. Runs that were
    tested on different data are refused, and so are runs of other seeds where the test samples
    follow the seed.

    Example: neurospike compare runs/solids-0 runs/solids-convnext-0 --html compare.html
    """
    from neurospike.files import check_writable, write_atomically

    need("train", "lightning", "matplotlib", "rich")
    for option, value in (("--samples", samples), ("--repeats", repeats)):
        if value < 1:
            raise ArgumentError(f"{option}: must be 1 or more; got {value}.")
    check_writable(out, html)
    from rich.console import Console

    from neurospike.train.comparing.comparing import compare as run
    from neurospike.train.comparing.pages import table

    console = Console(stderr=True)
    with console.status("comparing") as status:
        found = run(
            runs, root=root, samples=samples, repeats=repeats, chips=tuple(chip or ()), html=html,
            tick=status.update,
        )  # fmt: skip
    if out is not None:
        write_atomically(out, json.dumps(found, indent=1))
    if as_json:
        print_json(found)
        return
    _print(table(found))
    for row in found["networks"]:
        for note in row["notes"]:
            say(note)
    if html is not None:
        say(f"page: {html}")


def _print(rows: list[dict[str, str]]) -> None:
    names = list(rows[0])
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in names}
    say("  ".join(name.ljust(widths[name]) for name in names).rstrip())
    for row in rows:
        say("  ".join(row[name].ljust(widths[name]) for name in names).rstrip())
