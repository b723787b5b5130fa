"""What a sweep leaves to read: a table, a document, a figure and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurospike import viz
from neurospike.files import write_atomically
from neurospike.train.sweeping.folder import MEASURED, Point
from neurospike.train.sweeping.fronts import fronts, pareto_front
from neurospike.viz._units import amount, fitting

_NAMES = {
    "steps": "T",
    "max_spikes": "D",
    "weight_bits": "weights",
    "membrane_bits": "membranes",
    "threshold": "threshold",
}


def document(about: Mapping[str, Any], points: Sequence[Point]) -> dict[str, Any]:
    """Everything that a sweep found, as JSON holds it: points from the least energy to the most."""
    ordered = sorted(points, key=_order)
    by_chip = fronts(ordered)
    on_front = {key for keys in by_chip.values() for key in keys}
    return {
        **about,
        "points": [{**point, "front": point["key"] in on_front} for point in ordered],
        "fronts": by_chip,
        "front": pareto_front(ordered),
    }


def write_pages(found: Mapping[str, Any], out: Path) -> list[Path]:
    """Write ``pareto.json``, and where a point was measured ``pareto.png``, and ``pareto.html``."""
    made = [out / "pareto.json"]
    write_atomically(made[0], json.dumps(found, indent=1))
    points = found["points"]
    measured = [p for p in points if p["status"] == MEASURED and p["energy_pj"]["nominal"] > 0]
    left_out = [p for p in points if p["status"] != MEASURED]
    figures = {}
    if measured:
        varying = _varying(measured)
        note = f"{len(left_out)} of {len(points)} points without a result" if left_out else ""
        picture = viz.pareto_plot(
            [_drawn(point, varying, best=point["key"] in found["front"]) for point in measured],
            out / "pareto.png",
            title=f"{found['name']}: {found['samples']} test samples a point",
            note=note,
        )
        caption = (
            "Every point is a setting on a chip; those that no other of the same chip beats are "
            "filled and joined, and named by what varies where there is room. Lines along x: "
            "prices where sources disagree; along y: 95 % intervals for the samples at hand."
        )
        figures = {caption: picture}
        made.append(picture)
    sections: list[tuple[str, Any]] = [("Sweep", _facts(found))]
    if measured:
        sections.append(
            ("Points", [_row(point) for point in points if point["status"] == MEASURED])
        )
        sections.insert(1, ("Chips", _chips(points)))
    if left_out:
        sections.append(("Without a result", _without_result(points)))
    page = viz.html_report(
        f"{found['name']}: accuracy against energy",
        sections,
        figures,
        out / "pareto.html",
        figures_first=True,
    )
    return [*made, page]


def table(found: Mapping[str, Any], *, most: int = 60) -> str:
    """Aligned text: a row a point, those of the fronts marked, and the reasons of the others.

    Of more than ``most`` points only the fronts are shown.
    """
    measured = [point for point in found["points"] if point["status"] == MEASURED]
    shown = measured if len(measured) <= most else [p for p in measured if p["front"]]
    rows = [_row(point) for point in shown]
    parts = []
    if rows:
        cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        parts = [
            "  ".join(
                cell.ljust(width) if column < 1 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        parts.insert(1, "-" * max(len(line) for line in parts))
    if len(shown) < len(measured):
        parts.append(f"and {len(measured) - len(shown)} points that others of their chip beat")
    for chip in _chips(measured):
        missing = chip["no price for"]
        parts.append(f"{chip['chip']}: {chip['evidence']}; no price for {missing or 'nothing'}")
    for group in _without_result(found["points"]):
        keys = group["points"].split(", ")
        what = group["points"] if len(keys) == 1 else f"{len(keys)} points of {group['chip']}"
        parts.append(f"{what}: {group['what']}: {group['why']}")
    return "\n".join(parts)


def _order(point: Point) -> tuple[Any, ...]:
    energy = point["energy_pj"]["nominal"] if point["status"] == MEASURED else float("inf")
    return energy, point["key"]


def _row(point: Point) -> dict[str, Any]:
    setting = point["setting"]
    energy, latency = point["energy_pj"], point["latency_s"]
    spread = (point["accuracy_high"] - point["accuracy_low"]) / 2
    return {
        "chip": point["chip"],
        **{name: _shown(setting[key]) for key, name in _NAMES.items()},
        "accuracy": f"{100 * point['accuracy']:.1f} %",
        "+-": f"{100 * spread:.1f}",
        "energy": amount(energy["nominal"], "pJ"),
        "range": _range(energy),
        "latency": "" if latency is None else amount(latency["nominal"], "s"),
        "cores": str(point["cores"]),
        "front": "*" if point["front"] else "",
    }


def _range(energy: Mapping[str, Any]) -> str:
    if energy["low"] == energy["high"]:
        return ""
    factor, unit = fitting(energy["high"], "pJ")
    return f"{energy['low'] / factor:.3g}..{energy['high'] / factor:.3g} {unit}"


def _chips(points: Sequence[Point]) -> list[dict[str, str]]:
    """What the energies of each chip rest on, and what is not in them."""
    rows = []
    for chip in dict.fromkeys(point["chip"] for point in points):
        of = [p for p in points if p["chip"] == chip and p["status"] == MEASURED]
        if of:
            missing = sorted({name for point in of for name in point["unpriced"]})
            evidence = dict.fromkeys(point["energy_pj"]["evidence"] for point in of)
            moved = dict.fromkeys(p["sensitive_to"] for p in of if p["sensitive_to"])
            rows.append(
                {
                    "chip": chip,
                    "evidence": ", ".join(evidence),
                    "most sensitive to": ", ".join(moved),
                    "no price for": ", ".join(missing),
                }
            )
    return rows


def _without_result(points: Sequence[Point]) -> list[dict[str, str]]:
    """Points that do not fit or failed, those with one chip and one reason together."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for point in points:
        if point["status"] != MEASURED:
            group = (point["chip"], point["status"], point["reason"])
            groups.setdefault(group, []).append(point["key"])
    return [
        {"chip": chip, "what": what, "why": why, "points": ", ".join(keys)}
        for (chip, what, why), keys in groups.items()
    ]


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:g}"


def _facts(found: Mapping[str, Any]) -> dict[str, Any]:
    points = found["points"]
    return {
        "checkpoint": found["checkpoint"],
        "samples": f"{found['samples']}, spread evenly over the test split",
        "convention": found["convention"],
        "points": len(points),
        "energy": "operations that the chip file has a price for; compare points of one chip",
    }


def _varying(points: Sequence[Point]) -> list[str]:
    return [key for key in _NAMES if len({p["setting"][key] for p in points}) > 1]


def _drawn(point: Point, varying: Sequence[str], *, best: bool) -> dict[str, Any]:
    energy = point["energy_pj"]
    short = {"steps": "T", "max_spikes": "D", "weight_bits": "w", "membrane_bits": "m"}
    parts = []
    for key in varying:
        value = point["setting"][key]
        if value is not None:
            parts.append(f"{short.get(key, 'x')}{value:g}")
    if "weight_bits" in varying and point["setting"]["weight_bits"] is None:
        parts.append("float")
    return {
        "group": point["chip"],
        "name": " ".join(parts),
        "front": point["front"],
        "best": best,
        "energy_pj": energy["nominal"],
        "energy_low_pj": energy["low"],
        "energy_high_pj": energy["high"],
        "accuracy": point["accuracy"],
        "accuracy_low": point["accuracy_low"],
        "accuracy_high": point["accuracy_high"],
    }
