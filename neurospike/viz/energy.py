"""Energies side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, INK, figure
from neurospike.viz._units import amount, fitting

_MOST_ROWS = 40


def energy_bars(
    rows: Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    title: str = "Energy per inference",
) -> Path:
    """Draw a group of bars a row, a bar for each ``*_pj`` column; several show their totals.

    Parameters
    ----------
    rows
        Mappings with "name" (or "layer") and one or more energies in picojoules, such as
        ``snn_pj`` and ``ann_pj``; a missing one is left out. ``snn_low_pj`` and ``snn_high_pj``
        beside ``snn_pj`` are drawn as its range.

    Raises
    ------
    ArgumentError
        No rows, more than 40, no energies, or one that is negative or not finite.
    """
    names, series = _series(rows)
    factor, unit = fitting(max(float(np.nanmax(values)) for values in series.values()), "pJ")
    shown = {k: v for k, v in series.items() if not k.endswith((" low", " high"))}
    height = 0.8 / len(shown)
    with figure(out, 7.6, 1.3 + (0.18 + 0.2 * len(shown)) * len(names)) as drawing:
        axes = drawing.subplots()
        for index, (label, values) in enumerate(shown.items()):
            at = np.arange(len(names)) + (index - (len(shown) - 1) / 2) * height
            total = amount(float(np.nansum(values)), "pJ")
            axes.barh(
                at,
                values / factor,
                height=0.92 * height,
                color=COLOURS[index % len(COLOURS)],
                label=f"{label}: {total} in all" if len(names) > 1 else label,
            )
            low, high = series.get(f"{label} low"), series.get(f"{label} high")
            if low is not None and high is not None:
                axes.errorbar(
                    values / factor,
                    at,
                    xerr=np.clip([values - low, high - values], 0, None) / factor,
                    fmt="none",
                    ecolor=INK,
                    elinewidth=1.0,
                    capsize=2.5,
                )
            ends = values if high is None else np.fmax(values, high)
            for place, value, end in zip(at, values, ends, strict=True):
                if np.isfinite(value):
                    axes.annotate(
                        amount(float(value), "pJ"),
                        (end / factor, place),
                        xytext=(4, 0),
                        textcoords="offset points",
                        va="center",
                        fontsize=8,
                        color=INK,
                    )
        axes.set_yticks(np.arange(len(names)), names)
        axes.invert_yaxis()
        axes.margins(x=0.14, y=0.01)
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=f"energy ({unit})", title=title)
        if len(shown) > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(shown), fontsize=9)
    return Path(out)


def _series(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    if not 1 <= len(rows) <= _MOST_ROWS:
        raise ArgumentError(
            f"energy_bars.rows: must be 1 to {_MOST_ROWS} rows; got {len(rows)}. "
            "Sum small layers into one row."
        )
    columns = dict.fromkeys(key for row in rows for key in row if str(key).endswith("_pj"))
    series = {
        column.removesuffix("_pj").replace("_", " "): np.array(
            [np.nan if row.get(column) is None else float(row[column]) for row in rows]
        )
        for column in columns
    }
    known = [values[~np.isnan(values)] for values in series.values()]
    if not known or not any(len(values) for values in known):
        raise ArgumentError(
            "energy_bars.rows: must hold energies in columns that end in _pj; "
            f"got {sorted({str(key) for row in rows for key in row})}."
        )
    if any((values < 0).any() or np.isinf(values).any() for values in known):
        raise ArgumentError("energy_bars.rows: energies must be finite and 0 or more.")
    return [str(row.get("name", row.get("layer", index))) for index, row in enumerate(rows)], series
