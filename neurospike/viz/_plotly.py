"""What figures of plotly.js share, as plain dictionaries."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from neurospike.errors import MissingExtraError
from neurospike.viz._figure import COLOURS, INK

Spec = dict[str, Any]

MANY_COLOURS = (*COLOURS, "#F0E442", "#882255", "#44AA99", "#999933", "#AA4499", "#6699CC")
LOG: Spec = {"type": "log", "dtick": "D2", "exponentformat": "SI"}
"""Of an axis, with ticks at 1, 2 and 5."""

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'


def layout(*, height: int, left: bool = False) -> Spec:
    """What all figures share; with ``left`` names of rows stand to the left of it."""
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


def axis(title: str, **more: Any) -> Spec:
    """One axis, with room for its labels."""
    return {
        "title": {"text": title},
        "gridcolor": "#E6E6E6",
        "zeroline": False,
        "automargin": True,
        **more,
    }


def button_row(choices: list[Spec], *, active: int) -> Spec:
    """A row of buttons above a figure, to the right."""
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
        "buttons": choices,
    }


def menu(choices: list[Spec]) -> Spec:
    """A list to choose from above a figure, to the left."""
    return {
        "type": "dropdown",
        "active": 0,
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 8},
        "buttons": choices,
    }


def box(x0: float, y0: float, x1: float, y1: float) -> Spec:
    """A frame around cells, corners included."""
    return {
        "type": "rect",
        "x0": x0 - 0.5,
        "y0": y0 - 0.5,
        "x1": x1 + 0.5,
        "y1": y1 + 0.5,
        "line": {"color": "#808080", "width": 1.5},
    }


def cells(grid: Any) -> list[list[float | None]]:
    """Rows of numbers with None for what is missing: JSON knows no NaN."""
    return [[None if np.isnan(value) else float(value) for value in row] for row in grid]


def safe(text: object) -> str:
    """plotly.js reads a few tags in its labels."""
    return html.escape(str(text), quote=False)


def plotly_js() -> str:
    """The library itself, as the text of a script element.

    Raises
    ------
    MissingExtraError
        plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError(
            "viz: an interactive page needs plotly, which is not installed; "
            "run `pip install neurospike[train]`."
        ) from error
    library: str = get_plotlyjs()
    # A closing tag inside the library would end its element.
    return library.replace("</script", "<\\/script")
