"""Bars and dots of a chip page, as plain dictionaries that plotly.js draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurospike.viz._figure import COLOURS, INK
from neurospike.viz._plotly import LOG, MANY_COLOURS, Spec, axis, button_row, layout, safe
from neurospike.viz._tables import Rows
from neurospike.viz._units import amount, fitting

_ENERGIES = (("low", "low_pj"), ("nominal", "pj"), ("high", "high_pj"))


def energy_figure(rows: Rows, total: Mapping[str, Any]) -> Spec:
    """Stacked bars, an element a bar and a cause a colour; buttons choose low, nominal or high."""
    elements = list(dict.fromkeys(str(row["element"]) for row in rows))
    spent: dict[str, float] = {}
    for row in rows:
        spent[str(row["cause"])] = spent.get(str(row["cause"]), 0.0) + float(row["pj"])
    causes = sorted(spent, key=lambda cause: -spent[cause])
    found = _merged(rows)
    factor, unit = fitting(max((sum_of(rows, e, "high_pj") for e in elements), default=1.0), "pJ")
    traces: list[Spec] = []
    choices: dict[str, list[Any]] = {name: [] for name, _ in _ENERGIES}
    for index, cause in enumerate(causes):
        cells = [found.get((element, cause)) for element in elements]
        values = {
            name: [0.0 if cell is None else float(cell[key]) / factor for cell in cells]
            for name, key in _ENERGIES
        }
        for name, column in values.items():
            choices[name].append(column)
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": safe(cause),
                "y": [safe(element) for element in elements],
                "x": values["nominal"],
                "customdata": [_energy_hover(cell) for cell in cells],
                "hovertemplate": "<b>%{y}</b><br>%{customdata}<extra></extra>",
                "marker": {"color": MANY_COLOURS[index % len(MANY_COLOURS)]},
            }
        )
    buttons = [
        {
            "label": f"{name}: {amount(float(total[name]), 'pJ')}",
            "method": "restyle",
            "args": [{"x": choices[name]}],
        }
        for name, _ in _ENERGIES
    ]
    frame = layout(height=230 + 26 * len(elements), left=True)
    frame["margin"]["t"] = 110  # below the tools stand the buttons, and below them the legend
    frame |= {
        "barmode": "stack",
        "xaxis": axis(f"energy per inference ({unit})"),
        "yaxis": axis("", autorange="reversed", type="category"),
        "updatemenus": [button_row(buttons, active=1)],
    }
    return {"data": traces, "layout": frame}


def _merged(rows: Rows) -> dict[tuple[str, str], dict[str, Any]]:
    """One cell an element and cause; a cause may have two prices, such as a packet's two ends."""
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (str(row["element"]), str(row["cause"]))
        if key not in cells:
            cells[key] = dict(row)
            continue
        cell = cells[key]
        for _, column in _ENERGIES:
            cell[column] += row[column]
        if row["evidence"] not in cell["evidence"]:
            cell["evidence"] += f" and {row['evidence']}"
    return cells


def sum_of(rows: Rows, element: str, key: str) -> float:
    """Sum of a column over the rows of one element."""
    return sum(float(row[key]) for row in rows if row["element"] == element)


def grouped_figure(rows: Rows, columns: Mapping[str, str], label: str) -> Spec:
    """Grouped bars on a logarithmic axis: columns maps a row's key to what the legend says."""
    names = [safe(row["name"]) for row in rows]
    traces = []
    for index, (key, title) in enumerate(columns.items()):
        values = [row.get(key) for row in rows]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": safe(title),
                "y": names,
                "x": [value or None for value in values],
                "hovertemplate": f"<b>%{{y}}</b><br>{safe(title)}: %{{x:,}}<extra></extra>",
                "marker": {"color": COLOURS[index % len(COLOURS)]},
            }
        )
    frame = layout(height=150 + 20 * len(columns) * len(names), left=True)
    frame |= {
        "barmode": "group",
        "xaxis": axis(label, **LOG),
        "yaxis": axis("", autorange="reversed", type="category"),
    }
    return {"data": traces, "layout": frame}


def latency_figure(causes: Mapping[str, Sequence[float]], label: str) -> Spec:
    """What each barrier waited for, in time: stacked by cause."""
    longest = max((sum(column) for column in zip(*causes.values(), strict=True)), default=1.0)
    factor, unit = fitting(longest, "ns")
    traces = [
        {
            "type": "bar",
            "name": safe(cause),
            "x": list(range(len(values))),
            "y": [float(value) / factor for value in values],
            "hovertemplate": f"row %{{x}}<br>{safe(cause)}: %{{y:.4g}} {unit}<extra></extra>",
            "marker": {"color": MANY_COLOURS[index % len(MANY_COLOURS)], "line": {"width": 0}},
        }
        for index, (cause, values) in enumerate(causes.items())
    ]
    frame = layout(height=380)
    frame |= {
        "barmode": "stack",
        "bargap": 0,
        "xaxis": axis("row (one barrier of the chip)"),
        "yaxis": axis(f"{label} ({unit})"),
    }
    return {"data": traces, "layout": frame}


def range_figure(rows: Rows, key: str, label: str, base: str) -> Spec:
    """A dot a row with its range; ``base`` is the unit of the numbers.

    The axis is logarithmic where they are far apart.
    """
    shown = [row for row in rows if row.get(key)]
    factor, unit = fitting(max((float(row[key]["high"]) for row in shown), default=1.0), base)
    low, middle, high = (
        np.array([float(row[key][name]) / factor for row in shown])
        for name in ("low", "nominal", "high")
    )
    trace = {
        "type": "scatter",
        "mode": "markers",
        "y": [safe(row["name"]) for row in shown],
        "x": middle.tolist(),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": (high - middle).tolist(),
            "arrayminus": (middle - low).tolist(),
            "color": INK,
            "thickness": 1.2,
        },
        "customdata": [[float(a), float(b), safe(row[key]["evidence"])]
                       for a, b, row in zip(low, high, shown, strict=True)],
        "hovertemplate": "<b>%{y}</b><br>%{x:.4g} "
        + unit
        + " (%{customdata[0]:.4g} to %{customdata[1]:.4g})<br>%{customdata[2]}<extra></extra>",
        "marker": {"size": 11, "color": [COLOURS[i % len(COLOURS)] for i in range(len(shown))]},
    }  # fmt: skip
    wide = bool(len(shown)) and high.max() > 30 * max(low.min(), 1e-300)
    scale = axis(f"{label} ({unit})", **(LOG if wide else {"rangemode": "tozero"}))
    frame = layout(height=130 + 40 * len(shown), left=True)
    frame |= {
        "showlegend": False,
        "xaxis": scale,
        "yaxis": axis("", autorange="reversed", type="category"),
    }
    return {"data": [trace], "layout": frame}


def _energy_hover(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    low, middle, high = (amount(float(cell[key]), "pJ") for _, key in _ENERGIES)
    return (
        f"{safe(cell['cause'])}: {middle} ({low} to {high})<br>"
        f"{float(cell['count']):,.6g} counted, {safe(cell['evidence'])}"
    )
