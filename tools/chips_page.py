"""Write the tables of docs/chips.md from the chip files: ``python tools/chips_page.py``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from pydantic import BaseModel

from neurospike.hw import Chip, list_chips, load_chip
from neurospike.hw.chip import Affine, Limits, Memory, Prices, Times
from neurospike.hw.datasheet import Entry, entries

PAGE = Path(__file__).resolve().parents[1] / "docs" / "chips.md"
MARK = "<!-- tools/chips_page.py writes what follows; edit the chip files instead -->"
SECTIONS: dict[str, type[BaseModel]] = {
    "limits": Limits,
    "prices": Prices,
    "times": Times,
    "affine": Affine,
    "memory": Memory,
}


def tables() -> str:
    """All keys of a chip file, and a table for each file."""
    parts = ["## Keys", *(keys(name, part) for name, part in SECTIONS.items())]
    parts += [
        "Beside them: `static_power`, `clock_power` and `frequency`; and `arithmetic`, for "
        "opponents: `add_` and `mul_` of `fp32`, `fp16`, `int32` and `int8`.",
        "# The files",
    ]
    parts += [chip_tables(load_chip(name)) for name in list_chips()]
    return "\n\n".join(parts) + "\n"


def keys(name: str, part: type[BaseModel]) -> str:
    """Keys of a section, and what each means."""
    rows = [f"| `{name}.{key}` | {f.description} |" for key, f in part.model_fields.items()]
    return "\n".join([f"| {name} | |", "| --- | --- |", *rows])


def chip_tables(chip: Chip) -> str:
    """One file: what it is, and all of its numbers."""
    head = f"## {chip.name}\n\n{chip.title}; {chip.node}; synapses packed as `{chip.packing}`."
    found = [f"{head} {chip.note}".strip()]
    for section, rows in groupby(entries(chip), key=lambda entry: entry.section):
        lines = [row_text(row) for row in rows]
        header = f"| {section} | value | evidence | source |\n| --- | --- | --- | --- |"
        found.append("\n".join([header, *lines]))
    return "\n\n".join(found)


def row_text(row: Entry) -> str:
    """One number as a row."""
    grade = f"{row.evidence}, all in" if row.scope == "all_in" else row.evidence
    source = f"{row.source}. {row.note}" if row.note else row.source
    cells = (f"`{row.key}`", f"{row.value} {row.unit}".strip(), grade, source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def page(text: str) -> str:
    """The page with its tables written anew."""
    return f"{text.partition(MARK)[0].rstrip()}\n\n{MARK}\n\n{tables()}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
