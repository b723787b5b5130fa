"""What a network would do on chips, as one page that needs nothing beside it."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurospike.errors import ArgumentError
from neurospike.files import write_atomically
from neurospike.viz import _chip_figures as figures
from neurospike.viz import _chip_maps as maps
from neurospike.viz._chip_body import Body
from neurospike.viz._tables import Rows, facts, table
from neurospike.viz._units import amount, fitting
from neurospike.viz.scene_page import add_scene

Part = Mapping[str, Any]


def chip_page(page: Part, out: str | os.PathLike[str]) -> Path:
    """Write what ``chip_html`` gives to a file.

    Raises
    ------
    ArgumentError, MissingExtraError
        As ``chip_html``.
    DataError
        A place that cannot be written.
    """
    write_atomically(Path(out), chip_html(page))
    return Path(out)


def chip_html(page: Part) -> str:
    """One HTML page with interactive figures, as text; it asks no other host for anything.

    Parameters
    ----------
    page
        Plain dictionaries, lists, text and numbers; ``neurospike.hw.report_page`` makes it.

        "title": text. "facts": name -> value. "notes": lines of text.
        "chips": a list, of which each has "name" and "title", and either "refused", a line, or
        "energy", "with_idle" (pJ), "latency" (s), "power" (W) as low, nominal, high and evidence,
        or None;
        "rows" of energy (element, cause, count, low_pj, pj, high_pj, evidence); "unpriced", rows
        for a table; "sensitive_to", text; "time": cause -> ns a row, with "time_label";
        "placement", or None: "facts", and for each core x, y, "labels", "held" (names), and
        "layers" (name, kind "use" or "load", unit, limit, values and texts, one a core);
        "sources", rows for a table.
        "addressing": "layers" (name, vanilla, submanifold, probes), "generators", "levels" and
        "delays", rows for tables. Optional.
        "spikes": strips of events, (name, label, block_neurons, block_steps, counts
        [step][block]). Optional.
        "scenes": ``viz.Scene``s with what the network found in them. Optional.
        "accuracy" and "opponents": rows for tables; what is low, nominal, high and evidence in
        them is in pJ, and an opponent's "energy" is drawn. "opponent_notes": lines. Optional.

    Raises
    ------
    ArgumentError
        A page without chips.
    MissingExtraError
        plotly is not installed.

    Cost
    ----
    Five megabytes, nearly all of it plotly.js.
    """
    if not page.get("chips"):
        raise ArgumentError("chip_page.page: must hold one chip or more under 'chips'; got none.")
    body = Body()
    _overview(body, page)
    for name, section in _SECTIONS.items():
        section(body, name, page)
    return body.document(str(page["title"]), page["chips"])


def _overview(body: Body, page: Part) -> None:
    tab = "Overview"
    body.add(tab, facts(page.get("facts", {})), heading="What ran")
    rows = [_summary(chip) for chip in page["chips"]]
    body.add(tab, table(rows), heading="Per inference")
    fit = [chip for chip in page["chips"] if not chip.get("refused")]
    shown = [{"name": chip["name"], "energy": chip["energy"]} for chip in fit]
    shown += [row for row in page.get("opponents", ()) if row.get("energy")]
    if any(row["energy"] for row in shown):
        spec = figures.range_figure(shown, "energy", "energy per inference", "pJ")
        caption = "Low, nominal and high, where sources disagree."
        if len(shown) > len(fit):
            caption += (
                " Chips by their own prices; the networks below them on one machine for all, see "
                "Opponents: compare within a group, not across."
            )
        body.add(tab, body.figure(spec, caption))
    notes = "".join(f"<li>{html.escape(str(note))}</li>" for note in page.get("notes", ()))
    if notes:
        body.add(tab, f"<ul>{notes}</ul>", heading="Notes")


def _summary(chip: Part) -> dict[str, Any]:
    if chip.get("refused"):
        return {"chip": chip["title"], "energy": f"does not fit: {chip['refused']}"}
    row: dict[str, Any] = {"chip": chip["title"]}
    columns = (
        ("energy", "energy", "pJ"),
        ("with_idle", "with idle power", "pJ"),
        ("latency", "latency", "s"),
        ("power", "power", "W"),
    )
    for key, name, base in columns:
        found = chip.get(key)
        row[name] = _interval(found, base)
        if found is not None:
            row[name] += f", {found['evidence']}"
    row["most sensitive to"] = chip.get("sensitive_to", "")
    return row


def _energy(body: Body, tab: str, page: Part) -> None:
    for chip in _fitting(page):
        name = str(chip["name"])
        if chip["rows"]:
            spec = figures.energy_figure(chip["rows"], chip["energy"])
            body.add(
                tab,
                body.figure(spec, "Hover over a bar for its count, its range and its evidence."),
                heading=f"Energy by layer and cause: {chip['title']}",
                chip=name,
            )
        if chip.get("unpriced"):
            text = "<p>Counted, but no source prices it: not in the total.</p>"
            body.add(tab, text + table(chip["unpriced"]), heading="Unpriced", chip=name)
        body.add(tab, table([_energy_row(r) for r in chip["rows"]]), heading="Rows", chip=name)


def _energy_row(row: Part) -> dict[str, Any]:
    return {
        "element": row["element"],
        "cause": row["cause"],
        "count": float(row["count"]),
        "low": amount(float(row["low_pj"]), "pJ"),
        "nominal": amount(float(row["pj"]), "pJ"),
        "high": amount(float(row["high_pj"]), "pJ"),
        "evidence": row["evidence"],
    }


def _addressing(body: Body, tab: str, page: Part) -> None:
    part = page.get("addressing") or {}
    if part.get("layers"):
        _targets(body, tab, part["layers"])
    tables = (
        ("generators", "Index generators"),
        ("levels", "Occupied voxels"),
        ("delays", "Delays: four ways to hold spikes back"),
    )
    for key, heading in tables:
        if part.get(key):
            body.add(tab, table(part[key]), heading=heading)


def _targets(body: Body, tab: str, layers: Rows) -> None:
    columns = {
        "vanilla": "vanilla: taps inside the grid",
        "submanifold": "submanifold: taps with a target",
    }
    spec = figures.grouped_figure(layers, columns, "targets visited by events")
    caption = "What the same events would visit on the whole grid, and what they meet."
    body.add(tab, body.figure(spec, caption), heading="Vanilla against submanifold")
    body.add(tab, table(layers), heading="By layer")


def _cores(body: Body, tab: str, page: Part) -> None:
    for chip in _fitting(page):
        placement = chip.get("placement")
        if placement:
            content = facts(placement["facts"]) + body.figure(
                maps.core_figure(placement), "Choose above the map what colours it."
            )
            heading = f"Cores: {chip['title']}"
            body.add(tab, content, heading=heading, chip=str(chip["name"]))


def _spikes(body: Body, tab: str, page: Part) -> None:
    if page.get("spikes"):
        content = body.figure(maps.raster_figure(page["spikes"]))
        body.add(tab, content, heading="Events of the first sample")


def _scenes(body: Body, tab: str, page: Part) -> None:
    for shown in page.get("scenes", ()):
        add_scene(body, tab, shown)


def _latency(body: Body, tab: str, page: Part) -> None:
    for chip in _fitting(page):
        if chip.get("time"):
            label = str(chip.get("time_label", "time"))
            content = body.figure(figures.latency_figure(chip["time"], label))
            heading = f"Time of every barrier: {chip['title']}"
            body.add(tab, content, heading=heading, chip=str(chip["name"]))


def _accuracy(body: Body, tab: str, page: Part) -> None:
    if page.get("accuracy"):
        body.add(tab, table(page["accuracy"]), heading="Accuracy before and after quantisation")


def _opponents(body: Body, tab: str, page: Part) -> None:
    rows = page.get("opponents")
    if rows:
        shown = [
            {key: _interval(v, "pJ") if isinstance(v, Mapping) else v for key, v in row.items()}
            for row in rows
        ]
        notes = "".join(
            f"<li>{html.escape(str(note))}</li>" for note in page.get("opponent_notes", ())
        )
        heading = "The same task on conventional arithmetic"
        body.add(tab, f"{table(shown)}\n<ul>{notes}</ul>", heading=heading)


def _sources(body: Body, tab: str, page: Part) -> None:
    for chip in page["chips"]:
        if chip.get("sources"):
            refused = chip.get("refused")
            body.add(
                tab,
                '<input class="filter" type="search" placeholder="filter" aria-label="filter">'
                + table(chip["sources"]),
                heading=f"Numbers and their sources: {chip['title']}",
                chip=None if refused else str(chip["name"]),
            )


_SECTIONS = {
    "Energy": _energy,
    "Addressing": _addressing,
    "Cores": _cores,
    "Spikes": _spikes,
    "Scenes": _scenes,
    "Latency": _latency,
    "Accuracy": _accuracy,
    "Opponents": _opponents,
    "Sources": _sources,
}


def _fitting(page: Part) -> list[Part]:
    return [chip for chip in page["chips"] if not chip.get("refused")]


def _interval(found: Part | None, base: str) -> str:
    if found is None:
        return "–"  # noqa: RUF001
    low, middle, high = (float(found[name]) for name in ("low", "nominal", "high"))
    if low == middle == high:
        return amount(middle, base)
    factor, unit = fitting(middle, base)
    return f"{middle / factor:.3g} {unit} ({low / factor:.3g} to {high / factor:.3g})"
