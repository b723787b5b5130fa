"""Run suites, print their tables, write them down."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from neurospike.bench.harness import machine
from neurospike.errors import ArgumentError, MissingExtraError
from neurospike.files import write_atomically

SUITES = (
    "neurons",
    "voxels",
    "sparse",
    "network",
    "cochlea",
    "delays",
    "emulator",
    "boxes",
    "detector",
    "streaming",
)

Row = dict[str, Any]
Say = Callable[[str], Any]


def run_suites(
    names: Sequence[str], *, repeats: int, out: Path | None, as_json: bool, say: Say
) -> list[Row]:
    """Run the named suites, or all of them, one after another.

    Each suite is a module of this package with ``run(repeats) -> rows``; a row holds ``case``,
    ``peer``, ``ours``, ``theirs`` and ``ratio``: how many times ours is faster, or smaller.

    Raises
    ------
    ArgumentError
        An unknown suite, or fewer than one turn.
    """
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        raise ArgumentError(
            f"bench.suite: must be among {', '.join(SUITES)}; got {', '.join(unknown)}."
        )
    if repeats < 1:
        raise ArgumentError(f"bench.repeats: must be 1 or more; got {repeats}.")
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for name in names or SUITES:
        if not as_json:
            say(f"{name}: {repeats} turns")
        try:
            rows += import_module(f"neurospike.bench.{name}").run(repeats=repeats)
        except MissingExtraError as error:
            left_out[name] = str(error)
            if not as_json:
                say(f"{name}: left out: {error}")
    page = table(rows)
    if as_json:
        say(json.dumps({"machine": machine(), "rows": rows, "left_out": left_out}, indent=2))
    else:
        say(page)
    if out is not None:
        write_atomically(out, page)
    return rows


def table(rows: Sequence[Row]) -> str:
    """Markdown: the machine, then a row a case and peer."""
    facts = ", ".join(f"{key} {value}" for key, value in machine().items())
    lines = [
        f"Machine: {facts}.",
        "",
        "| case | ours | peer | theirs | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['case']} | {row['ours']} | {row['peer']} | {row['theirs']} | {row['ratio']:.2f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
