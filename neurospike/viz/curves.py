"""Losses and accuracies over a training run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, figure

Floats = NDArray[np.float64]

_TIMES = ("epoch", "step")


def loss_curves(
    history: Mapping[str, ArrayLike] | Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    title: str = "Training",
    score: str = "accuracy",
) -> Path:
    """Draw losses at the left and a score at the right, training and validation together.

    Parameters
    ----------
    history
        Columns by name, or rows as a logger writes them. A column "epoch" or "step" is the time
        axis, counted from 0 where there is none. Names holding "loss" are drawn, and names holding
        "acc" or ending in the score, shares from 0 to 1. Missing values are NaN, None or an empty
        string.
    out
        A .png, .svg or .pdf file.
    score
        What names end in: "accuracy", "mIoU", "AP".

    Raises
    ------
    ArgumentError
        No such column, columns of unequal length, or another suffix.
    """
    columns = _columns(history)
    time_name = next((name for name in _TIMES if name in columns), None)
    length = len(next(iter(columns.values()), np.empty(0)))
    time = columns[time_name] if time_name else np.arange(length, dtype=np.float64)
    losses = {name: c for name, c in columns.items() if "loss" in name.lower()}
    shares = {name: 100 * c for name, c in columns.items() if _is_share(name, score)}
    panels = [panel for panel in (("loss", losses), (f"{score} (%)", shares)) if panel[1]]
    if not panels:
        raise ArgumentError(
            "loss_curves.history: must hold a column named for a loss or an accuracy; "
            f"got {sorted(columns)}."
        )
    with figure(out, 4.6 * len(panels) + 0.2, 3.4) as drawing:
        drawing.suptitle(title, x=0.01, ha="left", fontweight="bold")
        for axes, (label, series) in zip(
            np.atleast_1d(drawing.subplots(1, len(panels))), panels, strict=True
        ):
            _draw(axes, time, series)
            axes.set(xlabel=time_name or "epoch", ylabel=label)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.margins(x=0.02)
    return Path(out)


def _is_share(name: str, score: str) -> bool:
    return "acc" in name.lower() or name.endswith(score)


def _draw(axes: Any, time: Floats, series: Mapping[str, Floats]) -> None:
    # Training first, so that it has one colour in every panel.
    ordered = sorted(series.items(), key=lambda item: "train" not in item[0].lower())
    for index, (name, values) in enumerate(ordered):
        known = np.isfinite(values) & np.isfinite(time)
        colour = COLOURS[index % len(COLOURS)]
        few = int(known.sum()) <= 40
        axes.plot(
            time[known],
            values[known],
            color=colour,
            linestyle="-" if "val" in name.lower() or len(series) == 1 else (0, (4, 1.5)),
            marker="o" if few else None,
            markersize=3.5,
            label=name.replace("_", " "),
        )
    axes.legend()


def _columns(history: Mapping[str, ArrayLike] | Sequence[Mapping[str, Any]]) -> dict[str, Floats]:
    if not isinstance(history, Mapping):
        names = dict.fromkeys(name for row in history for name in row)
        rows = list(history)
        history = {name: np.array([_number(row.get(name)) for row in rows]) for name in names}
    columns = {name: _numbers(values) for name, values in history.items()}
    if len({len(column) for column in columns.values()}) > 1:
        lengths = {name: len(column) for name, column in columns.items()}
        raise ArgumentError(
            f"loss_curves.history: columns must be of one length; got {lengths}. "
            "Fill missing values with NaN."
        )
    return columns


def _numbers(values: Any) -> Floats:
    return np.array([_number(value) for value in values], np.float64)


def _number(value: Any) -> float:
    return float("nan") if value is None or value == "" else float(value)
