"""The figures of a chip page, as plain dictionaries that plotly.js draws."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurospike.viz._figure import COLOURS, INK
from neurospike.viz._tables import Rows
from neurospike.viz._units import amount, fitting

Spec = dict[str, Any]

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'
_CAUSE_COLOURS = (*COLOURS, "#F0E442", "#882255", "#44AA99", "#999933", "#AA4499", "#6699CC")
_LOG: Spec = {"type": "log", "dtick": "D2", "exponentformat": "SI"}
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
                "name": _safe(cause),
                "y": [_safe(element) for element in elements],
                "x": values["nominal"],
                "customdata": [_energy_hover(cell) for cell in cells],
                "hovertemplate": "<b>%{y}</b><br>%{customdata}<extra></extra>",
                "marker": {"color": _CAUSE_COLOURS[index % len(_CAUSE_COLOURS)]},
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
    layout = _layout(height=230 + 26 * len(elements), left=True)
    layout["margin"]["t"] = 110  # below the tools stand the buttons, and below them the legend
    layout |= {
        "barmode": "stack",
        "xaxis": _axis(f"energy per inference ({unit})"),
        "yaxis": _axis("", autorange="reversed", type="category"),
        "updatemenus": [_buttons(buttons, active=1)],
    }
    return {"data": traces, "layout": layout}


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
    names = [_safe(row["name"]) for row in rows]
    traces = []
    for index, (key, title) in enumerate(columns.items()):
        values = [row.get(key) for row in rows]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": _safe(title),
                "y": names,
                "x": [value or None for value in values],
                "hovertemplate": f"<b>%{{y}}</b><br>{_safe(title)}: %{{x:,}}<extra></extra>",
                "marker": {"color": COLOURS[index % len(COLOURS)]},
            }
        )
    layout = _layout(height=150 + 20 * len(columns) * len(names), left=True)
    layout |= {
        "barmode": "group",
        "xaxis": _axis(label, **_LOG),
        "yaxis": _axis("", autorange="reversed", type="category"),
    }
    return {"data": traces, "layout": layout}


def core_figure(placement: Mapping[str, Any]) -> Spec:
    """The cores where they are; buttons choose what colours them."""
    layers = placement["layers"]
    x, y = np.asarray(placement["x"], int), np.asarray(placement["y"], int)
    columns, rows = int(x.max(initial=0)) + 1, int(y.max(initial=0)) + 1
    cell = float(np.clip(900 / columns, 4, 46))
    gap = 1 if cell > 12 else 0
    traces, buttons = [], []
    for index, layer in enumerate(layers):
        values = np.asarray(layer["values"], float)
        grid = np.full((rows, columns), np.nan)
        grid[y, x] = values
        notes = np.full((rows, columns), "", dtype=object)
        for core, (i, j) in enumerate(zip(x, y, strict=True)):
            notes[j, i] = _core_hover(placement, layer, core)
        traces.append(
            {
                "type": "heatmap",
                "z": _cells(grid),
                "text": notes.tolist(),
                "hovertemplate": "%{text}<extra></extra>",
                "hoverongaps": False,
                "visible": index == 0,
                "colorscale": "Viridis" if layer["kind"] == "use" else "YlOrRd",
                "reversescale": layer["kind"] != "use",
                "zmin": 0,
                "zmax": _top(layer, values),
                "xgap": gap,
                "ygap": gap,
                "colorbar": {
                    "title": {"text": _safe(layer["unit"]), "side": "right"},
                    "thickness": 14,
                },
            }
        )
        visible = [other == index for other in range(len(layers))]
        buttons.append(
            {"label": _safe(layer["name"]), "method": "update", "args": [{"visible": visible}]}
        )
    layout = _layout(height=int(np.clip(cell * rows, 120, 1200)) + 110)
    layout |= {
        "xaxis": _axis("", visible=False, constrain="domain"),
        "yaxis": _axis("", visible=False, scaleanchor="x", constrain="domain"),
        "updatemenus": [_menu(buttons)],
        "shapes": [_box(*corner) for corner in placement.get("boxes", ())],
    }
    return {"data": traces, "layout": layout}


def raster_figure(spikes: Rows) -> Spec:
    """Events of every population over time, a strip a population."""
    heights = [float(np.clip(len(part["counts"][0]), 24, 96)) for part in spikes]
    gap, room = 30.0, sum(heights) + 30.0 * len(spikes)
    layout = _layout(height=int(room) + 110)
    traces, top = [], 1.0
    notes = []
    for index, (part, height) in enumerate(zip(spikes, heights, strict=True)):
        number = "" if index == 0 else str(index + 1)
        top -= gap / room
        bottom = max(top - height / room, 0.0)
        block, steps = int(part["block_neurons"]), int(part["block_steps"])
        counts = np.asarray(part["counts"], float).T
        traces.append(
            {
                "type": "heatmap",
                "z": _cells(np.where(counts > 0, counts, np.nan)),
                "x0": 0,
                "dx": steps,
                "y0": 0,
                "dy": block,
                "yaxis": f"y{number}",
                "hovertemplate": "row %{x}, neuron %{y}: %{z:,} events"
                f"<extra>{_safe(part['name'])}</extra>",
                "hoverongaps": False,
                "colorscale": [[0, "#9ECAE1"], [1, "#08306B"]],
                "showscale": False,
            }
        )
        layout[f"yaxis{number}"] = _axis("", domain=[bottom, top], nticks=3)
        notes.append(
            {
                "text": _safe(part["label"]),
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": top,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 11, "color": INK},
            }
        )
        top = bottom
    last = "" if len(spikes) == 1 else str(len(spikes))
    layout["xaxis"] = _axis("row (one barrier of the chip)", anchor=f"y{last}")
    layout["annotations"] = notes
    return {"data": traces, "layout": layout}


def latency_figure(causes: Mapping[str, Sequence[float]], label: str) -> Spec:
    """What each barrier waited for, in time: stacked by cause."""
    longest = max((sum(column) for column in zip(*causes.values(), strict=True)), default=1.0)
    factor, unit = fitting(longest, "ns")
    traces = [
        {
            "type": "bar",
            "name": _safe(cause),
            "x": list(range(len(values))),
            "y": [float(value) / factor for value in values],
            "hovertemplate": f"row %{{x}}<br>{_safe(cause)}: %{{y:.4g}} {unit}<extra></extra>",
            "marker": {"color": _CAUSE_COLOURS[index % len(_CAUSE_COLOURS)], "line": {"width": 0}},
        }
        for index, (cause, values) in enumerate(causes.items())
    ]
    layout = _layout(height=380)
    layout |= {
        "barmode": "stack",
        "bargap": 0,
        "xaxis": _axis("row (one barrier of the chip)"),
        "yaxis": _axis(f"{label} ({unit})"),
    }
    return {"data": traces, "layout": layout}


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
        "y": [_safe(row["name"]) for row in shown],
        "x": middle.tolist(),
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": (high - middle).tolist(),
            "arrayminus": (middle - low).tolist(),
            "color": INK,
            "thickness": 1.2,
        },
        "customdata": [[float(a), float(b), _safe(row[key]["evidence"])]
                       for a, b, row in zip(low, high, shown, strict=True)],
        "hovertemplate": "<b>%{y}</b><br>%{x:.4g} "
        + unit
        + " (%{customdata[0]:.4g} to %{customdata[1]:.4g})<br>%{customdata[2]}<extra></extra>",
        "marker": {"size": 11, "color": [COLOURS[i % len(COLOURS)] for i in range(len(shown))]},
    }  # fmt: skip
    wide = bool(len(shown)) and high.max() > 30 * max(low.min(), 1e-300)
    axis = _axis(f"{label} ({unit})", **(_LOG if wide else {"rangemode": "tozero"}))
    layout = _layout(height=130 + 40 * len(shown), left=True)
    layout |= {
        "showlegend": False,
        "xaxis": axis,
        "yaxis": _axis("", autorange="reversed", type="category"),
    }
    return {"data": [trace], "layout": layout}


def _layout(*, height: int, left: bool = False) -> Spec:
    return {
        "height": height,
        "margin": {"l": 20 if left else 60, "r": 20, "t": 50, "b": 50},
        "font": {"family": _FONT, "size": 12, "color": INK},
        "paper_bgcolor": "#fff",
        "plot_bgcolor": "#fff",
        "hoverlabel": {"align": "left"},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        "showlegend": True,
    }


def _axis(title: str, **more: Any) -> Spec:
    return {
        "title": {"text": title},
        "gridcolor": "#E6E6E6",
        "zeroline": False,
        "automargin": True,
        **more,
    }


def _buttons(buttons: list[Spec], *, active: int) -> Spec:
    return {
        "type": "buttons",
        "direction": "right",
        "active": active,
        "showactive": True,
        "x": 1,
        "xanchor": "right",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 34},
        "buttons": buttons,
    }


def _menu(buttons: list[Spec]) -> Spec:
    return {
        "type": "dropdown",
        "active": 0,
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 8},
        "buttons": buttons,
    }


def _box(x0: float, y0: float, x1: float, y1: float) -> Spec:
    return {
        "type": "rect",
        "x0": x0 - 0.5,
        "y0": y0 - 0.5,
        "x1": x1 + 0.5,
        "y1": y1 + 0.5,
        "line": {"color": "#808080", "width": 1.5},
    }


def _top(layer: Mapping[str, Any], values: Any) -> float:
    if layer["kind"] == "use" and layer.get("limit"):
        return 100.0
    known = values[np.isfinite(values)]
    return float(known.max(initial=0.0)) or 1.0


def _core_hover(placement: Mapping[str, Any], layer: Mapping[str, Any], core: int) -> str:
    lines = [f"<b>{_safe(placement['labels'][core])}</b>", _safe(layer["texts"][core])]
    held = placement["held"][core]
    if held:
        lines += [_safe(name) for name in held[:6]]
    if len(held) > 6:
        lines.append(f"and {len(held) - 6} more")
    return "<br>".join(lines)


def _energy_hover(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    low, middle, high = (amount(float(cell[key]), "pJ") for _, key in _ENERGIES)
    return (
        f"{_safe(cell['cause'])}: {middle} ({low} to {high})<br>"
        f"{float(cell['count']):,.6g} counted, {_safe(cell['evidence'])}"
    )


def _cells(grid: Any) -> list[list[float | None]]:
    """Rows of numbers with None for what is missing: JSON knows no NaN."""
    return [[None if np.isnan(value) else float(value) for value in row] for row in grid]


def _safe(text: object) -> str:
    """plotly.js reads a few tags in its labels."""
    return html.escape(str(text), quote=False)
