"""Cores and spikes of a chip page, as plain dictionaries that plotly.js draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurospike.viz._figure import INK
from neurospike.viz._plotly import Spec, axis, box, cells, layout, menu, safe
from neurospike.viz._tables import Rows


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
                "z": cells(grid),
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
                    "title": {"text": safe(layer["unit"]), "side": "right"},
                    "thickness": 14,
                },
            }
        )
        visible = [other == index for other in range(len(layers))]
        buttons.append(
            {"label": safe(layer["name"]), "method": "update", "args": [{"visible": visible}]}
        )
    frame = layout(height=int(np.clip(cell * rows, 120, 1200)) + 110)
    frame |= {
        "xaxis": axis("", visible=False, constrain="domain"),
        "yaxis": axis("", visible=False, scaleanchor="x", constrain="domain"),
        "updatemenus": [menu(buttons)],
        "shapes": [box(*corner) for corner in placement.get("boxes", ())],
    }
    return {"data": traces, "layout": frame}


def raster_figure(spikes: Rows) -> Spec:
    """Events of every population over time, a strip a population."""
    heights = [float(np.clip(len(part["counts"][0]), 24, 96)) for part in spikes]
    gap, room = 30.0, sum(heights) + 30.0 * len(spikes)
    frame = layout(height=int(room) + 110)
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
                "z": cells(np.where(counts > 0, counts, np.nan)),
                "x0": 0,
                "dx": steps,
                "y0": 0,
                "dy": block,
                "yaxis": f"y{number}",
                "hovertemplate": "row %{x}, neuron %{y}: %{z:,} events"
                f"<extra>{safe(part['name'])}</extra>",
                "hoverongaps": False,
                "colorscale": [[0, "#9ECAE1"], [1, "#08306B"]],
                "showscale": False,
            }
        )
        frame[f"yaxis{number}"] = axis("", domain=[bottom, top], nticks=3)
        notes.append(
            {
                "text": safe(part["label"]),
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
    frame["xaxis"] = axis("row (one barrier of the chip)", anchor=f"y{last}")
    frame["annotations"] = notes
    return {"data": traces, "layout": frame}


def _top(layer: Mapping[str, Any], values: Any) -> float:
    if layer["kind"] == "use" and layer.get("limit"):
        return 100.0
    known = values[np.isfinite(values)]
    return float(known.max(initial=0.0)) or 1.0


def _core_hover(placement: Mapping[str, Any], layer: Mapping[str, Any], core: int) -> str:
    lines = [f"<b>{safe(placement['labels'][core])}</b>", safe(layer["texts"][core])]
    held = placement["held"][core]
    if held:
        lines += [safe(name) for name in held[:6]]
    if len(held) > 6:
        lines.append(f"and {len(held) - 6} more")
    return "<br>".join(lines)
