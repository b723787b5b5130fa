"""Where events go: the sites that one event meets, and how many that makes, layer by layer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, FAINT, INK, figure

Ints = NDArray[np.int64]

_MOST_CELLS = 60
_MOST_ROWS = 60
_OCCUPIED, _REACHED, _EVENT = "#C9C9C9", COLOURS[0], COLOURS[1]


def event_targets(
    occupied: ArrayLike,
    event: ArrayLike,
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]],
    out: str | os.PathLike[str],
    *,
    spiking: ArrayLike | None = None,
    title: str = "Targets of one event",
) -> Path:
    """Draw a slice of voxels, and what one event reaches in it, a panel a mode.

    Parameters
    ----------
    occupied
        (N, 2) integers, the occupied sites of the slice.
    event
        (2,), the site that the event comes from.
    panels
        Title -> (reached, probed): (R, 2) the sites that the event adds to, and (P, 2) the sites
        that were looked at and had nothing.
    spiking
        (S, 2), the sites with a spike in this step; they get a dot.

    Raises
    ------
    ArgumentError
        No panels, rows of another shape, or a slice longer than 60 sites.
    """
    if not panels:
        raise ArgumentError("event_targets.panels: must hold one panel or more; got none.")
    cells = _rows("occupied", occupied)
    at = _rows("event", np.atleast_2d(np.asarray(event)))
    dots = _rows("spiking", () if spiking is None else spiking)
    drawn = {
        name: (_rows("panels", reached), _rows("panels", probed))
        for name, (reached, probed) in panels.items()
    }
    every = np.concatenate([cells, at, *(part for pair in drawn.values() for part in pair)])
    low, high = every.min(0) - 1, every.max(0) + 2
    if (high - low).max() > _MOST_CELLS:
        raise ArgumentError(
            f"event_targets.occupied: the slice must be {_MOST_CELLS} sites long at most; got "
            f"{int((high - low).max())}. Cut a window out of it."
        )
    across, along = high - low
    width = 3.0
    with figure(out, width * len(drawn) + 0.2, width * float(along / across) + 1.0) as drawing:
        drawing.suptitle(title, x=0.01, ha="left", fontweight="bold")
        all_axes = drawing.subplots(1, len(drawn), squeeze=False)[0]
        for axes, (name, (reached, probed)) in zip(all_axes, drawn.items(), strict=True):
            _grid(axes, low, high)
            _squares(axes, cells, facecolor=_OCCUPIED, edgecolor="none")
            _squares(axes, reached, facecolor=_REACHED, edgecolor="none", alpha=0.55)
            _squares(axes, at, facecolor="none", edgecolor=_EVENT, linewidth=2.6, zorder=4)
            axes.plot(*(dots + 0.5).T, "o", color=INK, markersize=4, zorder=5)
            axes.plot(*(probed + 0.5).T, "x", color=COLOURS[6], markersize=6, zorder=5)
            axes.set_title(name, fontsize=9, fontweight="normal")
        drawing.legend(
            handles=_key(len(dots) > 0, any(len(probed) for _, probed in drawn.values())),
            loc="outside lower left",
            ncols=5,
            fontsize=8.5,
        )
    return Path(out)


def count_bars(
    rows: Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    label: str,
    title: str,
) -> Path:
    """Draw a group of bars a row on a logarithmic axis, a bar for each column but ``name``.

    Parameters
    ----------
    rows
        Mappings with "name" and one or more counts; the same columns in all. A count of 0, or
        None, has no bar.
    label
        What is counted, with its unit.

    Raises
    ------
    ArgumentError
        No rows, more than 60, other columns in one row than in the first, nothing above 0, or a
        count that is negative or not finite.
    """
    names, columns = _columns(rows)
    height = 0.82 / len(columns)
    with figure(out, 7.6, 1.3 + (0.1 + 0.15 * len(columns)) * len(names)) as drawing:
        axes = drawing.subplots()
        top = max(float(np.nanmax(values)) for values in columns.values())
        for index, (column, values) in enumerate(columns.items()):
            at = np.arange(len(names)) + (index - (len(columns) - 1) / 2) * height
            axes.barh(
                at,
                values,
                height=0.9 * height,
                color=COLOURS[index % len(COLOURS)],
                label=f"{column}: {_short(float(np.nansum(values)))} in all",
            )
            for place, value in zip(at, values, strict=True):
                if np.isfinite(value):
                    axes.annotate(
                        _short(float(value)),
                        (value, place),
                        xytext=(3, 0),
                        textcoords="offset points",
                        va="center",
                        fontsize=7,
                        color=INK,
                    )
        axes.set_xscale("log")
        axes.set_xlim(right=top * 4)
        axes.set_yticks(np.arange(len(names)), names)
        axes.invert_yaxis()
        axes.margins(y=0.01)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(label)
        drawing.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        drawing.legend(loc="outside lower left", ncols=len(columns), fontsize=8.5)
    return Path(out)


def _grid(axes: Any, low: Ints, high: Ints) -> None:
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_xticks(np.arange(low[0], high[0] + 1), [])
    axes.set_yticks(np.arange(low[1], high[1] + 1), [])
    axes.tick_params(length=0)
    axes.grid(color=FAINT, linewidth=0.5)


def _squares(axes: Any, cells: Ints, **style: Any) -> None:
    from matplotlib.collections import PolyCollection

    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    style = {"zorder": 2, "linewidth": 0, **style}
    axes.add_collection(PolyCollection(list(cells[:, None, :] + corners), **style))


def _key(dots: bool, crosses: bool) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    key: list[Any] = [
        Patch(facecolor=_OCCUPIED, label="occupied"),
        Patch(facecolor="none", edgecolor=_EVENT, linewidth=2, label="the event"),
        Patch(facecolor=_REACHED, alpha=0.55, label="adds to"),
    ]
    if dots:
        key.append(
            Line2D([], [], marker="o", color=INK, linestyle="", markersize=4, label="spiking")
        )
    if crosses:
        key.append(
            Line2D([], [], marker="x", color=COLOURS[6], linestyle="", label="looked at: nothing")
        )
    return key


def _rows(name: str, given: ArrayLike) -> Ints:
    cells = np.asarray(given)
    if cells.size == 0:
        return np.zeros((0, 2), np.int64)
    if cells.ndim != 2 or cells.shape[1] != 2 or cells.dtype.kind not in "iu":
        raise ArgumentError(
            f"event_targets.{name}: must be integers (N, 2), a site a row; got {cells.dtype} of "
            f"shape {cells.shape}."
        )
    return cells.astype(np.int64)


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    if not 1 <= len(rows) <= _MOST_ROWS:
        raise ArgumentError(f"count_bars.rows: must be 1 to {_MOST_ROWS} rows; got {len(rows)}.")
    names = [key for key in rows[0] if key != "name"]
    if not names or any(list(row) != list(rows[0]) for row in rows):
        raise ArgumentError(
            "count_bars.rows: must have 'name' and the same counts in every row; got "
            f"{sorted({str(key) for row in rows for key in row})}."
        )
    columns = {
        name: np.array([float(row[name]) if row[name] else np.nan for row in rows])
        for name in names
    }
    for name, values in columns.items():
        known = values[~np.isnan(values)]
        if (known < 0).any() or np.isinf(known).any():
            raise ArgumentError(f"count_bars.rows: {name!r} must be finite and 0 or more.")
    if not any(np.isfinite(values).any() for values in columns.values()):
        raise ArgumentError("count_bars.rows: must hold a count above 0; got none.")
    columns = {name: values for name, values in columns.items() if np.isfinite(values).any()}
    return [str(row.get("name", index)) for index, row in enumerate(rows)], columns


def _short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"
