"""A chip file as rows for tables: every number with its unit, evidence and source."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from neurospike.hw.chip import Chip, MeshPart
from neurospike.hw.figures import Barrier, Figure, Figures, Price, Sourced


@dataclass(frozen=True)
class Entry:
    """One number of a chip file.

    Attributes
    ----------
    section, key
        Where it stands: "prices", "synop_dense"; a number of its own has its key twice.
    meaning
        What it is the number of.
    value
        The number as text, its range in brackets.
    unit, evidence, scope, source, note
        As in the file; "" where it says nothing.
    """

    section: str
    key: str
    meaning: str
    value: str
    unit: str
    evidence: str
    scope: str
    source: str
    note: str


_ALONE = {
    "mesh": "tiles along x and y, and cores of a tile",
    "static_power": "power of a chip that does nothing",
    "clock_power": "power of its clock",
    "frequency": "its clock",
}


def entries(chip: Chip) -> list[Entry]:
    """All numbers of a chip, in the order of its file.

    Examples
    --------
    >>> from neurospike.hw import load_chip
    >>> row = entries(load_chip("loihi1_sanafe"))[11]
    >>> row.key, row.value, row.unit, row.evidence
    ('synop_dense', '35.5 (23.6 .. 35.5)', 'pJ', 'derived')
    """
    found = []
    for name in type(chip).model_fields:
        part = getattr(chip, name)
        if isinstance(part, Sourced):
            found.append(_entry(name, name, _ALONE.get(name, ""), part))
        elif isinstance(part, BaseModel):
            for key, field in type(part).model_fields.items():
                figure = getattr(part, key)
                if figure is not None:
                    found.append(_entry(name, key, field.description or "", figure))
    return found


def _entry(section: str, key: str, meaning: str, figure: Sourced) -> Entry:
    meaning = meaning.replace("...", "synaptic operation") if meaning.startswith("...") else meaning
    note = figure.note
    if isinstance(figure, Price) and figure.covers:
        note = f"{note} Covers {', '.join(figure.covers)}.".strip()
    if isinstance(figure, Barrier) and figure.by_tiles:
        steps = ", ".join(f"{time:g} from {tiles}" for tiles, time in figure.by_tiles)
        note = f"{note} By tiles in use: {steps}.".strip()
    scope = figure.scope if isinstance(figure, Figure) else None
    unit = figure.unit if isinstance(figure, (Figure, Figures)) else ""
    return Entry(
        section, key, meaning, _value(figure), unit, figure.evidence, scope or "",
        figure.source, note,
    )  # fmt: skip


def _value(figure: Sourced) -> str:
    if isinstance(figure, MeshPart):
        return f"{figure.width} x {figure.height} tiles of {figure.cores_per_tile}"
    if isinstance(figure, Figures):
        return ", ".join(str(value) for value in figure.value)
    if isinstance(figure, Figure):
        low, value, high = figure.range
        return f"{value:.10g}" if low == high else f"{value:.10g} ({low:.10g} .. {high:.10g})"
    return ""
